"""From the webhook to the applied object, with 1, 100 and 1000 applications in the repository of which one changes."""

import tempfile
import time
from pathlib import Path

from benchmarks.figure import Figure, p50, p99
from tests.servers.system import System, config_map

PUSHES = 30


async def measure() -> list[Figure]:
    """p50 and p99 for each size, on the sandbox."""
    figures = []
    for size in (1, 100, 1000):
        with tempfile.TemporaryDirectory() as directory:
            figures += await _measure(Path(directory), size)
    return figures


async def _measure(directory: Path, size: int) -> list[Figure]:
    applications = {f"a{i}": f"apps/a{i}" for i in range(size)}
    async with System(directory, applications=applications) as system:
        began = time.perf_counter()
        await _ended(system, await system.push({f"apps/a{i}/c.yaml": config_map(f"a{i}") for i in range(size)}))
        install = time.perf_counter() - began
        times = []
        for number in range(PUSHES):
            commit = await system.commit({"apps/a0/c.yaml": config_map("a0", f"v{number}")})
            began = time.perf_counter()
            _, answer = await system.deliver(commit)
            await _applied(system, f"v{number}")
            times.append(time.perf_counter() - began)
            await _ended(system, str(answer["id"]))
    return [
        Figure(f"install {size} applications, 1 object each", install, "s", cluster="sandbox"),
        Figure(f"webhook → applied, {size} applications, p50", p50(times) * 1000, "ms", cluster="sandbox", n=PUSHES),
        Figure(f"webhook → applied, {size} applications, p99", p99(times) * 1000, "ms", cluster="sandbox", n=PUSHES),
    ]


async def _ended(system: System, job: str) -> None:
    async def look() -> bool:
        _, found = await system.get(f"/api/v1/jobs/{job}")
        if found["state"] in ("failed", "held"):
            raise AssertionError(found["message"])
        return bool(found["state"] == "succeeded")

    await system.until(look, f"job {job} succeeds", seconds=120)


async def _applied(system: System, value: str) -> None:
    async def look() -> bool:
        _, found = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps/a0")
        return bool(found["data"]["value"] == value)

    await system.until(look, "the value is applied", pause=0.002)
