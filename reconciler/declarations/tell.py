"""How one outcome makes the next status of a Repository or an Application. Pure.

*Ready* is the sum of *Synced* and *Healthy*; *Stalled* stands there only while a person must do something, as kstatus has it. A status
that says nothing new equals the one before, times included, so that nothing is written at rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from reconciler.declarations.status import HISTORY, ApplicationStatus, Condition, HeldStatus, OutcomeEntry, RepositoryStatus
from reconciler.model.outcome import Action, Health, HealthStatus, SyncReport, SyncState

NAMED = 20
"""Objects that are named in a status; the others are in the job."""

LONGEST = 1000
"""Letters of a message in a status; the job has all of it."""

_T = TypeVar("_T", ApplicationStatus, RepositoryStatus)


@dataclass(frozen=True, slots=True)
class Synced:
    """What a sync came to, and whose it was."""

    report: SyncReport
    is_live: bool
    """Whether all of the revision is in the cluster, healthy or not."""
    objects: int = 0
    digest: str = ""
    """Of everything that was rendered."""
    actor: str = ""
    job: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """What a status is said of, and when."""

    generation: int
    now: str
    """RFC 3339."""


@dataclass(frozen=True, slots=True)
class _Said:
    """A condition that is to be told."""

    type: str
    status: str
    reason: str
    message: str = ""


def after_sync(status: ApplicationStatus, done: Synced, at: Moment) -> ApplicationStatus:
    """The status once a sync has ended."""
    report = done.report
    changes = {
        "sync": report.state,
        "message": report.message[:LONGEST],
        "desired": str(report.revision),
        "revision": str(report.revision) if done.is_live else status.revision,
        "health": report.health.status if done.is_live else status.health,
        "objects": done.objects,
        "held": held_status(report),
        "history": _remembered(status.history, done, at.now),
    }
    is_synced = done.is_live and report.state is not SyncState.HELD
    word = "Succeeded" if is_synced else str(report.state).capitalize()
    told = [_Said("Synced", _yes(is_synced), word, "" if is_synced else report.message)]
    if done.is_live:
        told.append(_healthy(report.health.status, report.message))
    if report.state is SyncState.FAILED:
        told.append(_Said("Stalled", "True", "Failed", report.message))
    return _summed(_with(status.model_copy(update=changes), told, at), at)


def after_health(status: ApplicationStatus, health: Health, at: Moment) -> ApplicationStatus:
    """The status once the health of the objects is another one, between two syncs."""
    told = [_healthy(health.status, health.reason)]
    stalled = status.condition("Stalled")
    if stalled is not None and told[0].status != "True":
        told.append(_Said("Stalled", "True", stalled.reason, stalled.message))
    return _summed(_with(status.model_copy(update={"health": health.status}), told, at), at)


def waits(status: ApplicationStatus, reason: str, message: str, at: Moment) -> ApplicationStatus:
    """The status of one that is in force and was not synced as it is declared now: people do that, or its branch is unknown."""
    updated = status.model_copy(update={"message": message[:LONGEST]})
    return _summed(_with(updated, [_Said("Synced", "False", reason, message)], at), at)


def refused(status: _T, problems: Sequence[str], at: Moment) -> _T:
    """The status of a declaration that is not in force; what was synced before stays told."""
    message = "; ".join(problems)
    return _with(status, [_Said("Ready", "False", "Invalid", message), _Said("Stalled", "True", "Invalid", message)], at)


def leaves(
    status: ApplicationStatus, reason: str, message: str, at: Moment, *, held: HeldStatus | None = None
) -> ApplicationStatus:
    """The status of one that is being deleted, as long as something of it is there."""
    updated = status.model_copy(update={"message": message[:LONGEST], "held": held})
    return _with(updated, [_Said("Ready", "False", reason, message)], at)


def looked_at(status: RepositoryStatus, error: str, at: Moment, *, moved: str = "") -> RepositoryStatus:
    """The status of a Repository in force: whether its heads could be read, and whether its address is not its own any more."""
    message = "; ".join(filter(None, (error, moved)))
    reason = "Unreachable" if error else "Moved" if moved else "Reachable"
    said = _Said("Ready", "False" if error else "True", reason, message)
    return _with(status, [said], at)


def held_status(report: SyncReport) -> HeldStatus | None:
    """What of a report waits for an approval."""
    if not report.held_digest:
        return None
    held = [str(step.key) for step in report.steps if step.action is Action.HOLD]
    return HeldStatus(digest=report.held_digest, reason=report.message[:LONGEST], objects=tuple(held[:NAMED]))


def _healthy(status: HealthStatus, reason: str) -> _Said:
    match status:
        case HealthStatus.HEALTHY | HealthStatus.SUSPENDED:
            return _Said("Healthy", "True", str(status))
        case HealthStatus.UNKNOWN:
            return _Said("Healthy", "Unknown", str(status), reason)
        case _:
            return _Said("Healthy", "False", str(status), reason)


def _remembered(history: Sequence[OutcomeEntry], done: Synced, now: str) -> tuple[OutcomeEntry, ...]:
    """The history with an outcome before it; what is tried again is none yet, and the same one again stands there once."""
    report = done.report
    if report.state is SyncState.WAITING:
        return tuple(history)
    entry = OutcomeEntry(
        revision=str(report.revision), state=report.state, message=report.message[:LONGEST], digest=done.digest, actor=done.actor,
        job=done.job, at=now,
    )  # fmt: skip
    if history and history[0].model_copy(update={"at": now, "job": done.job}) == entry:
        return tuple(history)
    return (entry, *history)[:HISTORY]


def _summed(status: ApplicationStatus, at: Moment) -> ApplicationStatus:
    """Ready is what Synced and Healthy say together."""
    parts = [found for kind in ("Synced", "Healthy") if (found := status.condition(kind)) is not None]
    lacking = next((found for found in parts if found.status != "True"), None)
    if lacking is not None:
        ready = _Said("Ready", "False", lacking.reason, lacking.message)
    else:
        ready = _Said("Ready", "True", "Succeeded") if len(parts) == 2 else _Said("Ready", "Unknown", "Unknown")
    stalled = status.condition("Stalled")
    kept = [] if stalled is None else [_Said("Stalled", "True", stalled.reason, stalled.message)]
    return _with(status, [ready, *kept], at)


def _with(status: _T, told: Sequence[_Said], at: Moment) -> _T:
    """The status with these conditions, all said of one generation; Stalled goes unless it is told again."""
    before = {found.type: found for found in status.conditions}
    found = {name: known for name, known in before.items() if name != "Stalled"}
    for said in told:
        old = before.get(said.type)
        since = old.last_transition_time if old is not None and old.status == said.status else at.now
        found[said.type] = Condition(
            type=said.type, status=said.status, reason=said.reason, message=said.message[:LONGEST], last_transition_time=since
        )
    conditions = tuple(known.model_copy(update={"observed_generation": at.generation}) for known in found.values())
    return status.model_copy(update={"observed_generation": at.generation, "conditions": conditions})


def _yes(is_so: bool) -> str:  # noqa: FBT001 - a word for it
    return "True" if is_so else "False"
