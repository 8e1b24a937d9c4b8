"""What ran to its end, written down in the cluster; and Jobs that are gone when they are done, kept until that has happened."""

import asyncio
import dataclasses
from datetime import UTC, datetime

from reconciler.errors import Stalled, TrueupError
from reconciler.model.declared import Name
from reconciler.model.intent import HookRun
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import Health, HealthStatus, Owned
from reconciler.plan.hooks import by_key, has_run, remembered, run_of, without_failures
from reconciler.plan.marks import FINALIZER
from reconciler.sync.environment import Environment

RETRY_SECONDS = 1.0
"""Before what the API server was in the way of is tried again."""


def health_of(key: ObjectKey, environment: Environment) -> Health | None:
    """How an object is; of a Job that is gone since it is done, how it ended; None when it is not there."""
    index = environment.cluster.index
    owned = index.owned.get(key)
    if key in environment.unrecorded:
        return Health(HealthStatus.HEALTHY)  # it is there; no watch of ours tells more of it
    if owned is not None and not owned.deleting:
        return index.health(key)
    rendering = environment.desired.declares(key)
    if rendering is None:
        return index.health(key)
    run = has_run(rendering.manifests[key], by_key(environment.cluster.records.known(rendering.application.name).ran))
    if run is None:
        return index.health(key)
    return Health(HealthStatus.HEALTHY, "completed, and gone") if run.has_succeeded else Health(HealthStatus.DEGRADED, run.reason)


async def note_run(application: Name, run: HookRun, environment: Environment) -> None:
    """Write down how a run ended; costs nothing when it is known."""
    rendering = environment.desired.of(application)
    records = environment.cluster.records
    declared = {key.identity for key in rendering.keys} if rendering else None
    await records.change_intent(
        application, lambda intent: dataclasses.replace(intent, ran=remembered(intent.ran, run, declared))
    )


async def settle(key: ObjectKey, environment: Environment) -> None:
    """Write down how a Job ended that our finalizer keeps, and let it go; one that is deleted before its end is let go only."""
    owned, ended = environment.cluster.index.owned.get(key), environment.cluster.index.ended(key)
    if owned is None or not owned.is_kept or (ended is None and not owned.deleting):
        return
    if ended is not None:
        await note_run(owned.application, _run(owned, ended, environment), environment)
    await environment.writer_of(owned.application).release(key, FINALIZER)


async def forget_failures(application: Name, before: str, environment: Environment) -> None:
    """Have Jobs run again that had failed, and are gone, when a person asks (`before`, RFC 3339) for a sync."""
    records = environment.cluster.records
    await records.change_intent(application, lambda intent: dataclasses.replace(intent, ran=without_failures(intent.ran, before)))


def _run(owned: Owned, ended: Health, environment: Environment) -> HookRun:
    rendering = environment.desired.of(owned.application)
    has_succeeded = ended.status is HealthStatus.HEALTHY
    phase, digest = run_of(owned)
    return HookRun(
        identity=owned.key.identity,
        digest=digest,
        commit=rendering.revision.commit if rendering else "",
        at=now(),
        has_succeeded=has_succeeded,
        phase=phase,
        reason="" if has_succeeded else ended.reason,
    )


def now() -> str:
    """The time, as it is written down."""
    return datetime.now(UTC).isoformat()


class Runs:
    """Settles whatever of one cluster has come to its end, as it is seen."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._ended: set[ObjectKey] = set()
        self._seen = asyncio.Event()

    def on_health(self, key: ObjectKey) -> None:
        """Told by the index that an object has another health, has ended, or is being deleted; must be quick."""
        owned = self._environment.cluster.index.owned.get(key)
        if owned is not None and owned.is_kept:
            self._ended.add(key)
            self._seen.set()

    async def settle_forever(self) -> None:
        """Settle what was seen, and first what is there already."""
        for key in tuple(self._environment.cluster.index.owned):
            self.on_health(key)
        while True:
            await self._seen.wait()
            self._seen.clear()
            while self._ended:
                await self._settle(self._ended.pop())

    async def _settle(self, key: ObjectKey) -> None:
        try:
            await settle(key, self._environment)
        except Stalled:
            return  # refused: tried again when the object changes
        except TrueupError:
            await asyncio.sleep(RETRY_SECONDS)
            self.on_health(key)
