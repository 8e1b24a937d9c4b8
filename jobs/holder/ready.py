"""What may be synced in a held cluster now, and at which commits: by people's decisions, by sync windows, by what was rolled back."""

import dataclasses
import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from jobs.holder.held import Held
from jobs.records import JobKind, JobRecord
from jobs.schedule import Closure, closure
from reconciler.errors import PathMissing, TrueupError, Waiting
from reconciler.model.declared import Application, Name
from reconciler.model.intent import Intent, Rollback
from reconciler.model.policy import SyncMode, SyncWindow
from reconciler.plan.intent import Commits, clock, describe_pause, is_refused, is_rolled_back, pause_of
from reconciler.sync.decide import render
from reconciler.sync.desired import Rendering
from reconciler.sync.source import Inputs, Source, Target, load

FOREVER_SECONDS = 10 * 365 * 86400.0
"""Nothing but a person ends the wait."""

DEPENDENCY_SECONDS = 15.0
"""When it is looked again whether a dependency can be synced that stands still until somebody mends it."""

DAY_SECONDS = 86400.0
"""When windows that never seem to open are looked at again."""

Windows = tuple[tuple[SyncWindow, ...], ...]


class Way(enum.Enum):
    """Why something is to be written."""

    AUTOMATIC = enum.auto()
    PEOPLE = enum.auto()
    """Somebody asked for it; windows may permit that."""
    REPAIR = enum.auto()
    """Drift; windows may permit that."""
    RETURN = enum.auto()
    """A failed revision is left: part of the sync that failed, which windows permitted."""

    @classmethod
    def of(cls, job: JobRecord) -> "Way":
        """Whose will a job is."""
        if job.kind is JobKind.ROLLBACK and not job.actor:
            return cls.RETURN
        asked = job.kind in (JobKind.MANUAL, JobKind.PARTIAL, JobKind.APPROVAL) or (
            job.kind in (JobKind.ROLLBACK, JobKind.RESUME) and bool(job.actor)
        )
        is_by_webhook = job.delivery is not None  # by whoever may write at the forge, and may do no more than by a push
        return cls.PEOPLE if asked and not is_by_webhook else cls.AUTOMATIC


@dataclass(frozen=True, slots=True)
class Head:
    """Where the sources of an application are that is held at other commits."""

    target: Target
    rollback: Rollback
    inputs: Mapping[Name, Inputs] = field(default_factory=dict)
    """What the head depends on, where it had to be rendered."""


@dataclass(frozen=True, slots=True)
class Ready:
    """What may be synced, and what may not."""

    targets: Sequence[Target] = ()
    """At the commits they are to be at."""
    heads: Mapping[Name, Head] = field(default_factory=dict)
    """Of those targets that are not at the heads of their refs."""
    refused: Sequence[tuple[Target, TrueupError]] = ()
    unseen: Sequence[tuple[Name, Waiting]] = ()
    """Applications with a ref that nobody has seen yet: there is no commit for them."""

    @property
    def all(self) -> list[Target]:
        """Every target, those that may not be synced last."""
        return [*self.targets, *(target for target, _ in self.refused)]

    @property
    def later(self) -> list[Target]:
        """Where applications are to be that are not synced to it now."""
        return [*(target for target, _ in self.refused), *(head.target for head in self.heads.values())]


class Gate:
    """Judges at one moment which applications may be written."""

    def __init__(self, held: Held, intents: Mapping[Name, Intent], now: datetime) -> None:
        self._instance = windows_of_instance(held)
        self._intents = intents
        self._now = now
        self._closures: dict[Windows, Closure | None] = {}

    def put_off(self, application: Application, way: Way) -> Waiting | None:
        """Why an application may not be written now, and when it is looked at again."""
        pause = pause_of(self._intents.get(application.name, Intent()), self._now)
        if pause is not None:
            return Waiting(describe_pause(pause), retry_seconds=self._seconds_until(pause.until))
        closed = self._closure((application.sync.windows, self._instance))
        if closed is None or way is Way.RETURN:
            return None
        if (way is Way.PEOPLE and closed.permits_people) or (way is Way.REPAIR and closed.permits_repairs):
            return None
        until = f" until {clock(closed.until)}" if closed.until else ""
        seconds = (closed.until - self._now).total_seconds() if closed.until else DAY_SECONDS
        return Waiting(f"outside of its sync windows{until}", retry_seconds=seconds)

    def _closure(self, windows: Windows) -> Closure | None:
        if not any(windows):
            return None
        if windows not in self._closures:
            self._closures[windows] = closure(windows, self._now)
        return self._closures[windows]

    def _seconds_until(self, moment: str) -> float:
        return (datetime.fromisoformat(moment) - self._now).total_seconds() if moment else FOREVER_SECONDS


async def ready(held: Held, targets: Iterable[Target], way: Way) -> Ready:
    """What of these may be synced now; targets that were rolled back are at the commits they are held at."""
    intents = await held.cluster.records.intents()
    gate = Gate(held, intents, datetime.now(UTC))
    found: list[Target] = []
    heads: dict[Name, Head] = {}
    refused: list[tuple[Target, TrueupError]] = []
    for target in targets:
        intent = intents.get(target.name, Intent())
        try:
            if (waiting := gate.put_off(target.application, way)) is not None:
                raise waiting
            head = await _rolled_back(held, target, intent)
        except TrueupError as error:
            refused.append((target, error))
            continue
        if head is not None:
            heads[target.name] = head
        found.append(target if head is None else at(target, head.rollback.commits))
    return _without_dependents(Ready(found, heads, refused))


def _without_dependents(found: Ready) -> Ready:
    """What depends on something that may not be synced waits with it."""
    targets, refused = list(found.targets), list(found.refused)
    for stopped, error in refused:  # grows while it is gone through
        seconds = error.retry_seconds if isinstance(error, Waiting) else DEPENDENCY_SECONDS
        for target in [target for target in targets if stopped.name in target.application.depends_on]:
            targets.remove(target)
            refused.append((target, Waiting(f"waits for {stopped.name}: {error}", retry_seconds=seconds)))
    return Ready(targets, found.heads, refused)


async def restored(held: Held, targets: Sequence[Target]) -> list[Target]:
    """What is in the cluster of these applications, as far as that is known: what a holder begins with.

    One that was rolled back is at what it is held at; also where it is not known whether it still is. One that waits, for people or
    for a window, is at what was applied last; where nobody remembers that it stays unknown, so that nothing of it is drift.
    """
    intents = await held.cluster.records.intents()
    gate = Gate(held, intents, datetime.now(UTC))
    found: list[Target] = []
    waiting: list[Target] = []
    for target in targets:
        intent = intents.get(target.name, Intent())
        if (commits := await _held_at(held, target, intent)) is not None:
            found.append(at(target, commits))
        elif target.application.sync.mode is SyncMode.AUTOMATIC and gate.put_off(target.application, Way.AUTOMATIC) is None:
            found.append(target)
        else:
            waiting.append(target)
    return [*found, *await applied_before(held, waiting)]


async def applied_before(held: Held, targets: Sequence[Target]) -> list[Target]:
    """The targets at what was applied last, as far as that is remembered."""
    histories = await held.context.applications.histories([str(target.name) for target in targets])
    found: list[Target] = []
    for target in targets:
        applied = (outcome.commits for outcome in histories[str(target.name)] if outcome.digest)
        commits = next(applied, ())
        found += [at(target, commits)] if len(commits) == len(target.revisions) else []
    return found


async def _held_at(held: Held, target: Target, intent: Intent) -> Commits | None:
    try:
        head = await _rolled_back(held, target, intent)
    except TrueupError:
        return intent.rollback.commits if intent.rollback else None
    return head.rollback.commits if head else None


async def _rolled_back(held: Held, target: Target, intent: Intent) -> Head | None:
    """The head of an application that is held at other commits; None when it is not.

    Raises:
        TrueupError: when that depends on what the head renders to, and it does not render.
    """
    answer = is_rolled_back(intent, target.commits)
    inputs: Mapping[Name, Inputs] = {}
    if answer is None:
        rendering, inputs = await look(held, target)
        answer = rendering is not None and is_refused(intent, rendering.content)
    return Head(target, intent.rollback, inputs) if answer and intent.rollback else None


async def look(held: Held, target: Target) -> tuple[Rendering | None, Mapping[Name, Inputs]]:
    """What a target renders to, and depends on, without making it the desired state; None when its path is gone.

    Raises:
        TrueupError: when it cannot be fetched or rendered.
    """
    source = (await load([target], held.environment.workshop))[target.name]
    if isinstance(source, PathMissing):
        return None, {}
    if not isinstance(source, Source):
        raise source
    return render(target, source.documents, held.environment), source.inputs


def at(target: Target, commits: Commits) -> Target:
    """A target at other commits of its refs."""
    pairs = zip(target.revisions, commits, strict=True)
    return dataclasses.replace(
        target, revisions=tuple(dataclasses.replace(revision, commit=commit) for revision, commit in pairs)
    )


def windows_of_instance(held: Held) -> tuple[SyncWindow, ...]:
    """The sync windows that hold for every application."""
    return tuple(window.value() for window in held.context.settings.windows)
