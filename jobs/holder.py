"""The holder of one cluster: the one place from which it is read and written, as long as the lease is ours.

A sync runs in a task of the holder, so that waiting for health takes no place in the queue. An application is in one sync at a time; a
newer commit ends the waiting of an older one. What drifts is put back at once, as a job of its own.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import structlog
from redis.exceptions import RedisError

from jobs import metrics
from jobs.context import Context
from jobs.follow import input_record, supersede
from jobs.observe import Progress, field_records, hold_records, unhealthy_records
from jobs.queue import Workload, work
from jobs.records import ApplicationRecord, DriftRecord, JobKind, JobRecord, JobState
from jobs.tasks import give_up, guarded
from jobs.verdicts import conclude
from reconciler.errors import Stalled, TrueupError, Waiting
from reconciler.kube.cluster import Cluster
from reconciler.model.declared import Application, DriftPolicy, GitSource, Name
from reconciler.model.intent import Approval, Intent
from reconciler.model.objects import LiveMetadata, ObjectKey
from reconciler.model.outcome import Action, Drift, DriftKind, HealthStatus, Revision, SyncReport, SyncState
from reconciler.sync.decide import accept, decide
from reconciler.sync.environment import Environment
from reconciler.sync.findings import find
from reconciler.sync.run import Order, Outcome, repair, sync
from reconciler.sync.source import Target, Workshop, load

log = structlog.get_logger()

FIGHTS = 5
"""Repairs of one object within FIGHT_SECONDS that are done at once; then somebody fights us, and each waits longer."""

FIGHT_SECONDS = 60.0
LONGEST_SECONDS = 300.0

DRIFTS = 20
"""Findings that are kept of an application."""

REDIS_SECONDS = 0.5
"""Pause before what Redis was in the way of is tried again."""


class Holder:
    """One cluster, held."""

    def __init__(self, context: Context, name: str, cluster: Cluster) -> None:
        self._context = context
        self._name = name
        self._cluster = cluster
        workshop = Workshop(context.mirrors, context.renderer, context.declarations.repositories)
        self._environment = Environment(context.instance, cluster, workshop, context.seal_key)
        self._locks: dict[Name, asyncio.Lock] = {}
        self._preempt: dict[Name, tuple[str, asyncio.Event]] = {}
        """The commit that each application is being synced to, and what ends the waiting."""
        self._drifted: dict[Name, dict[ObjectKey, tuple[Drift, ...]]] = {}
        self._drift_seen = asyncio.Event()
        self._repairs: dict[ObjectKey, deque[float]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Hold the cluster until cancelled."""
        await self._cluster.resume()
        self._cluster.index.listen(self._on_change)
        metrics.HELD.inc()
        load_ = Workload(
            queue=self._context.keys.cluster_queue(self._cluster.uid),
            tasks={"sync": self._take},
            context=self._context,
            concurrency=self._context.settings.concurrency,
        )
        try:
            await self._resume()
            async with asyncio.TaskGroup() as group:
                group.create_task(work(self._context.url, load_))
                group.create_task(self._watch_drift())
                group.create_task(self._watch_declarations())
                group.create_task(self._sweep())
        finally:
            metrics.HELD.dec()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- syncs

    async def _take(self, _: Mapping[str, Any], job_id: str) -> None:
        """Take a job up in a task of our own."""
        task = asyncio.create_task(self._persist(job_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _persist(self, job_id: str) -> None:
        """Do a job; when Redis goes away meanwhile, do it again when it is back."""
        while True:
            try:
                return await guarded(self._context, job_id, self._work)
            except (RedisError, OSError) as error:
                log.warning("job.interrupted", job=job_id, error=str(error))
                await asyncio.sleep(REDIS_SECONDS)

    async def _work(self, context: Context, job: JobRecord) -> None:
        """Sync a job's applications in this cluster as one unit, and conclude the job."""
        applications = [a for name in job.applications if (a := self._ours().get(Name.parse(name)))]
        if not applications:
            raise Stalled(f"none of {', '.join(job.applications) or 'its applications'} is declared for this cluster any more")
        if job.state is not JobState.RUNNING:
            await context.jobs.transition(job.id, JobState.RUNNING, "")
        wanted = {application.name: (await self._target(application)).revision.commit for application in applications}
        async with self._exclusive(wanted) as preempted:
            self._refresh()
            targets = [await self._target(application) for application in applications]
            if await self._is_overtaken(job, targets):
                return
            progress = Progress(context.jobs, job.id, self._name)
            async with progress.written():
                order = Order(targets, preempted, await self._approvals(job, targets))
                outcome = await sync(order, self._environment, progress)
            await self._note(job, targets, outcome)
        await self._conclude(job, outcome.reports)

    async def _is_overtaken(self, job: JobRecord, targets: Sequence[Target]) -> bool:
        """Whether the ref is elsewhere by now; an older commit is never applied after a newer one."""
        if not job.ref or not job.commit:
            await self._context.jobs.update(job.id, commit=targets[0].revision.commit, ref=targets[0].revision.ref)
            return False
        head = await self._context.heads.head(job.repository, job.ref)
        if head in ("", job.commit):
            return False
        await supersede(self._context, job, self._context.repository_of(job), head)
        return True

    async def _target(self, application: Application) -> Target:
        """The application at the commits that its refs are at, as last observed."""
        return Target(application, tuple([await self._revision(source) for source in application.sources]))

    async def _revision(self, source: GitSource) -> Revision:
        if len(source.revision) in (40, 64) and all(c in "0123456789abcdef" for c in source.revision):
            return Revision("", source.revision)
        heads = await self._context.heads.heads(str(source.repository))
        for ref in (source.revision, f"refs/heads/{source.revision}", f"refs/tags/{source.revision}"):
            if ref in heads:
                return Revision(ref, heads[ref])
        raise Waiting(f"{source.repository} has no branch or tag {source.revision!r}, as far as is known", retry_seconds=5.0)

    async def _approvals(self, job: JobRecord, targets: Sequence[Target]) -> Mapping[Name, str]:
        """What people approved: kept in the cluster, from the job on until it is used."""
        records = self._cluster.records
        if job.kind is JobKind.APPROVAL and job.approves:
            approval = Approval(job.approves, job.actor, datetime.now(UTC).isoformat())
            await records.put_intent(targets[0].name, Intent(approval))
        intents = await records.intents()
        return {name: intent.approval.digest for name, intent in intents.items() if intent.approval is not None}

    async def _note(self, job: JobRecord, targets: Sequence[Target], outcome: Outcome) -> None:
        """Write down what was rendered and applied, and how the applications are."""
        applications = {target.name: target.application for target in targets}
        for name, by_repository in outcome.inputs.items():
            for repository, inputs in by_repository.items():
                record = input_record(applications[name], inputs.read | inputs.probed)
                await self._context.heads.put_inputs(str(repository), {str(name): record})
        for target, report in zip(targets, outcome.reports, strict=True):
            if _was_applied(report) and target.name in outcome.inputs:
                for source, revision in zip(target.application.sources, target.revisions, strict=True):
                    name_of_source = str(source.repository)
                    await self._context.heads.clean(name_of_source, revision.ref, revision.commit, [str(target.name)])
            if report.state is SyncState.SUCCEEDED and any(step.action is Action.DELETE for step in report.steps):
                await self._cluster.records.put_intent(target.name, Intent())
        await self._context.applications.put(
            [await self._record(target, report, job) for target, report in zip(targets, outcome.reports, strict=True)]
        )

    async def _conclude(self, job: JobRecord, reports: Iterable[SyncReport]) -> None:
        """End the job when all its syncs have ended, in every cluster; or have it tried again."""
        context = self._context
        fresh = await context.jobs.load(job.id)
        if fresh is None or len(fresh.syncs) < len(fresh.applications):
            return
        state, message = conclude(fresh.syncs)
        waits = [report.retry_seconds for report in reports if report.retry_seconds is not None]
        if state is JobState.WAITING and waits:
            await give_up(context, fresh, Waiting(message, retry_seconds=min(waits)))
            return
        if state is JobState.RUNNING:
            return
        await context.jobs.add_stage(job.id, "finished")
        if await context.jobs.transition(job.id, state, message):
            metrics.JOBS.labels(job.kind, state).inc()
            log.info("job.finished", job=job.id, state=str(state), message=message)
            await context.tell_forge(fresh, context.repository_of(fresh), state, message)

    async def _record(self, target: Target, report: SyncReport, job: JobRecord) -> ApplicationRecord:
        application = target.application
        known = await self._context.applications.get(str(application.name))
        rendering = self._environment.desired.of(application.name)
        is_live = _was_applied(report)
        return ApplicationRecord(
            name=str(application.name),
            repository=str(application.sources[0].repository),
            revision=str(target.revision) if is_live or known is None else known.revision,
            desired=str(target.revision),
            path=application.sources[0].path,
            cluster=self._name,
            namespace=application.destination.namespace,
            state=report.state,
            health=report.health.status if is_live else (known.health if known else HealthStatus.UNKNOWN),
            message=report.message,
            objects=len(rendering.manifests) if rendering else 0,
            job=job.id,
            held_digest=report.held_digest,
            holds=hold_records(report.holds),
            unhealthy=unhealthy_records(report),
            drift=known.drift if known else (),
            updated=datetime.now(UTC),
        )

    @asynccontextmanager
    async def _exclusive(self, wanted: Mapping[Name, str]) -> AsyncIterator[Mapping[Name, asyncio.Event]]:
        """Have these applications to oneself; whoever waits for the health of another commit gives way.

        Args:
            wanted: the commit that each application is to be at.
        """
        ordered = sorted(wanted)
        for name in ordered:
            commit, event = self._preempt.get(name, ("", asyncio.Event()))
            if commit != wanted[name]:
                event.set()
        locks = [self._locks.setdefault(name, asyncio.Lock()) for name in ordered]
        taken: list[asyncio.Lock] = []
        try:
            for lock in locks:
                await lock.acquire()
                taken.append(lock)
            events = {name: asyncio.Event() for name in ordered}
            self._preempt |= {name: (wanted[name], event) for name, event in events.items()}
            yield events
        finally:
            for lock in taken:
                lock.release()

    # --- declarations

    async def _resume(self) -> None:
        """Render everything at the commits that are known, so that drift and strays are seen; nothing is written."""
        self._refresh()
        targets = []
        for application in self._environment.applications.values():
            try:
                targets.append(await self._target(application))
            except Waiting:
                continue  # its head was never observed: the next poll makes a job of it
        sources = await load(targets, self._environment.workshop)
        refused = await accept(sources, targets, self._environment)
        waiting = [target for target in targets if target.name not in refused and self._is_out_of_date(target)]
        await self._declare(target.application for target in waiting)
        log.info("cluster.held", cluster=self._name, applications=len(targets), owned=len(self._cluster.index.owned))

    def _is_out_of_date(self, target: Target) -> bool:
        try:
            planned = decide(target, self._environment)
        except TrueupError:
            return True
        return any(step.action not in (Action.KEEP, Action.SKIP, Action.HOLD) for step in planned.steps)

    async def _watch_declarations(self) -> None:
        """Sync what is declared anew or otherwise, and forget what is not declared any more; its objects are left."""
        changed = asyncio.Event()
        self._context.changes.add(changed)
        try:
            while True:
                await changed.wait()
                changed.clear()
                await self._take_declarations()
        finally:
            self._context.changes.discard(changed)

    async def _take_declarations(self) -> None:
        known = dict(self._environment.applications)
        self._refresh()
        now = self._environment.applications
        for name in set(known) - set(now):
            self._environment.desired.forget(name)
            log.warning("application.gone", application=str(name), note="its objects are left as they are")
        await self._declare(a for name, a in now.items() if name not in known or known[name].digest != a.digest)

    async def _declare(self, applications: Iterable[Application]) -> None:
        """Make a job for each ref that these applications follow; one without a known head gets its job from the poll."""
        wanted: dict[tuple[str, str], str] = {}
        for application in applications:
            try:
                target = await self._target(application)
            except Waiting:
                continue
            for source, revision in zip(application.sources, target.revisions, strict=True):
                wanted[str(source.repository), revision.ref] = revision.commit
                await self._context.redis.sadd(
                    self._context.keys.dirty(str(source.repository), revision.ref), str(application.name)
                )
        for (repository, ref), commit in wanted.items():
            await self._context.enqueue(self._context.record(JobKind.DECLARED, repository, ref=ref, commit=commit))

    def _ours(self) -> Mapping[Name, Application]:
        everything = self._context.declarations.applications
        return {name: a for name, a in everything.items() if a.destination.cluster == self._name}

    def _refresh(self) -> None:
        self._environment.applications = self._ours()
        repositories = self._context.declarations.repositories
        self._environment.workshop = Workshop(self._context.mirrors, self._context.renderer, repositories)

    # --- drift

    def _on_change(self, key: ObjectKey, live: LiveMetadata | None) -> None:
        """Told by the index of everything that may be drift; must be quick."""
        rendering = self._environment.desired.declares(key)
        if rendering is None:
            return
        found = find(key, live, self._environment)
        self._cluster.index.mark(key, found)
        if found:
            self._drifted.setdefault(rendering.application.name, {})[key] = found
            self._drift_seen.set()

    async def _watch_drift(self) -> None:
        """Put back what drifts, application by application."""
        while True:
            await self._drift_seen.wait()
            self._drift_seen.clear()
            drifted, self._drifted = self._drifted, {}
            for name, objects in drifted.items():
                task = asyncio.create_task(self._put_back(name, objects))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _put_back(self, name: Name, objects: Mapping[ObjectKey, tuple[Drift, ...]]) -> None:
        """Repair some objects of an application, and tell the story as a job."""
        application = self._environment.applications.get(name)
        if application is None:
            return
        await asyncio.sleep(max(self._patience(key) for key in objects))
        async with self._locks.setdefault(name, asyncio.Lock()):
            rendering = self._environment.desired.of(name)
            current = {key: found for key in objects if (found := find(key, self._cluster.index.live(key), self._environment))}
            if rendering is None or not current:
                return
            source = application.sources[0]
            revision = rendering.revision
            record = self._context.record(
                JobKind.DRIFT, str(source.repository), ref=revision.ref, commit=revision.commit, applications=(str(name),)
            ).model_copy(update={"state": JobState.RUNNING})
            progress = Progress(self._context.jobs, record.id, self._name)
            target = Target(application, (revision,))
            created = asyncio.create_task(self._context.jobs.create(record))
            report = await repair(target, current, self._environment, progress)
            if application.sync.drift is DriftPolicy.REPAIR:
                for key in current:
                    self._repairs.setdefault(key, deque(maxlen=FIGHTS + 20)).append(time.monotonic())
        try:
            await created
            async with progress.written():
                pass
            await self._told(record, report, current)
        except (RedisError, OSError) as error:
            log.warning("drift.not_told", application=str(name), error=str(error))
        if report.retry_seconds is not None:
            await asyncio.sleep(report.retry_seconds)
            self._drifted.setdefault(name, {}).update(current)
            self._drift_seen.set()

    async def _told(self, record: JobRecord, report: SyncReport, objects: Mapping[ObjectKey, tuple[Drift, ...]]) -> None:
        state = JobState.SUCCEEDED if report.state is SyncState.SUCCEEDED else JobState.FAILED
        findings = [str(finding) for found in objects.values() for finding in found]
        message = report.message if state is JobState.FAILED else f"put back: {'; '.join(findings[:3])}"
        await self._context.jobs.transition(record.id, state, message)
        metrics.JOBS.labels(record.kind, state).inc()
        known = await self._context.applications.get(record.applications[0])
        if known is None:
            return
        now = datetime.now(UTC)
        by_key = {step.key: step for step in report.steps}
        news = [
            DriftRecord(
                object=str(key), identity=key.identity, kind=found[0].kind if found else DriftKind.CHANGED,
                fields=field_records(by_key[key].fields if key in by_key else found[0].fields), at=now, job=record.id,
            )
            for key, found in objects.items()
        ]  # fmt: skip
        drift = (*news, *known.drift)[:DRIFTS]
        await self._context.applications.put([known.model_copy(update={"drift": drift, "updated": now})])

    def _patience(self, key: ObjectKey) -> float:
        """How long to wait before a repair: not at all, until somebody fights us."""
        recent = [at for at in self._repairs.get(key, ()) if time.monotonic() - at < FIGHT_SECONDS]
        return 0.0 if len(recent) < FIGHTS else min(2.0 ** (len(recent) - FIGHTS), LONGEST_SECONDS)

    async def _sweep(self) -> None:
        """The periodic look at everything owned, which finds what a lost watch lost."""
        while True:
            await asyncio.sleep(self._context.settings.sweep)
            try:
                seen = await self._cluster.index.sweep()
                log.info("sweep.finished", cluster=self._name, objects=seen, strays=len(self._cluster.index.strays))
            except TrueupError as error:
                log.warning("sweep.failed", cluster=self._name, error=str(error))


def _was_applied(report: SyncReport) -> bool:
    """Whether all of a revision is in the cluster, healthy or not."""
    if report.state in (SyncState.SUCCEEDED, SyncState.HELD):
        return True
    return report.state is SyncState.FAILED and bool(report.unhealthy) and not any(step.error for step in report.steps)
