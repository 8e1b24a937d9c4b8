"""From what happened to one application to what is said of it: state, and one line for a commit status. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.errors import NotAllowed, Superseded, Transient, TrueupError, Waiting
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import (
    GOOD,
    Action,
    Awaited,
    Health,
    HealthStatus,
    Hold,
    StepResult,
    SyncReport,
    SyncState,
    changed,
    digest_of,
    waits,
    withheld,
)
from reconciler.sync.source import Target

AWAITED_SECONDS = 60.0
"""When it is looked again for what an event should have told of."""

RETRY_SECONDS = 5.0
"""When a sync is tried again that the world was in the way of, and nobody said when."""


@dataclass(frozen=True, slots=True)
class Course:
    """What happened to one application in a sync that ran to its end."""

    results: Sequence[StepResult] = ()
    """Of every step that was more than KEEP."""
    kept: int = 0
    health: Mapping[ObjectKey, Health] = field(default_factory=dict)
    holds: Sequence[Hold] = ()
    unreached: int = 0
    """How many objects were not looked at, since a hook or an earlier wave failed, or a newer commit waits."""
    is_preempted: bool = False
    """Whether a newer commit waits."""
    awaited: Awaited = field(default_factory=Awaited)
    """What has to come before the rest can be done."""

    @property
    def errors(self) -> tuple[str, ...]:
        """What was refused."""
        return tuple(result.error for result in self.results if result.error)

    @property
    def deferred(self) -> tuple[StepResult, ...]:
        """What could not be done yet."""
        return tuple(result for result in self.results if result.action is Action.DEFER)

    @property
    def unhealthy(self) -> tuple[tuple[ObjectKey, Health], ...]:
        """What is not well."""
        return tuple((key, health) for key, health in self.health.items() if health.status not in GOOD)

    @property
    def is_good(self) -> bool:
        """Whether everything is applied and healthy, so that others may go on."""
        return not (self.errors or self.deferred or self.unhealthy or self.unreached)


def report(target: Target, course: Course) -> SyncReport:
    """What a sync that ran to its end has come to."""
    state, message, retry = _verdict(course)
    held = [result.key for result in course.results if result.action is Action.HOLD]
    return SyncReport(
        application=target.name,
        revision=target.revision,
        state=state,
        message=message,
        steps=tuple(course.results),
        kept=course.kept,
        health=Health.worst(course.health.values()),
        unhealthy=course.unhealthy,
        unreached=course.unreached,
        holds=tuple(course.holds),
        held_digest=digest_of(held) if held else "",
        retry_seconds=retry,
        awaited=course.awaited if state is SyncState.WAITING else Awaited(),
    )


def failed(target: Target, error: TrueupError, results: Sequence[StepResult]) -> SyncReport:
    """What a sync has come to that an error ended."""
    retry: float | None = None
    state = SyncState.FAILED
    if isinstance(error, Superseded):
        state = SyncState.SUPERSEDED
    elif isinstance(error, Waiting | Transient):
        state, retry = SyncState.WAITING, error.retry_seconds or RETRY_SECONDS
    awaited = error.awaited if isinstance(error, Waiting) else Awaited()
    findings = error.findings if isinstance(error, NotAllowed) else ()
    return SyncReport(
        target.name, target.revision, state, str(error), tuple(results), retry_seconds=retry, awaited=awaited, findings=findings
    )


def _verdict(course: Course) -> tuple[SyncState, str, float | None]:
    if course.errors:
        return SyncState.FAILED, _first_of(course.errors) + _stopped(course), None
    if course.is_preempted and not course.is_good:
        return SyncState.SUPERSEDED, "a newer commit took its place", None
    if course.deferred:
        told = [f"{each.key}: {each.reason}" for each in course.deferred]
        return SyncState.WAITING, _first_of(told) + _ailing(course), AWAITED_SECONDS if course.awaited else RETRY_SECONDS
    if course.unhealthy:
        told = [f"{key}: {health.reason or health.status}" for key, health in course.unhealthy]
        return SyncState.FAILED, _first_of(told) + _stopped(course), None
    if course.holds:
        return SyncState.HELD, f"held: {course.holds[0].reason}", None
    return SyncState.SUCCEEDED, f"{_done(course)}, all healthy{waits(withheld(course.results))}", None


def _done(course: Course) -> str:
    """`2 objects changed, 1 hook run`."""
    objects, hooks = changed(course.results), sum(1 for result in course.results if result.action is Action.RUN)
    told = [f"{count} {what}{'' if count == 1 else 's'}" for count, what in ((objects, "object"), (hooks, "hook")) if count]
    verbs = ["changed", "run"] if objects else ["run"]
    return ", ".join(f"{text} {verb}" for text, verb in zip(told, verbs, strict=False)) or "nothing to change"


def _ailing(course: Course) -> str:
    """What may be why that which is waited for does not come."""
    bad = [f"{key}: {health.reason}" for key, health in course.unhealthy if health.status is HealthStatus.DEGRADED]
    return f"; meanwhile {_first_of(bad)}" if bad else ""


def _stopped(course: Course) -> str:
    """That what comes after a failure was not begun."""
    count = course.unreached
    return f"; {count} object{'' if count == 1 else 's'} not applied" if count else ""


def _first_of(messages: Sequence[str]) -> str:
    return messages[0] if len(messages) == 1 else f"{messages[0]} (and {len(messages) - 1} more)"
