"""What may be deleted, and what is held until a person approves exactly that set. When a fact is unknown, nothing is deleted.

Each guard is a rule with a name; `docs/concepts.md` tells people about them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from reconciler.model.declared import Name
from reconciler.model.objects import Kinds, ObjectKey
from reconciler.model.outcome import Action, Hold, Owned, Step, digest_of
from reconciler.plan.marks import PRUNE
from reconciler.plan.order import deletion_order

MOST = 3
"""More than half *and* more than this many of an application's objects are "most of it": a rename of two out of three is not."""

JOB_LIMIT = 20
"""More deletions in one job are more than anybody looks through in a pull request."""

JOB_SHARE = 0.05
"""Of everything the cluster has of ours; a job that deletes more is no ordinary one."""

SHARE_FLOOR = 5
"""The share is no guard below this many deletions: one of ten objects is 10 %, and ordinary."""

PROTECTED = frozenset({"Namespace", "CustomResourceDefinition", "PersistentVolume", "PersistentVolumeClaim"})
"""Kinds that take data with them."""


@dataclass(frozen=True, slots=True)
class PruneRequest:
    """The facts that deletions are decided from."""

    application: Name
    renders_nothing: bool
    owned: Mapping[ObjectKey, Owned]
    """Everything this instance owns in the cluster."""
    is_desired: Callable[[ObjectKey], bool]
    """Whether any application desires an object."""
    kinds: Kinds
    deletions_in_job: int = 0
    """How many deletions the other applications of the job plan."""
    approved: str = ""
    """The digest of the set that a person approved; empty: none."""


@dataclass(frozen=True, slots=True)
class Deletions:
    """What is deleted or held, in order."""

    steps: tuple[Step, ...] = ()
    holds: tuple[Hold, ...] = ()


def deletions(request: PruneRequest) -> Deletions:
    """DELETE steps with their preconditions; HOLD steps for all of them where a guard refuses and nobody approved."""
    candidates = _candidates(request)
    if not candidates:
        return Deletions()
    if not request.kinds.is_complete:
        groups = ", ".join(sorted(request.kinds.failed))
        return Deletions(_steps(candidates, Action.SKIP, f"not deleted: the cluster did not tell what it serves of {groups}"))
    kept = {key: owned for key, owned in candidates.items() if owned.prune == "never"}
    candidates = {key: owned for key, owned in candidates.items() if key not in kept}
    skipped = _steps(kept, Action.SKIP, f"not deleted: annotation {PRUNE}: never")
    holds = () if request.approved == digest_of(candidates) else _holds(request, candidates)
    if holds:
        return Deletions((*_steps(candidates, Action.HOLD, holds[0].reason), *skipped), holds)
    return Deletions((*_steps(candidates, Action.DELETE, "no longer in Git"), *skipped))


def _candidates(request: PruneRequest) -> dict[ObjectKey, Owned]:
    return {
        key: owned
        for key, owned in request.owned.items()
        if owned.application == request.application and not owned.deleting and not request.is_desired(key)
    }


def _holds(request: PruneRequest, candidates: Mapping[ObjectKey, Owned]) -> tuple[Hold, ...]:
    keys = tuple(deletion_order(candidates))
    has = sum(1 for owned in request.owned.values() if owned.application == request.application)
    in_job = len(keys) + request.deletions_in_job
    share = in_job / max(len(request.owned), 1)
    protected = tuple(key for key in keys if key.kind in PROTECTED and candidates[key].prune != "allow")
    rules = (
        ("empty-render", request.renders_nothing, f"{request.application} renders to nothing, and has {has} objects", keys),
        (
            "most-of-application",
            len(keys) > MOST and len(keys) * 2 > has,
            f"{len(keys)} of the {has} objects of {request.application} would be deleted",
            keys,
        ),
        ("blast-radius", in_job > JOB_LIMIT, f"{in_job} objects would be deleted in one job, {JOB_LIMIT} may", keys),
        (
            "blast-radius",
            SHARE_FLOOR < in_job <= JOB_LIMIT and share > JOB_SHARE,
            f"{in_job} of {len(request.owned)} objects in the cluster would be deleted in one job, {JOB_SHARE:.0%} may",
            keys,
        ),
        ("protected-kind", bool(protected), f"{_listed(protected)} would take data along; {PRUNE}: allow permits it", protected),
    )
    return tuple(Hold(guard, reason, concerned) for guard, refuses, reason, concerned in rules if refuses)


def vanished(owned: Mapping[ObjectKey, Owned], live: frozenset[Name]) -> Mapping[Name, tuple[ObjectKey, ...]]:
    """Objects of applications that are no longer declared: reported and left."""
    found: dict[Name, list[ObjectKey]] = {}
    for key, entry in owned.items():
        if entry.application not in live:
            found.setdefault(entry.application, []).append(key)
    return {name: tuple(sorted(keys)) for name, keys in sorted(found.items())}


def _steps(candidates: Mapping[ObjectKey, Owned], action: Action, reason: str) -> tuple[Step, ...]:
    return tuple(
        Step(action, key, reason, uid=candidates[key].uid, resource_version=candidates[key].resource_version)
        for key in deletion_order(candidates)
    )


def _listed(keys: Sequence[ObjectKey]) -> str:
    shown = ", ".join(str(key) for key in keys[:3])
    return shown if len(keys) <= 3 else f"{shown} and {len(keys) - 3} more"
