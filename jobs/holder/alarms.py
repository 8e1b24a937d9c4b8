"""Pauses that end by themselves: each at its time, by a timer that is set from what is recorded in the cluster."""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import structlog
from redis.exceptions import RedisError

from jobs import metrics
from jobs.holder.held import Held
from jobs.records import DecisionRecord, JobKind
from reconciler.errors import TrueupError
from reconciler.model.declared import Name
from reconciler.model.intent import Intent

log = structlog.get_logger()

LONGEST_SECONDS = 60.0
"""A timer runs by another clock than people's; over a minute the two cannot part by much."""

AGAIN_SECONDS = 60.0
"""When a job that was made for the end of a pause is made again, should it have vanished with Redis."""

RETRY_SECONDS = 1.0


class Alarms:
    """Ends the pauses of one cluster's applications."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._rung: dict[Name, float] = {}
        """When a job was made for an application's pause, by the monotonic clock."""

    async def ring_forever(self) -> None:
        """Make a job at the end of each pause; it ends the pause and syncs the newest revision."""
        decided = self._held.decided
        while True:
            decided.clear()
            try:
                seconds = await self._ring()
            except (TrueupError, RedisError, OSError) as error:
                log.warning("alarm.failed", error=str(error))
                seconds = RETRY_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(seconds, LONGEST_SECONDS)):
                    await decided.wait()

    async def _ring(self) -> float:
        """Make the jobs that are due; seconds until the next one."""
        intents = await self._held.cluster.records.intents()
        self._count(intents)
        ends = self._ends(intents)
        self._rung = {name: rung for name, rung in self._rung.items() if name in ends}
        now = datetime.now(UTC)
        for name, end in ends.items():
            if end <= now and time.monotonic() - self._rung.get(name, -AGAIN_SECONDS) >= AGAIN_SECONDS:
                await self._make_job(name)
                self._rung[name] = time.monotonic()
        return min(((end - now).total_seconds() for end in ends.values() if end > now), default=LONGEST_SECONDS)

    def _ends(self, intents: Mapping[Name, Intent]) -> Mapping[Name, datetime]:
        """When pauses end, by declared application."""
        return {
            name: datetime.fromisoformat(intent.pause.until)
            for name, intent in intents.items()
            if intent.pause is not None and intent.pause.until and name in self._held.environment.applications
        }

    def _count(self, intents: Mapping[Name, Intent]) -> None:
        known = [intent for name, intent in intents.items() if name in self._held.environment.applications]
        metrics.PAUSED.labels(self._held.name).set(sum(1 for intent in known if intent.pause))
        metrics.ROLLED_BACK.labels(self._held.name).set(sum(1 for intent in known if intent.rollback))

    async def _make_job(self, name: Name) -> None:
        context, application = self._held.context, self._held.environment.applications[name]
        repository = str(application.sources[0].repository)
        decision = DecisionRecord(ends="pause")
        await context.enqueue(context.record(JobKind.RESUME, repository, applications=(str(name),), decision=decision))
        log.info("pause.ended", application=str(name))
