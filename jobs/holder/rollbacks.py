"""`onFailure: rollback`: an application whose new revision failed returns to the last healthy one, within the same job's turn.

What is decided is written into the cluster first. A job that dies then is begun again, finds the application held, and goes on; the
failed revision is not applied a second time.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from jobs import metrics
from jobs.holder.held import Held
from jobs.holder.notes import note
from jobs.holder.ready import Gate, Head, Way, at
from jobs.observe import Progress
from jobs.records import JobKind, JobRecord, JobState
from jobs.store.parts import Part, begun_by
from jobs.tasks import give_up
from jobs.verdicts import conclude
from reconciler.errors import Waiting
from reconciler.model.declared import Name
from reconciler.model.intent import Healthy, Intent, Rollback
from reconciler.model.outcome import SyncReport, SyncState
from reconciler.model.policy import OnFailure
from reconciler.plan.intent import describe_rollback, is_failure, quarantined, returns_to, short
from reconciler.sync.run import Order, sync
from reconciler.sync.source import Target

log = structlog.get_logger()


REASON_LENGTH = 500
"""A reason is for people; the job of the failed sync has all of it."""


@dataclass(frozen=True, slots=True)
class _Failed:
    """An application whose new revision failed, and where it returns to."""

    target: Target
    report: SyncReport
    rollback: Rollback

    def told(self, more: str = "") -> str:
        """What is said on the commit: where the application is now first, since a status is short."""
        return f"rolled back to {short(self.rollback.commits)}{more}: {self.report.message}"


async def roll_back(
    held: Held, job: JobRecord, done: Sequence[tuple[Target, SyncReport]], preempted: Mapping[Name, asyncio.Event]
) -> Mapping[Name, str]:
    """Return what failed to its last healthy revision, where it is declared so; what is to be said of each.

    An application that was paused meanwhile returns when the pause ends.
    """
    overtaken = {name for name, event in preempted.items() if event.is_set()}
    found = await _decided(held, [(target, report) for target, report in done if target.name not in overtaken])
    if not found:
        return {}
    gate = Gate(held, await held.cluster.records.intents(), datetime.now(UTC))
    later = {failed.target.name: paused for failed in found if (paused := gate.put_off(failed.target.application, Way.RETURN))}
    told = {failed.target.name: failed.told(f", when its pause ends ({later.get(failed.target.name)})") for failed in found}
    if now := [failed for failed in found if failed.target.name not in later]:
        reports = await _return(held, job, now, preempted)
        told |= {failed.target.name: _told(failed, reports[failed.target.name]) for failed in now}
    return told


async def _decided(held: Held, done: Sequence[tuple[Target, SyncReport]]) -> list[_Failed]:
    """Write down of each that failed where it returns to."""
    intents = await held.cluster.records.intents()
    found: list[_Failed] = []
    for target, report in done:
        rollback = _returns_to(held, target, report, intents.get(target.name, Intent()))
        if rollback is not None:
            found.append(_Failed(target, report, rollback))
            await held.decide(target.name, lambda intent, rollback=rollback: quarantined(intent, rollback))  # type: ignore[misc]
    return found


def _returns_to(held: Held, target: Target, report: SyncReport, intent: Intent) -> Rollback | None:
    """What is decided about a revision that failed; None when it stays."""
    rendering = held.environment.desired.of(target.name)
    if target.application.sync.on_failure is not OnFailure.ROLLBACK or not is_failure(report) or rendering is None:
        return None
    commits, now = target.commits, datetime.now(UTC).isoformat()
    fallback = returns_to(intent, Healthy(commits, rendering.content))
    if fallback is None:
        log.warning("application.not_rolled_back", application=str(target.name), note="no other revision is known to be healthy")
        return None
    return Rollback(fallback.commits, commits, rendering.content, "", report.message[:REASON_LENGTH], now)


async def _return(
    held: Held, job: JobRecord, found: Sequence[_Failed], preempted: Mapping[Name, asyncio.Event]
) -> Mapping[Name, SyncReport]:
    """Sync what is held now, told as a job of its own."""
    names = tuple(sorted(str(failed.target.name) for failed in found))
    first = found[0].target
    record = held.context.record(
        JobKind.ROLLBACK,
        str(first.application.sources[0].repository),
        ref=job.ref,
        commit=first.revision.commit,
        applications=names,
    ).model_copy(update={"state": JobState.RUNNING})
    part = Part(record.id, held.cluster.uid)
    held.context.running.add(part)
    try:
        return await _sync(held, record, found, preempted)
    finally:
        held.context.running.discard(part)


async def _sync(
    held: Held, record: JobRecord, found: Sequence[_Failed], preempted: Mapping[Name, asyncio.Event]
) -> Mapping[Name, SyncReport]:
    context = held.context
    await context.jobs.create(record, work=begun_by({held.cluster.uid: context.worker}))
    targets = [at(failed.target, failed.rollback.commits) for failed in found]
    heads = {failed.target.name: Head(failed.target, failed.rollback) for failed in found}
    progress = Progress(context.jobs, record.id, held.name)
    async with progress.written():
        order = Order(targets, preempted, heads=[failed.target for failed in found])
        outcome = await sync(order, held.environment, progress)
    await note(held, record.model_copy(update={"syncs": progress.records}), targets, outcome, heads)
    why = {str(failed.target.name): describe_rollback(failed.rollback) for failed in found}
    syncs = [sync.model_copy(update={"message": f"{why[sync.application]}; {sync.message}"}) for sync in progress.records]
    await context.jobs.put_syncs(record.id, syncs)
    state, message = conclude(syncs)
    if state is JobState.WAITING:
        await give_up(context, record, Waiting(message))
    elif await context.jobs.transition(record.id, state, message):
        metrics.JOBS.labels(record.kind, state).inc()
    log.info("application.rolled_back", applications=record.applications, state=str(state), note=message)
    return {report.application: report for report in outcome.reports}


def _told(failed: _Failed, report: SyncReport) -> str:
    if report.state is SyncState.SUCCEEDED:
        return failed.told()
    if report.state is SyncState.HELD:
        return failed.told(f", {report.message}")
    return f"rolling back to {short(failed.rollback.commits)} does not succeed: {report.message}; before that: {failed.report.message}"
