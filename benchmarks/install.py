"""Many applications of four objects each from one push, beside a raw client that only sends their applies, as many in flight.

Half of the raw applies are sent before and half after, so that a machine that changes its pace between is fair to both.
"""

import asyncio
import json
import os
import time
from datetime import datetime

from benchmarks.cluster import Cluster, open_cluster
from benchmarks.figure import Figure
from benchmarks.objects import applies, four
from benchmarks.raw import Apply, apply, apply_all, connected
from benchmarks.stage import Stage, staged

SIZE = int(os.environ.get("SIZE", "1000"))
IN_FLIGHT = 4
"""Trueup's own default, `TRUEUP_API_CONCURRENCY`."""


async def measure() -> list[Figure]:
    """From the webhook to the last apply, and to the end of the job."""
    names = [f"app-{number:05}" for number in range(SIZE)]
    async with open_cluster() as cluster:
        before, after = await _halves(cluster, names)
        async with staged(cluster, {name: f"apps/{name}" for name in names}) as stage:
            floor = await _raw(cluster, before)
            applied, ended, cpu = await install(stage, names)
            floor += await _raw(cluster, after)
    what = f"install {SIZE} x 4, webhook →"
    return [
        Figure(f"{what} all applied", applied, "s", floor, cluster.name, 4 * SIZE),
        Figure(f"{what} job succeeded", ended, "s", floor, cluster.name, 4 * SIZE),
        Figure("install, CPU of Trueup per object", cpu / 4 / SIZE * 1000, "ms", None, cluster.name, 4 * SIZE),
    ]


async def install(stage: Stage, names: list[str]) -> tuple[float, float, float]:
    """Push everything; seconds until all is applied, and until the job succeeded, and CPU seconds of Trueup."""
    commit = await stage.commit({f"apps/{name}/all.yaml": four(name) for name in names})
    cpu, clock, began = stage.cpu_seconds(), time.time(), time.perf_counter()
    _, answer = await stage.deliver(commit)
    ended = await stage.done(answer["id"]) - began
    cpu = stage.cpu_seconds() - cpu
    _, job = await stage.get(f"/api/v1/jobs/{answer['id']}")
    applied = max(datetime.fromisoformat(sync["applied"]).timestamp() for sync in job["syncs"])
    return applied - clock, ended, cpu


async def _halves(cluster: Cluster, names: list[str]) -> tuple[list[Apply], list[Apply]]:
    async with connected(cluster) as connection:
        await apply(connection, ("/api/v1/namespaces/raw", b'{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"raw"}}'))
    found = [[*applies(four(name), instance="raw", namespace="raw", name=name)] for name in names]
    half = len(found) // 2
    return [a for four in found[:half] for a in four], [a for four in found[half:] for a in four]


async def _raw(cluster: Cluster, given: list[Apply]) -> float:
    began = time.perf_counter()
    await apply_all(cluster, given, in_flight=IN_FLIGHT)
    seconds = time.perf_counter() - began
    await _settled(cluster)
    return seconds


async def _settled(cluster: Cluster) -> None:
    """Until the controllers have seen every Deployment, so that they are not busy with these while the next are measured."""
    async with connected(cluster) as connection:
        while True:
            found = json.loads(await connection.send("GET", "/apis/apps/v1/deployments"))["items"]
            if all(one.get("status", {}).get("observedGeneration") for one in found):
                return
            await asyncio.sleep(0.5)
