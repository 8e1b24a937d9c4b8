"""What a sync says while it works, turned into log lines, metrics and stored progress.

The observer never blocks: progress goes to a queue that one task writes out, newest state of each application only.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from redis.exceptions import RedisError

from jobs import metrics
from jobs.records import FieldRecord, HoldRecord, ObjectHealthRecord, PolicyRecord, StepRecord, SyncRecord
from jobs.store.jobs import JobStore
from reconciler.events import (
    Applied,
    DriftFound,
    Event,
    HealthChanged,
    Healthy,
    HookStarted,
    Planned,
    PruneHeld,
    Refreshed,
    Rendered,
    StepFinished,
    SyncFinished,
    SyncStarted,
)
from reconciler.model.declared import Name
from reconciler.model.gates import Finding
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import Action, Awaited, FieldDrift, Health, Hold, StepResult, SyncReport, SyncState

log = structlog.get_logger()

FLUSH_SECONDS = 0.05
"""Progress is written this often at most; a person sees no difference."""

TOLD_FINDINGS = 100
"""Of policies in one record; more say the same of other objects."""

SHARE = 10
"""Writing takes one part in so many of the time: what a thousand applications have come to is a megabyte."""


class Progress:
    """The observer of one job's syncs in one cluster."""

    def __init__(self, store: JobStore, job_id: str, cluster: str) -> None:
        self._store = store
        self._job_id = job_id
        self._cluster = cluster
        self._records: dict[Name, SyncRecord] = {}
        self._changed: set[Name] = set()
        self._stages: dict[str, bool] = {}
        """Those that were reached, and whether they are written."""
        self._wake = asyncio.Event()
        self._ended = asyncio.Event()
        self._log = log.bind(job=job_id)
        self._logs: dict[Name, Any] = {}
        """What the lines of one sync have in common."""

    @property
    def records(self) -> tuple[SyncRecord, ...]:
        """What the syncs have come to so far."""
        return tuple(self._records.values())

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case SyncStarted():
                self._logs[event.application] = self._log.bind(
                    application=str(event.application), revision=str(event.revision), sync_id=secrets.token_hex(4)
                )
                self._say("sync.started", event.application)
                self._put(event.application, self._started(event))
            case Rendered():
                self._say("sync.rendered", event.application, objects=event.objects, seconds=round(event.seconds, 3))
                self._put(event.application, versions=event.versions)
                self._stage("rendered")
            case Refreshed():
                self._log.info(
                    "sync.refreshed", objects=event.objects, differing=event.differing, seconds=round(event.seconds, 3)
                )
                self._stage("refreshed")
            case Planned():
                self._say("sync.planned", event.application, **event.counts)
                self._put(event.application, kept=event.counts.get("keep", 0), planned=_now())
                self._stage("planned")
            case HookStarted():
                self._say("hook.started", event.application, phase=str(event.phase), object=str(event.key))
                self._put(event.application, message=f"runs the {event.phase} hook {event.key}")
            case StepFinished():
                self._step(event)
            case Applied():
                self._say("sync.applied", event.application, changed=event.changed, seconds=round(event.seconds, 3))
                self._put(event.application, applied=_now())
                self._stage("applied")
            case Healthy():
                self._say("sync.healthy", event.application)
                self._put(event.application, healthy=_now())
                self._stage("healthy")
            case SyncFinished():
                self._finish(event)
            case _:
                self._tell(event)

    @asynccontextmanager
    async def written(self) -> AsyncIterator[None]:
        """Write progress out while the block runs, and all of it at the end."""
        self._ended.clear()
        task = asyncio.create_task(self._write_until_ended())
        try:
            yield
        finally:
            self._ended.set()  # and is not cancelled: a write on its way could arrive after the last one
            self._wake.set()
            await task
            self._changed = set(self._records)
            await self._write()

    async def _write_until_ended(self) -> None:
        while not self._ended.is_set():
            await self._wake.wait()
            began = time.monotonic()
            with contextlib.suppress(RedisError, OSError):
                await self._write()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(FLUSH_SECONDS, SHARE * (time.monotonic() - began))):
                    await self._ended.wait()

    async def _write(self) -> None:
        self._wake.clear()
        for name in [name for name, is_written in self._stages.items() if not is_written]:
            await self._store.add_stage(self._job_id, name)
            self._stages[name] = True
        changed, self._changed = self._changed, set()
        await self._store.put_syncs(self._job_id, [self._records[name] for name in changed])

    def _tell(self, event: HealthChanged | DriftFound | PruneHeld) -> None:
        """What goes into the log only."""
        match event:
            case HealthChanged():
                self._say(
                    "health.changed",
                    event.application,
                    object=str(event.key),
                    health=str(event.health.status),
                    reason=event.health.reason,
                )
            case DriftFound():
                metrics.DRIFT.labels(event.drift.kind).inc()
                self._say("drift.found", event.application, drift=str(event.drift))
            case PruneHeld():
                self._say("prune.held", event.application, guard=event.hold.guard, reason=event.hold.reason)

    def _started(self, event: SyncStarted) -> SyncRecord:
        return SyncRecord(
            application=str(event.application),
            cluster=self._cluster,
            revision=str(event.revision),
            commits=event.commits,
            state=SyncState.RUNNING,
            started=_now(),
        )

    def _step(self, event: StepFinished) -> None:
        result = event.result
        metrics.STEPS.labels(result.action, "refused" if result.error else "done").inc()
        if result.action is not Action.RUN:
            metrics.APPLY_SECONDS.observe(event.seconds)
        more = {"error": result.error} if result.error else {}
        self._say(
            "step.finished", event.application, action=str(result.action), object=str(result.key), reason=result.reason, **more
        )
        known = self._records.get(event.application)
        if known is not None:
            self._put(event.application, steps=(*known.steps, step_record(result)), message="")

    def _finish(self, event: SyncFinished) -> None:
        report = event.report
        metrics.SYNCS.labels(report.state).inc()
        metrics.SYNC_SECONDS.labels(report.state).observe(event.seconds)
        for finding in report.findings:
            metrics.POLICIES.labels(finding.action).inc()
        self._say(
            "sync.finished", report.application, state=str(report.state), message=report.message, seconds=round(event.seconds, 3)
        )
        self._put(report.application, **_ended(report))

    def _put(self, application: Name, record: SyncRecord | None = None, **changes: Any) -> None:
        base = record or self._records.get(application)
        if base is not None:
            self._records[application] = base.model_copy(update=changes)
            self._changed.add(application)
            self._wake.set()

    def _stage(self, name: str) -> None:
        self._stages.setdefault(name, False)
        self._wake.set()

    def _say(self, event: str, application: Name, **values: object) -> None:
        bound = self._logs.get(application) or self._log.bind(application=str(application))
        bound.info(event, **values)


def step_record(result: StepResult) -> StepRecord:
    """A step as it is stored."""
    return StepRecord(
        action=result.action,
        object=str(result.key),
        identity=result.key.identity,
        reason=result.reason,
        fields=field_records(result.fields),
        error=result.error,
        warnings=result.warnings,
    )


def field_records(fields: Iterable[FieldDrift]) -> tuple[FieldRecord, ...]:
    """Drifted fields as they are stored."""
    return tuple(FieldRecord(path=f.path, manager=f.manager, at=f.at, desired=f.desired, found=f.found) for f in fields)


def hold_records(holds: Iterable[Hold]) -> tuple[HoldRecord, ...]:
    """Guards as they are stored."""
    return tuple(HoldRecord(guard=hold.guard, reason=hold.reason, objects=tuple(str(key) for key in hold.keys)) for hold in holds)


def policy_records(findings: Iterable[Finding]) -> tuple[PolicyRecord, ...]:
    """What policies found as it is stored, denials first."""
    ordered = sorted(findings, key=lambda finding: finding.action)[:TOLD_FINDINGS]
    return tuple(
        PolicyRecord(
            action=found.action, object=str(found.object), identity=found.object.identity, rule=found.rule,
            message=found.message, source=found.source,
        )
        for found in ordered
    )  # fmt: skip


def unhealthy_records(found: Iterable[tuple[ObjectKey, Health]]) -> tuple[ObjectHealthRecord, ...]:
    """Objects that are not healthy as they are stored."""
    return tuple(ObjectHealthRecord(object=str(key), status=health.status, reason=health.reason) for key, health in found)


def _ended(report: SyncReport) -> dict[str, Any]:
    return {
        "state": report.state,
        "message": report.message,
        "finished": _now(),
        "due": None if report.retry_seconds is None else _now() + timedelta(seconds=report.retry_seconds),
        "steps": tuple(step_record(step) for step in report.steps),
        "kept": report.kept,
        "health": report.health.status,
        "unhealthy": unhealthy_records(report.unhealthy),
        "holds": hold_records(report.holds),
        "held_digest": report.held_digest,
        "awaits": awaited_texts(report.awaited),
        "notices": report.notices,
        "policies": policy_records(report.findings),
    }


def awaited_texts(awaited: Awaited) -> tuple[str, ...]:
    """What is waited for as it is stored: applications by name, kinds as `v1 Widget.example.com`, objects as people know them."""
    kinds = (f"{version} {kind}{f'.{group}' if group else ''}".strip() for group, kind, version in awaited.kinds)
    return tuple(sorted([*map(str, awaited.applications), *kinds, *map(str, awaited.objects)]))


def _now() -> datetime:
    return datetime.now(UTC)
