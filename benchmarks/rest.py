"""With everything in place: what a restart costs, and what being at rest costs; `MINUTES=30` lengthens the rest.

The rest has two parts: nothing but watches, and then one sweep. Requests are counted at the API server, CPU and memory are those of
receiver and worker together with the programs that they started.
"""

import asyncio
import os
import time
from collections.abc import Iterable, Sequence

from benchmarks.cluster import Cluster, Request, open_cluster
from benchmarks.figure import Figure
from benchmarks.install import install
from benchmarks.stage import Stage, staged

SIZE = int(os.environ.get("SIZE", "1000"))
MINUTES = float(os.environ.get("MINUTES", "1"))
QUIET = 0.75
"""Of the time is over when the sweep begins."""
SETTLE_SECONDS = 5.0
WRITES = ("create", "update", "patch", "delete", "deletecollection")


async def measure() -> list[Figure]:
    """A restart, then rest."""
    names, seconds = [f"app-{number:05}" for number in range(SIZE)], MINUTES * 60
    sweep = f"{seconds * QUIET + SETTLE_SECONDS:.0f}s"
    async with (
        open_cluster(is_audited=True) as cluster,
        staged(cluster, {name: f"apps/{name}" for name in names}, TRUEUP_SWEEP=sweep) as stage,
    ):
        await install(stage, names)
        return [*await _restart(cluster, stage), *await _rest(cluster, stage, seconds)]


async def _restart(cluster: Cluster, stage: Stage) -> list[Figure]:
    asked = len(_asked(cluster, stage))
    await stage.stop_worker()
    began = time.perf_counter()
    await stage.start_one("worker")
    await stage.in_service()
    seconds = time.perf_counter() - began
    requests = _asked(cluster, stage)[asked:]
    what = f"start with {SIZE} x 4 in place"
    return [
        Figure(f"{what}, in service", seconds, "s", None, cluster.name),
        Figure(f"{what}, writes", _count(requests, WRITES), "", None, cluster.name),
        Figure(f"{what}, lists", _count(requests, ("list",)), "", None, cluster.name),
    ]


async def _rest(cluster: Cluster, stage: Stage, seconds: float) -> list[Figure]:
    await asyncio.sleep(SETTLE_SECONDS)
    asked, began, cpu = len(_asked(cluster, stage)), time.perf_counter(), stage.cpu_seconds()
    await asyncio.sleep(seconds * QUIET - 2)
    share = (stage.cpu_seconds() - cpu) / (time.perf_counter() - began) * 100
    quiet = _asked(cluster, stage)[asked:]
    await asyncio.sleep(seconds * (1 - QUIET) + 2)
    requests = _asked(cluster, stage)[asked:]
    what = f"at rest, {SIZE} x 4"
    return [
        Figure(f"{what}, requests between sweeps", len(quiet), "", None, cluster.name),
        Figure(f"{what}, lists with a sweep", _count(requests, ("list",)), "", None, cluster.name),
        Figure(f"{what}, other requests with a sweep", len(requests) - _count(requests, ("list",)), "", None, cluster.name),
        Figure(f"{what}, CPU between sweeps", share, "% core", None, cluster.name),
        Figure(f"{what}, memory", stage.memory_bytes() / 1024**2, "MiB", None, cluster.name),
    ]


def _asked(cluster: Cluster, stage: Stage) -> Sequence[Request]:
    return list(cluster.requests(f"trueup/0.1 ({stage.instance})"))


def _count(requests: Iterable[Request], verbs: Sequence[str]) -> int:
    return sum(1 for verb, *_ in requests if verb in verbs)
