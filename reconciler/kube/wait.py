"""Waiting for health by events, never by polling."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from reconciler.kube.owned import OwnedIndex
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import GOOD, Health, HealthStatus

GRACE_SECONDS = 10.0
"""How long something may be Degraded before it is believed: controllers report failures that pass, and rules meet half a status."""

FAILED = frozenset({HealthStatus.DEGRADED, HealthStatus.UNKNOWN})
"""What waiting does not mend: a rule that does not fit its object makes Unknown, and says which, and why."""


class Seen(Protocol):
    """How objects are, and when that changes."""

    def health(self, key: ObjectKey) -> Health | None:
        """How an object is; None when it is not there."""

    def noticed(self, keys: Iterable[ObjectKey]) -> AbstractContextManager[asyncio.Event]:
        """An event that is set whenever the health of one of these objects changes."""


async def wait_healthy(
    index: Seen,
    keys: Iterable[ObjectKey],
    *,
    timeout_seconds: float,
    preempted: asyncio.Event,
    on_change: Callable[[ObjectKey, Health], None],
) -> Mapping[ObjectKey, Health]:
    """The health of the objects when all are good, one has failed for good, time is up, or a newer commit waits.

    Changes are told, and what is not good at the first look.
    """
    loop = asyncio.get_running_loop()
    deadline, degraded_since = loop.time() + timeout_seconds, None
    wanted = tuple(keys)
    told: dict[ObjectKey, Health] = {}
    with index.noticed(wanted) as changed:
        while True:
            changed.clear()
            found = {key: index.health(key) or Health(HealthStatus.PROGRESSING, "not seen yet") for key in wanted}
            for key, health in found.items():
                if told.get(key) != health and (key in told or health.status not in GOOD):
                    on_change(key, health)
                told[key] = health
            is_degraded = any(health.status in FAILED for health in found.values())
            degraded_since = (degraded_since or loop.time()) if is_degraded else None
            end = min(deadline, degraded_since + GRACE_SECONDS) if degraded_since else deadline
            if all(health.status in GOOD for health in found.values()) or preempted.is_set() or loop.time() >= end:
                return found
            await first_of(end - loop.time(), changed, preempted)


async def wait_gone(
    index: OwnedIndex, keys: Iterable[ObjectKey], *, timeout_seconds: float, preempted: asyncio.Event
) -> Mapping[ObjectKey, Health]:
    """What is still there of objects that are being deleted, when time is up or a newer commit waits; nothing when all are gone."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_seconds
    wanted = tuple(keys)
    with index.noticed(wanted) as changed:
        while True:
            changed.clear()
            left = {key: index.health(key) or Health(HealthStatus.PROGRESSING) for key in wanted if key in index.owned}
            if not left or preempted.is_set() or loop.time() >= deadline:
                return left
            await first_of(deadline - loop.time(), changed, preempted)


async def first_of(seconds: float, *events: asyncio.Event) -> None:
    """Wait for one of several events, or until time is up."""
    tasks = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(tasks, timeout=max(seconds, 0.0), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
