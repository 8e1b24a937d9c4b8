"""The syncs of one cluster: a part of a job is taken up in a task of its own, so that waiting for health takes no place in the queue."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import structlog
from redis.exceptions import RedisError

from jobs.context import Context
from jobs.follow import REFS, supersede
from jobs.holder.awaiting import Awaiting
from jobs.holder.decisions import decide
from jobs.holder.delivered import look_up_times
from jobs.holder.held import UNKNOWN_SECONDS, Held
from jobs.holder.looks import previewed, proposed
from jobs.holder.notes import HEALTHY, applications_of, note
from jobs.holder.ready import Ready, Way, ready
from jobs.holder.removals import Removals
from jobs.holder.rollbacks import roll_back
from jobs.holder.several import given_way, tell_others
from jobs.holder.surroundings import JobSurroundings, go_on_with_dependents
from jobs.observe import Progress
from jobs.plans import conclude_planned
from jobs.records import JobKind, JobRecord, JobState
from jobs.store.parts import Part
from jobs.tasks import give_up, guarded
from jobs.verdicts import conclude
from reconciler.errors import Stalled, Waiting
from reconciler.events import SyncFinished, SyncStarted
from reconciler.model.declared import Name
from reconciler.model.intent import Approval, Intent
from reconciler.model.outcome import Revision, SyncReport, SyncState, together
from reconciler.plan.intent import describe_rollback, is_about
from reconciler.sync.report import failed
from reconciler.sync.run import Order, Outcome, sync
from reconciler.sync.source import Target

log = structlog.get_logger()

TOLD_SECONDS = 60.0
"""A wait that is longer is said on the commit; a shorter one is no news."""

REDIS_SECONDS = 0.5
"""Pause before what Redis was in the way of is tried again."""


class Syncs:
    """Does the parts of jobs that concern one cluster."""

    def __init__(self, held: Held, removals: Removals) -> None:
        self._held = held
        self._context = held.context
        self._awaiting = Awaiting(held.context.jobs)
        self._removals = removals

    async def take(self, _: Mapping[str, Any], job_id: str) -> None:
        """Take a job's part up."""
        self._held.background.start(self._persist(Part(job_id, self._held.cluster.uid)))

    async def _persist(self, part: Part) -> None:
        """Do a part; when Redis goes away meanwhile, do it again when it is back."""
        while True:
            try:
                return await guarded(self._context, part, self._work)
            except (RedisError, OSError) as error:
                log.warning("job.interrupted", job=part.job, error=str(error))
                await asyncio.sleep(REDIS_SECONDS)

    async def _work(self, context: Context, job: JobRecord) -> None:
        """Sync a job's applications in this cluster as one unit, and conclude the job."""
        held = self._held
        held.refresh()
        if self._removals.is_about(job):
            await context.jobs.transition(job.id, JobState.RUNNING, "")
            await self._conclude(job, await self._removals.work(job))
            return
        names = applications_of(job, held)
        if not names:
            raise Stalled(f"none of {', '.join(job.applications) or 'its applications'} is declared for this cluster any more")
        if job.state is not JobState.RUNNING:
            await context.jobs.transition(job.id, JobState.RUNNING, "")
        if job.kind is JobKind.DIFF:
            await self._look(job, names)
            await self._conclude(job, ())
            return
        if job.kind is JobKind.PLAN:
            targets, unseen = await self._targets(names)
            await context.jobs.put_syncs(job.id, await proposed(targets, unseen, held, job))
            await conclude_planned(context, job)
            return
        if not await decide(held, job, names):
            await self._sync_as_it_can_be(job, names)

    async def _sync_as_it_can_be(self, job: JobRecord, names: Sequence[Name]) -> None:
        """Sync, and what waits for others again as soon as that has come; waiting holds neither a place nor a turn."""
        context, part = self._context, Part(job.id, self._held.cluster.uid)
        around = JobSurroundings(self._held, job, self._awaiting)
        while (reports := await self._sync(job, names, around)) is not None:
            seconds = await self._conclude(job, reports)
            late = [report for report in reports if report.state is SyncState.WAITING]
            names = [report.application for report in late]
            if seconds is not None:
                await around.changes(together(report.awaited for report in late), names, seconds)
            if late and await around.is_over():
                await around.tell_why(late)
                return
            if seconds is None or not await context.parts.claim(part, context.worker):
                return
            await context.jobs.transition(job.id, JobState.RUNNING, "")

    async def _sync(self, job: JobRecord, names: Sequence[Name], around: JobSurroundings) -> Sequence[SyncReport] | None:
        """Sync some of a job's applications once; None when a newer commit has taken its place."""
        held, context = self._held, self._context
        wanted = {target.name: target.commits for target in (await self._ready(job, names)).all}
        async with held.turns.taken(wanted) as preempted:
            found = await self._ready(job, names)
            if await self._is_overtaken(job, found.all):
                return None
            progress = Progress(context.jobs, job.id, held.name)
            async with progress.written():
                put_off, unseen = tell_refused(found, progress), tell_unseen(found, progress)
                is_asked = (Way.of(job) is Way.PEOPLE or job.kind is JobKind.MANUAL) and not job.only
                asked_at = job.created.isoformat() if is_asked else ""
                order = Order(
                    found.targets,
                    preempted,
                    await self._approvals(job, found.targets),
                    asked_at,
                    around,
                    only=job.only,
                    is_refreshed=job.refresh,
                    heads=found.later,
                    unseen=tuple(name for name, _ in found.unseen),
                )
                times = look_up_times(held, job, found.targets)
                done, _ = await asyncio.gather(sync(order, held.environment, progress), times)
                outcome = await given_way(held, job, found.targets, done)
            if job.kind is JobKind.PARTIAL:  # says nothing of the whole
                return (*outcome.reports, *put_off, *unseen)
            timed = job.model_copy(update={"syncs": progress.records})
            await note(held, timed, found.all, replace(outcome, reports=(*outcome.reports, *put_off)), found.heads)
            await self._amend(job, progress, found, outcome, preempted)
            await tell_others(held, job, found, outcome)
        await go_on_with_dependents(held, [report.application for report in outcome.reports if report.state in HEALTHY])
        return (*outcome.reports, *put_off, *unseen)

    async def _ready(self, job: JobRecord, names: Sequence[Name]) -> Ready:
        targets, unseen = await self._targets(names)
        return replace(await ready(self._held, targets, Way.of(job)), unseen=unseen)

    async def _amend(
        self, job: JobRecord, progress: Progress, found: Ready, outcome: Outcome, preempted: Mapping[Name, asyncio.Event]
    ) -> None:
        """What failed is rolled back where it is declared so; and a commit that applications are held back from has failed."""
        reports = {report.application: report for report in outcome.reports}
        done = [(target, reports[target.name]) for target in found.targets if target.name not in found.heads]
        returned = await roll_back(self._held, job, done, preempted)
        intents = await self._held.cluster.records.intents()
        news: dict[Name, tuple[SyncState, str]] = {
            report.application: (report.state, report.message)
            for report in outcome.reports
            if report.state is SyncState.WAITING  # also what gave way, which has said otherwise so far
        }
        news |= {name: (SyncState.FAILED, message) for name, message in returned.items()}
        for name in reports.keys() - returned.keys():
            intent, report = intents.get(name, Intent()), reports[name]
            if intent.rollback and job.kind is not JobKind.ROLLBACK and is_about(intent, job.commit):
                news[name] = SyncState.FAILED, describe_rollback(intent.rollback)
            elif name in found.heads:
                news[name] = report.state, f"{describe_rollback(found.heads[name].rollback)}; {report.message}"
        told = [(record, news.get(Name.parse(record.application))) for record in progress.records]
        changed = [record.model_copy(update={"state": new[0], "message": new[1]}) for record, new in told if new]
        await self._context.jobs.put_syncs(job.id, changed)

    async def _look(self, job: JobRecord, names: Sequence[Name]) -> None:
        """Say what a sync would do, and do nothing."""
        targets, unseen = await self._targets(names)
        if unseen:
            raise unseen[0][1]
        first = targets[0].revision
        await self._context.jobs.update(job.id, commit=first.commit, ref=first.ref)
        found = await asyncio.gather(*(previewed(target, self._held, job) for target in targets))
        await self._context.jobs.put_syncs(job.id, found)

    async def _targets(self, names: Sequence[Name]) -> tuple[list[Target], list[tuple[Name, Waiting]]]:
        """Read at the last moment: what is declared, and where its refs are; and the applications with a ref that was never seen.

        Raises:
            Waiting: when that is so of all.
        """
        applications = self._held.refresh()
        declared = [application for name in names if (application := applications.get(name))]
        targets, waiting = await self._held.targets(declared)
        if waiting and not targets:
            raise waiting[0]
        seen = {target.name for target in targets}
        return targets, list(zip((a.name for a in declared if a.name not in seen), waiting, strict=True))

    async def _is_overtaken(self, job: JobRecord, targets: Sequence[Target]) -> bool:
        """Whether the ref is elsewhere by now; an older commit is never applied after a newer one, unless it was rolled back to."""
        if not targets:
            raise Stalled("its applications are not declared any more")
        is_about_target = job.kind not in REFS and any(job.commit == target.revision.commit for target in targets)
        if job.kind is JobKind.ROLLBACK or is_about_target:
            return False
        if not job.ref or not job.commit:
            await self._context.jobs.update(job.id, commit=targets[0].revision.commit, ref=targets[0].revision.ref)
            return False
        head = await self._context.heads.head(job.repository, job.ref)
        if head in ("", job.commit):
            return False
        await supersede(self._context, job, self._context.repository_of(job), head)
        return True

    async def _approvals(self, job: JobRecord, targets: Sequence[Target]) -> Mapping[Name, str]:
        """What people approved: kept in the cluster, from the job on until it is used."""
        records = self._held.cluster.records
        if job.kind is JobKind.APPROVAL and job.approves:
            approval = Approval(job.approves, job.actor, datetime.now(UTC).isoformat())
            await records.change_intent(targets[0].name, lambda intent: replace(intent, approval=approval))
        intents = await records.intents()
        return {name: intent.approval.digest for name, intent in intents.items() if intent.approval is not None}

    async def _conclude(self, job: JobRecord, reports: Iterable[SyncReport]) -> float | None:
        """End the job when all its syncs have ended, in every cluster, or have it tried again.

        Returns:
            Seconds after which this part is to go on by itself, at the latest, since it waits for something that will be told of;
            None when nothing is left to do here.
        """
        context = self._context
        fresh = await context.jobs.load(job.id)
        late = [report for report in reports if report.state is SyncState.WAITING]
        waits = [report.retry_seconds for report in late if report.retry_seconds is not None]
        seconds = min(waits, default=UNKNOWN_SECONDS) if late else None
        is_awaiting = any(report.awaited for report in late)
        if fresh is None or len(fresh.syncs) < len(fresh.applications) or _is_going_on(fresh):
            return seconds if is_awaiting else None
        state, message = conclude(fresh.syncs)
        if state is JobState.WAITING:  # here, or in a cluster that came to its end before this one
            if not any(sync.awaits for sync in fresh.syncs if sync.state is SyncState.WAITING):
                await self._put_off(fresh, message)
                return None
            await context.jobs.transition(job.id, state, message)
            await context.tell_forge(fresh, context.repository_of(fresh), state, message)
            return seconds
        await context.jobs.add_stage(job.id, "finished")
        if await context.end(job, state, message):
            await context.tell_verdict(fresh, state, message)
        return None

    async def _put_off(self, job: JobRecord, message: str) -> None:
        """Have a job tried again at the earliest time that one of its syncs waits for; say so on the commit where that is long."""
        dues = [sync.due for sync in job.syncs if sync.state is SyncState.WAITING and sync.due is not None]
        seconds = (min(dues) - datetime.now(UTC)).total_seconds() if dues else UNKNOWN_SECONDS
        if seconds > TOLD_SECONDS:
            await self._context.tell_forge(job, self._context.repository_of(job), JobState.WAITING, message)
        await give_up(self._context, job, Waiting(message, retry_seconds=max(seconds, 0.0)))


def tell_refused(found: Ready, progress: Progress) -> tuple[SyncReport, ...]:
    """Tell of what may not be synced, as of syncs that have not begun."""
    reports = tuple(failed(target, error, ()) for target, error in found.refused)
    for report in reports:
        progress(SyncStarted(report.application, report.revision))
        progress(SyncFinished(report, 0.0))
    return reports


def tell_unseen(found: Ready, progress: Progress) -> tuple[SyncReport, ...]:
    """Tell of what waits for a commit that nobody has seen yet."""
    reports = tuple(
        SyncReport(name, Revision("", ""), SyncState.WAITING, str(error), retry_seconds=error.retry_seconds)
        for name, error in found.unseen
    )
    for report in reports:
        progress(SyncStarted(report.application, report.revision))
        progress(SyncFinished(report, 0.0))
    return reports


def _is_going_on(job: JobRecord) -> bool:
    """Whether another cluster is at work yet, whatever this one came to."""
    return any(sync.state is SyncState.RUNNING for sync in job.syncs)
