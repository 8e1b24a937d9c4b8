"""How applications are between their syncs: told when it changes, at most once a second."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog
from redis.exceptions import RedisError

from jobs.holder.held import Held
from jobs.holder.surroundings import go_on_with_dependents
from jobs.observe import unhealthy_records
from jobs.records import ApplicationRecord
from reconciler.kube.wait import first_of
from reconciler.model.declared import Name
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import GOOD, Health, HealthStatus
from reconciler.sync.runs import health_of

log = structlog.get_logger()

PAUSE_SECONDS = 1.0
"""A rollout says much in little time; people need the newest of it."""

BATCH = 200
"""Applications whose records are written in one step."""


class Healths:
    """Follows the health of one cluster's applications."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._changed: set[Name] = set()
        self._seen = asyncio.Event()
        self._urgent = asyncio.Event()
        """Set when an object is well again of an application that others wait for."""

    def on_health(self, key: ObjectKey) -> None:
        """Told by the index that an object's health is another one, or that it came or went; must be quick."""
        for name in self._held.environment.desired.declared_by(key):
            self._changed.add(name)
            self._seen.set()
            health = self._held.cluster.index.health(key)
            if health is not None and health.status in GOOD and name in self._held.context.declarations.awaited:
                self._urgent.set()

    async def tell_forever(self) -> None:
        """Write what has changed."""
        while True:
            await self._seen.wait()
            await first_of(PAUSE_SECONDS, self._urgent)
            self._seen.clear()
            self._urgent.clear()
            changed, self._changed = sorted(self._changed), set()
            for start in range(0, len(changed), BATCH):
                try:
                    await self._tell(changed[start : start + BATCH])
                except (RedisError, OSError) as error:
                    log.warning("health.not_told", error=str(error))
                    self._changed.update(changed[start:])
                    self._seen.set()
                    break

    async def _tell(self, names: list[Name]) -> None:
        for name in names:
            if not self._held.turns.is_taken(name):  # a sync tells of it when it ends
                self._held.standing.is_healthy_as(name, self._health(name))
        store = self._held.context.applications
        async with self._held.noting:
            known = await store.get_many([str(name) for name in names])
            news = [
                record.model_copy(update={**update, "updated": datetime.now(UTC)})
                for name in names
                if (record := known.get(str(name))) is not None and (update := self._update(name, record))
            ]
            await store.put(news)
        await go_on_with_dependents(self._held, [Name.parse(record.name) for record in news if record.health in GOOD])

    def _update(self, name: Name, record: ApplicationRecord) -> Mapping[str, Any]:
        """What is to be written; nothing while the record says so already."""
        objects = dict(self._objects(name))
        worst = Health.worst(objects.values()).status
        unhealthy = unhealthy_records([(key, health) for key, health in objects.items() if health.status not in GOOD])
        if (record.health, record.unhealthy) == (worst, unhealthy):
            return {}
        if record.health is not worst:
            log.info("application.health", application=record.name, health=str(worst), before=str(record.health))
        return {"health": worst, "unhealthy": unhealthy}

    def _health(self, name: Name) -> Health:
        objects = dict(self._objects(name))
        worst = Health.worst(objects.values())
        key = next((key for key, health in objects.items() if health is worst and health.status not in GOOD), None)
        return Health(worst.status, f"{key}: {worst.reason or worst.status}" if key else worst.reason)

    def _objects(self, name: Name) -> Iterator[tuple[ObjectKey, Health]]:
        rendering = self._held.environment.desired.of(name)
        index, environment = self._held.cluster.index, self._held.environment
        for key in rendering.awaited(index.owned) if rendering else ():
            if (health := health_of(key, environment)) is not None:
                yield key, health
            elif key in index.owned:
                yield key, Health(HealthStatus.PROGRESSING, "not seen yet")
            else:
                yield key, Health(HealthStatus.MISSING, "not there")
