"""From a foreign change to its repair, with thousands of objects watched; the floor is one raw apply of such a Service.

Both are seen by a watch. Most changes are each of another object; then a few objects are changed again and again, which must not grow
slower. Who changes one without a pause waits for more than its repair: for the story of those before, which the same two cores tell.
"""

import asyncio
import json
import os
import time

from benchmarks.cluster import open_cluster
from benchmarks.figure import Figure, p50, p99
from benchmarks.install import install
from benchmarks.objects import applies, four
from benchmarks.raw import MERGE, Connection, Watch, apply, connected, watched
from benchmarks.stage import staged

SIZE = int(os.environ.get("SIZE", "1000"))
ONCE = 60
"""Objects that are changed once."""
OFTEN = 30
"""Objects that are changed often."""
TIMES = 10
TOLD_SECONDS = 0.05
"""Until a repair is told: its job, its record and its Event are written after it."""
EDIT = "?fieldManager=kubectl-edit"


async def measure() -> list[Figure]:
    """p50 and p99, and the tenth time beside the first."""
    names = [f"app-{number:05}" for number in range(SIZE)]
    async with open_cluster() as cluster, staged(cluster, {name: f"apps/{name}" for name in names}) as stage:
        await install(stage, names)
        services = f"/api/v1/namespaces/{stage.namespace}/services"
        async with watched(cluster, services) as watch, connected(cluster) as connection:
            floor, once = [], []
            for name in names[: min(ONCE, SIZE - 2 * OFTEN)]:
                once.append(await _repair(connection, watch, services, name))
                floor.append(await _raw_apply(connection, name))
            often = [await _repairs(connection, watch, services, name, TOLD_SECONDS) for name in names[-OFTEN:]]
            burst = [await _repairs(connection, watch, services, name, 0.0) for name in names[-2 * OFTEN : -OFTEN]]
    base, what = p50(floor) * 1000, f"drift → repaired, {SIZE * 4} watched"
    first, last = p50([times[0] for times in often]) * 1000, p50([times[-1] for times in often]) * 1000
    return [
        Figure(f"{what}, p50", p50(once) * 1000, "ms", base, cluster.name, len(once)),
        Figure(f"{what}, p99", p99(once) * 1000, "ms", base, cluster.name, len(once)),
        Figure(f"{what}, {TIMES}th time on one, p50", last, "ms", first, cluster.name, OFTEN),
        Figure(f"{what}, {TIMES}th without a pause, p50", p50([b[-1] for b in burst]) * 1000, "ms", first, cluster.name, OFTEN),
    ]


async def _raw_apply(connection: Connection, name: str) -> float:
    """Seconds of one raw apply that changes a Service."""
    ((path, body),) = (
        one for one in applies(four("raw"), instance="raw", namespace="default", name="raw") if "/services/" in one[0]
    )
    await apply(connection, (path, body))
    began = time.perf_counter()
    await apply(connection, (path, body.replace(b'"app":"raw"', b'"app":"%b"' % name.encode())))
    return time.perf_counter() - began


async def _repairs(connection: Connection, watch: Watch, path: str, name: str, pause_seconds: float) -> list[float]:
    """Seconds of several repairs of one object, one after another."""
    found = []
    for _ in range(TIMES):
        await asyncio.sleep(pause_seconds)
        found.append(await _repair(connection, watch, path, name))
    return found


async def _repair(connection: Connection, watch: Watch, path: str, name: str) -> float:
    """Seconds from the answer to a person's edit until the field is as it was."""
    body = json.dumps({"spec": {"selector": {"app": "drifted"}}}).encode()
    answer = json.loads(await connection.send("PATCH", f"{path}/{name}{EDIT}", body, content=MERGE))
    began, version = time.perf_counter(), int(answer["metadata"]["resourceVersion"])

    def is_back(found: dict[str, object]) -> bool:
        return int(found["metadata"]["resourceVersion"]) > version and found["spec"]["selector"] == {"app": name}

    return await watch.until(name, is_back) - began
