"""From a foreign change to its repair; the floor is one raw apply-sized request of the same run."""

import tempfile
import time
from pathlib import Path

from benchmarks.figure import Figure, p50, p99
from benchmarks.push import _ended
from tests.servers.system import System, config_map

COUNT = 40


async def measure() -> list[Figure]:
    """p50 and p99, each on another object, so that nobody seems to fight."""
    with tempfile.TemporaryDirectory() as directory:
        async with System(Path(directory), applications={"web": "apps/web"}) as system:
            await _ended(system, await system.push({f"apps/web/c{i}.yaml": config_map(f"c{i}") for i in range(COUNT)}))
            times, floor = [], []
            for number in range(COUNT):
                path = f"/api/v1/namespaces/{system.namespace}/configmaps/c{number}"
                began = time.perf_counter()
                await system.kube("PATCH", path, {"data": {"value": "drifted"}}, "application/merge-patch+json")
                floor.append(time.perf_counter() - began)

                async def look(path: str = path) -> bool:
                    _, found = await system.kube("GET", path)
                    return bool(found["data"]["value"] == "1")

                began = time.perf_counter()
                await system.until(look, "it is put back", pause=0.001)
                times.append(time.perf_counter() - began)
    return [
        Figure("drift → repaired, p50", p50(times) * 1000, "ms", p50(floor) * 1000, "sandbox", COUNT),
        Figure("drift → repaired, p99", p99(times) * 1000, "ms", p50(floor) * 1000, "sandbox", COUNT),
    ]
