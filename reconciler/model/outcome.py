"""What is decided and what came of it: Revision, Plan, Step, Drift, Health, SyncReport."""

import enum
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self, TypeAlias

from reconciler.model.declared import Name
from reconciler.model.gates import Finding
from reconciler.model.objects import Manifest, ObjectKey
from reconciler.model.options import PruneRule


@dataclass(frozen=True, slots=True)
class Revision:
    """A resolved commit, printed `main@sha1:<40 hex>` everywhere."""

    ref: str
    """`refs/heads/main`, `refs/tags/v1`, or empty for a bare commit."""
    commit: str
    """40 hex digits (SHA-1) or 64 (SHA-256)."""

    def __str__(self) -> str:
        """`main@sha1:<hex>`, or `sha1:<hex>` for a bare commit."""
        short = self.ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
        algorithm = "sha256" if len(self.commit) == 64 else "sha1"
        return f"{short}@{algorithm}:{self.commit}" if short else f"{algorithm}:{self.commit}"


class HealthStatus(enum.StrEnum):
    """How an object or application is, from good to bad in this order; the worst of many wins."""

    HEALTHY = "Healthy"
    SUSPENDED = "Suspended"
    """Stopped on purpose: a paused Deployment, a suspended CronJob."""
    PROGRESSING = "Progressing"
    """On its way; becomes Healthy or Degraded."""
    UNKNOWN = "Unknown"
    """Not rendered or not seen yet."""
    MISSING = "Missing"
    """Desired, and not in the cluster."""
    DEGRADED = "Degraded"
    """Failed, or will not get there by itself."""


HEALTH = "trueup.dev/health"
"""Annotation of people: what of an object's health counts, where that is not up to its kind; a `HealthMark`."""


class HealthMark(enum.StrEnum):
    """The words that the annotation may have."""

    IGNORE = "ignore"
    """It is not waited for, and counts as Healthy."""
    ADDRESS = "wait-for-address"
    """An Ingress is on its way until it has an address."""


GOOD = frozenset({HealthStatus.HEALTHY, HealthStatus.SUSPENDED})
"""What a sync waits for."""


@dataclass(frozen=True, slots=True)
class Health:
    """A verdict and the reason for it, in an operator's words."""

    status: HealthStatus
    reason: str = ""

    @classmethod
    def worst(cls, many: Iterable[Self]) -> "Health":
        """The worst of many, first of equals; Healthy of none."""
        order = list(HealthStatus)
        return max(many, key=lambda health: order.index(health.status), default=Health(HealthStatus.HEALTHY))


class DriftKind(enum.StrEnum):
    """How the cluster has left what was desired."""

    CHANGED = "changed"
    """A desired field is no longer ours."""
    MISSING = "missing"
    """The object is gone or going."""
    FOREIGN = "foreign"
    """People put fields beside ours."""
    UNVERIFIABLE = "unverifiable"
    """The server does not keep a desired field even in the answer to our own apply; reported once, never repaired."""


@dataclass(frozen=True, slots=True)
class FieldDrift:
    """One field that drifted, and who did it as far as managedFields tell."""

    path: str
    """As people write it: `spec.replicas`."""
    manager: str = ""
    """The field manager that holds the field now; empty when nobody does."""
    at: str = ""
    """RFC 3339; empty when unknown."""
    desired: str = ""
    """The desired value as JSON; empty for Secrets and when not asked for."""
    found: str = ""
    """The value that was found, as JSON; empty for Secrets and when not asked for."""

    def __str__(self) -> str:
        """`spec.replicas from 3 to 5 by kubectl`; without the values where they are not known."""
        values = f" from {self.desired or 'nothing'} to {self.found or 'nothing'}" if self.desired or self.found else ""
        return f"{self.path}{values}{f' by {self.manager}' if self.manager else ''}"


@dataclass(frozen=True, slots=True)
class Drift:
    """One object that drifted."""

    key: ObjectKey
    kind: DriftKind
    fields: tuple[FieldDrift, ...] = ()

    def __str__(self) -> str:
        """`shop/Deployment/web: spec.replicas changed by kubectl`."""
        if self.kind is DriftKind.MISSING:
            return f"{self.key} is missing"
        parts = [f"{f.path}{f' by {f.manager}' if f.manager else ''}" for f in self.fields]
        return f"{self.key}: {self.kind}: {', '.join(parts)}"


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """An object that we applied, of an API that keeps no record of who owns which field: its values are looked at instead."""

    digest: str
    """Of the content that was applied."""
    drift: "tuple[Drift, ...]" = ()
    """What the last look at its values found."""


@dataclass(frozen=True, slots=True)
class Owned:
    """An object that our Apply entry, our label and our owner annotation all say is ours; the set of them is the inventory."""

    key: ObjectKey
    uid: str
    resource_version: str
    application: Name
    """Who declared it last, as the owner annotation says; it may no longer exist."""
    applied: str
    """The digest of the content that was applied last, from the annotation `trueup.dev/applied`."""
    deleting: bool = False
    prune: PruneRule = PruneRule.GUARDED
    """What the live object's annotations say of its deletion."""
    outlives: bool = False
    """Whether they say that it stays when its application is removed."""
    wave: int = 0
    """What the live object's annotations say of its wave."""
    is_hook: bool = False
    """Whether the live object's annotations say that it is a hook."""
    run: str = ""
    """The live annotation `trueup.dev/run`: in which phase, and for which content, a hook runs."""
    is_kept: bool = False
    """Whether our finalizer keeps the live object."""
    goes_along: bool = False
    """Whether it says itself that it is deleted with its application, once that is no longer declared."""
    owners: tuple[str, ...] = ()
    """uids of what the live object names as its owners: the cluster deletes it with them."""
    drift: tuple[Drift, ...] = ()
    """What left the desired state since, where that is known."""


class Action(enum.StrEnum):
    """What a step does to its object."""

    CREATE = "create"
    UPDATE = "update"
    KEEP = "keep"
    """Nothing to do; costs no request."""
    DELETE = "delete"
    SKIP = "skip"
    """Deliberately left alone; the reason says why."""
    HOLD = "hold"
    """A deletion that waits for an approval."""
    DEFER = "defer"
    """Its kind is not served yet."""
    RUN = "run"
    """A hook that runs."""
    RELEASE = "release"
    """Let go: it stays in the cluster as it is, and is ours no longer."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is done to one object, and why."""

    action: Action
    key: ObjectKey
    reason: str
    manifest: Manifest | None = None
    """What to apply; None for deletions."""
    force: bool = False
    """Take fields from other managers: only for objects that are Owned."""
    drift: tuple[Drift, ...] = ()
    uid: str = ""
    resource_version: str = ""
    """Preconditions of a deletion."""
    wave: int = 0
    """Of what is deleted."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A guard that refused deletions until a person approves exactly this set."""

    guard: str
    """The guard's name: `empty-render`, `most-of-application`, `blast-radius`, `protected-kind`, `application-gone`."""
    reason: str
    keys: tuple[ObjectKey, ...]


def digest_of(keys: Iterable[ObjectKey]) -> str:
    """A name for exactly this set of objects; what an approval is bound to."""
    text = "\n".join(sorted(key.identity for key in keys))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sync of one application will do: stages in order, then deletions in order."""

    application: Name
    revision: Revision
    stages: tuple[tuple[Step, ...], ...]
    """Steps that go together; each stage is applied, and waited for where it must be, before the next."""
    deletions: tuple[Step, ...] = ()
    """DELETE steps, and HOLD steps where a guard refused, in the order of deletion."""
    holds: tuple[Hold, ...] = ()
    hooks: tuple[Step, ...] = ()
    """RUN steps: the hooks that this sync runs when all goes well."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps in order."""
        return (*self.hooks, *(step for stage in self.stages for step in stage), *self.deletions)

    @property
    def held(self) -> tuple[ObjectKey, ...]:
        """Every object whose deletion waits for an approval."""
        return tuple(step.key for step in self.deletions if step.action is Action.HOLD)

    @property
    def held_digest(self) -> str:
        """What an approval must name to release the held deletions; empty when there are none."""
        return digest_of(self.held) if self.held else ""


@dataclass(frozen=True, slots=True)
class StepResult:
    """What came of one step."""

    action: Action
    key: ObjectKey
    reason: str
    fields: tuple[FieldDrift, ...] = ()
    error: str = ""
    """The message for people; empty when the step did what it should."""
    warnings: tuple[str, ...] = ()
    """What the API server warns of, in a dry run."""


class SyncState(enum.StrEnum):
    """How a sync ended, or what it is doing."""

    RUNNING = "running"
    WAITING = "waiting"
    """Not now: paused, a window, a dependency, a deferred kind."""
    HELD = "held"
    """Everything is applied, deletions wait for an approval."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    """A newer commit took its place."""


KindName: TypeAlias = tuple[str, str, str]
"""Group, kind and version."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """What a sync waits for, and of which an event tells; true where that is anything."""

    applications: frozenset[Name] = frozenset()
    """To be healthy."""
    kinds: frozenset[KindName] = frozenset()
    """To be served."""
    objects: frozenset[ObjectKey] = frozenset()
    """To be gone."""

    def __bool__(self) -> bool:
        """Whether anything is waited for."""
        return bool(self.applications or self.kinds or self.objects)


def together(many: Iterable[Awaited]) -> Awaited:
    """Everything that several syncs wait for."""
    found = tuple(many)
    return Awaited(
        frozenset().union(*(each.applications for each in found)),
        frozenset().union(*(each.kinds for each in found)),
        frozenset().union(*(each.objects for each in found)),
    )


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What one sync of one application did."""

    application: Name
    revision: Revision
    state: SyncState
    message: str = ""
    """One line for a commit status: what counts."""
    steps: tuple[StepResult, ...] = ()
    """Without KEEP steps; their number is `kept`."""
    kept: int = 0
    health: Health = field(default_factory=lambda: Health(HealthStatus.UNKNOWN))
    unhealthy: tuple[tuple[ObjectKey, Health], ...] = ()
    unreached: int = 0
    """How many objects were not looked at, since a hook or an earlier wave failed."""
    holds: tuple[Hold, ...] = ()
    held_digest: str = ""
    retry_seconds: float | None = None
    """When to try again; None: when an input changes."""
    awaited: Awaited = field(default_factory=Awaited)
    """What makes it worth trying again at once."""
    notices: tuple[str, ...] = ()
    """What people should know, though nothing is wrong."""
    findings: tuple[Finding, ...] = ()
    """What policies deny and warn of."""


def changed(results: Sequence[StepResult]) -> int:
    """How many objects were created, updated or deleted without an error."""
    did = (Action.CREATE, Action.UPDATE, Action.DELETE, Action.RELEASE)
    return sum(1 for result in results if result.action in did and not result.error)


WITHHELD = "not deleted: the cluster did not tell what it serves of"
"""How the reason begins of a deletion that waits until discovery is whole again."""


class _Done(Protocol):
    """A step, before or after, here or in a record."""

    @property
    def action(self) -> Action: ...
    @property
    def reason(self) -> str: ...


def withheld(steps: Iterable[_Done]) -> int:
    """How many deletions wait until the cluster tells all that it serves."""
    return sum(1 for step in steps if step.action is Action.SKIP and step.reason.startswith(WITHHELD))


def waits(count: int) -> str:
    """That deletions wait until the cluster tells all that it serves; why, and what to do, is a notice."""
    return (
        f"; {count} deletion{' waits' if count == 1 else 's wait'}: the cluster does not tell all that it serves" if count else ""
    )
