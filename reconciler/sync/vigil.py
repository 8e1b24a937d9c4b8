"""Waiting for the objects of one application, as long as its policy says, and no longer than until a newer commit comes."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from reconciler.events import HealthChanged, Observer
from reconciler.kube.explain import explain
from reconciler.kube.wait import first_of, wait_healthy
from reconciler.model.declared import Application
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import GOOD, Awaited, Health, HealthStatus
from reconciler.sync.environment import Environment
from reconciler.sync.runs import health_of

EXPLAINED = 5
"""Objects that are not healthy and whose pods are asked why: each costs a few requests."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """The health of objects, those among them that have run and are gone."""

    environment: Environment

    def health(self, key: ObjectKey) -> Health | None:
        return health_of(key, self.environment)

    def noticed(self, keys: Iterable[ObjectKey]) -> AbstractContextManager[asyncio.Event]:
        return self.environment.cluster.index.noticed(keys)


@dataclass(slots=True)
class Vigil:
    """Waits on behalf of one application."""

    application: Application
    environment: Environment
    observer: Observer
    preempted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a newer commit waits."""

    async def appears(self, awaited: Awaited, seconds: float) -> bool:
        """Whether a kind that is awaited is served, or an object is gone, before time is up and no newer commit waits."""
        cluster, deadline = self.environment.cluster, time.monotonic() + seconds
        async with cluster.appearances.noticed(awaited.kinds) as appeared:
            with cluster.index.noticed(awaited.objects) as changed:
                while not appeared.is_set() and all(key in cluster.index.owned for key in awaited.objects):
                    left = deadline - time.monotonic()
                    if left <= 0 or self.preempted.is_set():
                        return False
                    changed.clear()
                    await first_of(left, appeared, changed, self.preempted)
        return True

    async def healthy(self, keys: Iterable[ObjectKey]) -> Mapping[ObjectKey, Health]:
        """How these objects are when all are well, one has failed, time is up, or a newer commit waits; with reasons from their pods."""
        cluster = self.environment.cluster
        found = await wait_healthy(
            _Seen(self.environment),
            keys,
            timeout_seconds=self.application.sync.timeout_seconds,
            preempted=self.preempted,
            on_change=lambda key, health: self.observer(HealthChanged(self.application.name, key, health)),
        )
        bad = [key for key, health in found.items() if health.status not in GOOD]
        if not bad or self.preempted.is_set():
            return found
        there = [key for key in bad if key in cluster.index.owned and found[key].status is not HealthStatus.UNKNOWN]
        # what is gone says no more than is remembered, and a rule that does not fit says itself what is wrong with it
        told = {key: await explain(cluster.client, cluster.kinds, key) for key in there[:EXPLAINED]}
        return {key: Health(health.status, told.get(key) or health.reason) for key, health in found.items()}
