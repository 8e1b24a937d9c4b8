"""Waiting for health by events, never by polling; and saying why something is not healthy, once, at the end."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from reconciler.errors import TrueupError
from reconciler.health.rules import assess
from reconciler.kube.client import Client
from reconciler.kube.owned import OwnedIndex
from reconciler.model.objects import Document, Kinds, ObjectKey
from reconciler.model.outcome import GOOD, Health, HealthStatus

GRACE_SECONDS = 10.0
"""How long something may be Degraded before it is believed: controllers report failures that pass."""


async def wait_healthy(
    index: OwnedIndex,
    keys: Iterable[ObjectKey],
    *,
    timeout_seconds: float,
    preempted: asyncio.Event,
    on_change: Callable[[ObjectKey, Health], None],
) -> Mapping[ObjectKey, Health]:
    """The health of the objects when all are good, one is degraded for good, time is up, or a newer commit waits."""
    loop = asyncio.get_running_loop()
    deadline, degraded_since = loop.time() + timeout_seconds, None
    wanted = tuple(keys)
    told: dict[ObjectKey, Health] = {}
    with index.noticed(wanted) as changed:
        while True:
            changed.clear()
            found = {key: index.health(key) or Health(HealthStatus.PROGRESSING, "not seen yet") for key in wanted}
            for key, health in found.items():
                if told.get(key) != health:
                    told[key] = health
                    on_change(key, health)
            is_degraded = any(health.status is HealthStatus.DEGRADED for health in found.values())
            degraded_since = (degraded_since or loop.time()) if is_degraded else None
            end = min(deadline, degraded_since + GRACE_SECONDS) if degraded_since else deadline
            if all(health.status in GOOD for health in found.values()) or preempted.is_set() or loop.time() >= end:
                return found
            await _first(changed, preempted, end - loop.time())


async def _first(one: asyncio.Event, other: asyncio.Event, seconds: float) -> None:
    """Until one of two events, or time is up."""
    tasks = [asyncio.create_task(event.wait()) for event in (one, other)]
    try:
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


async def explain(client: Client, kinds: Kinds, key: ObjectKey) -> str:
    """Why a workload is not healthy, from its pods, or else from the last warning about it; empty when they do not say."""
    kind, pod = kinds.find(key.group, key.kind), kinds.find("", "Pod")
    if kind is None or pod is None:
        return ""
    try:
        workload = await client.get(kind, key.namespace, key.name)
        if workload is None:
            return "it is gone"
        selector = _selector(workload)
        pods = await client.list_in(pod, key.namespace, {"labelSelector": selector}) if selector else ()
        reasons = [(p["metadata"]["name"], assess({**p, "apiVersion": "v1", "kind": "Pod"})) for p in pods]
        bad = [(name, health) for name, health in reasons if health.status not in GOOD]
        if bad:
            name, health = max(bad, key=lambda entry: list(HealthStatus).index(entry[1].status))
            return f"pod {name}: {health.reason}"
        return await _last_warning(client, kinds, workload)
    except TrueupError:
        return ""  # the verdict stands without its reason


def _selector(workload: Document) -> str:
    labels: Mapping[str, Any] = ((workload.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    return ",".join(f"{name}={value}" for name, value in labels.items())


async def _last_warning(client: Client, kinds: Kinds, workload: Document) -> str:
    event = kinds.find("", "Event")
    if event is None:
        return ""
    metadata = workload["metadata"]
    query = {"fieldSelector": f"involvedObject.uid={metadata['uid']},type=Warning"}
    events = await client.list_in(event, metadata.get("namespace", ""), query)
    newest = max(events, key=lambda e: str(e.get("lastTimestamp") or e.get("eventTime") or ""), default=None)
    return f"{newest.get('reason', '')}: {newest.get('message', '')}" if newest else ""
