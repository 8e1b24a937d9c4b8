"""From what happened to one application to what is said of it: state, and one line for a commit status. Pure."""

from collections.abc import Mapping, Sequence

from reconciler.errors import Superseded, Transient, TrueupError, Waiting
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import (
    GOOD,
    Action,
    Health,
    Hold,
    StepResult,
    SyncReport,
    SyncState,
    changed,
    digest_of,
)
from reconciler.sync.source import Target

RETRY_SECONDS = 5.0
"""When a sync is tried again that the world was in the way of, and nobody said when."""


def report(  # noqa: PLR0913 - what happened has this many sides
    target: Target,
    results: Sequence[StepResult],
    kept: int,
    health: Mapping[ObjectKey, Health],
    *,
    holds: Sequence[Hold] = (),
    is_preempted: bool = False,
) -> SyncReport:
    """What a sync that ran to its end has come to."""
    unhealthy = tuple((key, verdict) for key, verdict in health.items() if verdict.status not in GOOD)
    state, message, retry = _verdict(results, unhealthy, holds, is_preempted=is_preempted)
    held = [result.key for result in results if result.action is Action.HOLD]
    return SyncReport(
        application=target.name,
        revision=target.revision,
        state=state,
        message=message,
        steps=tuple(results),
        kept=kept,
        health=Health.worst(health.values()),
        unhealthy=unhealthy,
        holds=tuple(holds),
        held_digest=digest_of(held) if held else "",
        retry_seconds=retry,
    )


def failed(target: Target, error: TrueupError, results: Sequence[StepResult]) -> SyncReport:
    """What a sync has come to that an error ended."""
    retry: float | None = None
    state = SyncState.FAILED
    if isinstance(error, Superseded):
        state = SyncState.SUPERSEDED
    elif isinstance(error, Waiting | Transient):
        state, retry = SyncState.WAITING, error.retry_seconds or RETRY_SECONDS
    message = str(error)
    return SyncReport(target.name, target.revision, state, message, tuple(results), retry_seconds=retry)


def _verdict(
    results: Sequence[StepResult],
    unhealthy: Sequence[tuple[ObjectKey, Health]],
    holds: Sequence[Hold],
    *,
    is_preempted: bool,
) -> tuple[SyncState, str, float | None]:
    errors = [result.error for result in results if result.error]
    deferred = [result for result in results if result.action is Action.DEFER]
    if errors:
        return SyncState.FAILED, _first_of(errors), None
    if deferred:
        return SyncState.WAITING, f"{deferred[0].key}: {deferred[0].reason}", RETRY_SECONDS
    if is_preempted and unhealthy:
        return SyncState.SUPERSEDED, "a newer commit took its place", None
    if unhealthy:
        return SyncState.FAILED, _first_of([f"{key}: {health.reason or health.status}" for key, health in unhealthy]), None
    if holds:
        return SyncState.HELD, f"held: {holds[0].reason}", None
    count = changed(results)
    what = f"{count} object{'' if count == 1 else 's'} changed" if count else "nothing to change"
    return SyncState.SUCCEEDED, f"{what}, all healthy", None


def _first_of(messages: Sequence[str]) -> str:
    return messages[0] if len(messages) == 1 else f"{messages[0]} (and {len(messages) - 1} more)"
