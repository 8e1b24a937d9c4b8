"""What drifts in a held cluster is put back at once, and told as a job; slower where something fights us."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from redis.exceptions import RedisError

from jobs import metrics
from jobs.holder.fights import Fight, Fights
from jobs.holder.held import Held
from jobs.holder.ready import Gate, Way
from jobs.observe import Progress, field_records
from jobs.records import DriftRecord, JobKind, JobRecord, JobState
from jobs.store.parts import Part, begun_by
from reconciler.errors import TrueupError, Waiting
from reconciler.kube.announce import Announcement, announce
from reconciler.model.declared import Application, Name
from reconciler.model.objects import LiveMetadata, ObjectKey
from reconciler.model.outcome import Action, Drift, DriftKind, StepResult, SyncReport, SyncState
from reconciler.model.policy import DriftPolicy
from reconciler.plan.steps import explain
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


@dataclass(frozen=True, slots=True)
class _Repair:
    """What was done, and what it is told by."""

    record: JobRecord
    part: Part
    found: Findings
    progress: Progress
    created: "asyncio.Task[str]"
    report: SyncReport


class Repairs:
    """Puts back what drifts in one cluster."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._drifted: dict[Name, dict[ObjectKey, tuple[Drift, ...]]] = {}
        self._seen = asyncio.Event()
        self._fights = Fights()
        self._later: dict[Name, dict[ObjectKey, tuple[Drift, ...]]] = {}
        """What was told and may not be put back now."""
        self._timers: dict[Name, asyncio.TimerHandle] = {}
        """When that is looked at again."""

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
        elif (later := self._later.get(rendering.application.name)) is not None:
            later.pop(key, None)

    def look_at(self, names: Iterable[Name]) -> None:
        """See what drifted of applications while nobody looked."""
        for rendering in [found for name in names if (found := self._held.environment.desired.of(name))]:
            for key in rendering.manifests:
                self.on_change(key, self._held.cluster.index.live(key))

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
        """Repair some objects of an application, and tell the story as a job; the next repair does not wait until it is told."""
        application = self._held.environment.applications.get(name)
        if application is None:
            return
        fights = self._fights_over(objects)
        await asyncio.sleep(max((fight.pause_seconds for fight in fights), default=0.0))
        put_off = None
        async with self._held.turns.between(name):
            target = self._target(application)
            found = self._still_drifted(objects)
            if not found or target is None:
                return
            put_off = await self._put_off(application)
            if put_off is not None and not self._is_news(name, found):
                return
            done = await self._repair(target, found, str(put_off or ""))
        try:
            await self._tell(done, fights)
        except (RedisError, OSError) as error:
            log.warning("drift.not_told", application=str(name), error=str(error))
        finally:
            self._held.context.running.discard(done.part)
        if put_off is not None:
            self._look_again(name, put_off.retry_seconds)
        elif done.report.retry_seconds is not None:
            await asyncio.sleep(done.report.retry_seconds)
            self._drifted.setdefault(name, {}).update(done.found)
            self._seen.set()

    async def _put_off(self, application: Application) -> Waiting | None:
        """Why drift may only be told now."""
        if application.sync.drift is not DriftPolicy.REPAIR:
            return None
        intents = await self._held.cluster.records.intents()
        return Gate(self._held, intents, datetime.now(UTC)).put_off(application, Way.REPAIR)

    def _is_news(self, name: Name, current: Findings) -> bool:
        """Whether findings that are left were not told yet; something that flaps is told once."""
        told = self._later.setdefault(name, {})
        is_news = any(key not in told or explain(found) != explain(told[key]) for key, found in current.items())
        told.update(current)
        return is_news

    def _look_again(self, name: Name, seconds: float) -> None:
        """Look at what was left when it may be put back."""

        def look() -> None:
            if later := self._later.pop(name, None):
                self._drifted.setdefault(name, {}).update(later)
                self._seen.set()

        if (timer := self._timers.get(name)) is not None:
            timer.cancel()
        self._timers[name] = asyncio.get_running_loop().call_later(seconds, look)

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

    async def _repair(self, target: Target, found: Findings, left: str) -> "_Repair":
        """Put back what drifted, or say why it is left. It does not wait for Redis: the job is created beside it."""
        held, context, application = self._held, self._held.context, target.application
        record = self._record(target)
        part = Part(record.id, held.cluster.uid)
        progress = Progress(context.jobs, record.id, application.destination.cluster)
        context.running.add(part)
        try:
            created = asyncio.create_task(context.jobs.create(record, work=begun_by({part.name: context.worker})))
            report = await repair(target, found, held.environment, progress, left)
        except BaseException:  # also when cancelled: nobody is busy with it any more
            context.running.discard(part)
            raise
        if application.sync.drift is DriftPolicy.REPAIR and not left:
            for key in found:
                self._fights.repaired(key, time.monotonic())
        return _Repair(record, part, found, progress, created, report)

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

    async def _tell(self, done: "_Repair", fights: list[Fight]) -> None:
        context, record, report = self._held.context, done.record, done.report
        await done.created
        async with done.progress.written():
            pass
        state = JobState.SUCCEEDED if report.state is SyncState.SUCCEEDED else JobState.FAILED
        await context.end(record, state, _message(report, done.found, fights))
        if context.settings.cluster_events:
            self._held.background.start(self._announce(report, fights))
        async with self._held.noting:
            known = await context.applications.get(record.applications[0])
            if known is not None:
                drift = (*_records(record, report, done.found), *known.drift)[:FINDINGS]
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
