"""What drifts in a held cluster is put back at once, and told as a job; slower where something fights us."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import structlog
from redis.exceptions import RedisError

from jobs import metrics
from jobs.holder.fights import Fight, Fights
from jobs.holder.held import Held
from jobs.observe import Progress, field_records
from jobs.records import DriftRecord, JobKind, JobRecord, JobState
from jobs.store.parts import Part, begun_by
from reconciler.errors import TrueupError
from reconciler.kube.announce import Announcement, announce
from reconciler.model.declared import Application, DriftPolicy, Name
from reconciler.model.objects import LiveMetadata, ObjectKey
from reconciler.model.outcome import Action, Drift, DriftKind, StepResult, SyncReport, SyncState
from reconciler.sync.findings import find, look_closer
from reconciler.sync.run import repair
from reconciler.sync.source import Target

log = structlog.get_logger()

FINDINGS = 20
"""Findings that are kept of an application."""

ANNOUNCED = 20
"""Objects of one job that get an Event of the cluster; who does more at once finds the rest in the job."""

DONE = frozenset({Action.CREATE, Action.UPDATE})

Findings = Mapping[ObjectKey, tuple[Drift, ...]]


class Repairs:
    """Puts back what drifts in one cluster."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._drifted: dict[Name, dict[ObjectKey, tuple[Drift, ...]]] = {}
        self._seen = asyncio.Event()
        self._fights = Fights()

    def on_change(self, key: ObjectKey, live: LiveMetadata | None) -> None:
        """Told by the index of everything that may be drift; must be quick."""
        environment = self._held.environment
        rendering = environment.desired.declares(key)
        if rendering is None:
            return
        found = find(key, live, environment)
        environment.cluster.index.mark(key, found)
        if found:
            self._drifted.setdefault(rendering.application.name, {})[key] = found
            self._seen.set()

    def on_suspicion(self, key: ObjectKey) -> None:
        """Told by the index of an object that changed though nobody says so; must be quick."""
        environment = self._held.environment
        found = find(key, environment.cluster.index.live(key), environment)
        if all(drift.kind is DriftKind.FOREIGN for drift in found):  # else an apply is on its way, and puts all of it back
            self._held.background.start(self._look_closer(key))

    async def _look_closer(self, key: ObjectKey) -> None:
        environment = self._held.environment
        try:
            if await look_closer(key, environment):
                self.on_change(key, environment.cluster.index.live(key))
        except TrueupError as error:
            log.warning("drift.not_looked_at", object=str(key), error=str(error))

    async def put_back_forever(self) -> None:
        """Application by application, at once."""
        while True:
            await self._seen.wait()
            self._seen.clear()
            drifted, self._drifted = self._drifted, {}
            for name, objects in drifted.items():
                self._held.background.start(self._put_back(name, objects))

    async def _put_back(self, name: Name, objects: Findings) -> None:
        """Repair some objects of an application, and tell the story as a job."""
        application = self._held.environment.applications.get(name)
        if application is None:
            return
        fights = self._fights_over(objects)
        await asyncio.sleep(max((fight.pause_seconds for fight in fights), default=0.0))
        async with self._held.turns.between(name):
            current = self._still_drifted(objects)
            target = self._target(application)
            if not current or target is None:
                return
            record = self._record(target)
            part = Part(record.id, self._held.cluster.uid)
            self._held.context.running.add(part)
            try:
                report = await self._repair(record, target, current, fights)
            finally:
                self._held.context.running.discard(part)
        if report.retry_seconds is not None:
            await asyncio.sleep(report.retry_seconds)
            self._drifted.setdefault(name, {}).update(current)
            self._seen.set()

    def _still_drifted(self, objects: Findings) -> Findings:
        environment = self._held.environment
        index = environment.cluster.index
        return {key: found for key in objects if (found := find(key, index.live(key), environment))}

    def _target(self, application: Application) -> Target | None:
        """What the application was last rendered from."""
        rendering = self._held.environment.desired.of(application.name)
        return Target(application, (rendering.revision,)) if rendering else None

    def _record(self, target: Target) -> JobRecord:
        application, revision = target.application, target.revision
        return self._held.context.record(
            JobKind.DRIFT, str(application.sources[0].repository),
            ref=revision.ref, commit=revision.commit, applications=(str(application.name),),
        ).model_copy(update={"state": JobState.RUNNING})  # fmt: skip

    async def _repair(self, record: JobRecord, target: Target, current: Findings, fights: list[Fight]) -> SyncReport:
        """The repair does not wait for Redis: what it is told by is written beside it, and after it."""
        held, jobs = self._held, self._held.context.jobs
        progress = Progress(jobs, record.id, target.application.destination.cluster)
        created = asyncio.create_task(jobs.create(record, work=begun_by({held.cluster.uid: held.context.worker})))
        report = await repair(target, current, held.environment, progress)
        if target.application.sync.drift is DriftPolicy.REPAIR:
            for key in current:
                self._fights.repaired(key, time.monotonic())
        try:
            await created
            async with progress.written():
                pass
            await self._tell(record, report, current, fights)
        except (RedisError, OSError) as error:
            log.warning("drift.not_told", application=str(target.name), error=str(error))
        return report

    def _fights_over(self, objects: Findings) -> list[Fight]:
        found = [fight for key, drift in objects.items() if (fight := self._fights.over(key, drift, time.monotonic()))]
        for fight in found:
            metrics.FIGHTS.inc()
            log.warning("drift.fought", object=str(fight.key), by=fight.opponents, repairs=fight.repairs, note=str(fight))
        return found

    async def _announce(self, report: SyncReport, fights: list[Fight]) -> None:
        """Tell it in the cluster, where operators look first; a server that does not take it changes nothing."""
        cluster, instance = self._held.cluster, self._held.context.instance
        fought = {fight.key: fight for fight in fights}
        try:
            for step in report.steps[:ANNOUNCED]:
                if (live := cluster.index.live(step.key)) is not None:
                    await announce(cluster.client, live, instance, _told(step, fought))
        except TrueupError as error:
            log.warning("drift.not_announced", application=str(report.application), error=str(error))

    async def _tell(self, record: JobRecord, report: SyncReport, objects: Findings, fights: list[Fight]) -> None:
        context = self._held.context
        state = JobState.SUCCEEDED if report.state is SyncState.SUCCEEDED else JobState.FAILED
        await context.end(record, state, _message(report, objects, fights))
        if context.settings.cluster_events:
            self._held.background.start(self._announce(report, fights))
        async with self._held.noting:
            known = await context.applications.get(record.applications[0])
            if known is not None:
                drift = (*_records(record, report, objects), *known.drift)[:FINDINGS]
                await context.applications.put([known.model_copy(update={"drift": drift, "updated": datetime.now(UTC)})])


def _told(step: StepResult, fought: Mapping[ObjectKey, Fight]) -> Announcement:
    """What the Event about one object says."""
    if step.error:
        return Announcement("DriftNotRepaired", step.error, is_warning=True)
    if (fight := fought.get(step.key)) is not None:
        return Announcement("DriftFought", str(fight), is_warning=True)
    what = "; ".join(str(field) for field in step.fields) or step.reason
    if step.action in DONE:
        return Announcement("DriftRepaired", f"put back: {what}", is_warning=False)
    return Announcement("DriftFound", f"left as it is: {what}", is_warning=True)


def _message(report: SyncReport, objects: Findings, fights: list[Fight]) -> str:
    if report.state is not SyncState.SUCCEEDED:
        return report.message
    if fights:
        return str(fights[0])
    findings = [str(finding) for found in objects.values() for finding in found]
    more = f" and {len(findings) - 3} more" if len(findings) > 3 else ""
    what = "put back" if any(step.action in DONE for step in report.steps) else "left as it is"
    return f"{what}: {'; '.join(findings[:3])}{more}"


def _records(record: JobRecord, report: SyncReport, objects: Findings) -> list[DriftRecord]:
    by_key = {step.key: step for step in report.steps}
    now = datetime.now(UTC)
    return [
        DriftRecord(
            object=str(key), identity=key.identity, kind=found[0].kind if found else DriftKind.CHANGED,
            fields=field_records(by_key[key].fields if key in by_key else found[0].fields), at=now, job=record.id,
        )
        for key, found in objects.items()
    ]  # fmt: skip
