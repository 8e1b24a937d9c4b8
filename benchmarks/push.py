"""From the webhook to the applied object, with many applications in the repository of which one changes; and to the job's end.

`SIZE=10000` measures that one size. The object is seen by a watch, so that nobody polls. The floor is what the shortest script would
need, in the same moments: a plain `git fetch` of the commit from the same server, and one raw apply.
"""

import asyncio
import os
import time
from dataclasses import dataclass, field

from benchmarks.cluster import Cluster, open_cluster
from benchmarks.figure import Figure, p50, p99
from benchmarks.raw import MERGE, Watch, apply, connected, watched
from benchmarks.stage import Stage, staged
from tests.servers.system import REPOSITORY, config_map

SIZES = (int(os.environ["SIZE"]),) if os.environ.get("SIZE") else (1, 100, 1000)
PUSHES = 30
READIES = 10
READY_SECONDS = 0.5
"""Until the job waits for health for certain."""
CLAIM = """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: {name}}}
spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}
"""
RAW = "/api/v1/namespaces/default/configmaps/raw"


async def measure() -> list[Figure]:
    """p50 and p99 for each size."""
    figures = []
    for size in SIZES:
        async with open_cluster() as cluster, staged(cluster, {f"a{i}": f"apps/a{i}" for i in range(size)}) as stage:
            figures += await _measure(cluster, stage, size)
            if size == SIZES[0]:
                figures.append(await _ready(cluster, stage))
    return figures


@dataclass(slots=True)
class _Times:
    floor: list[float] = field(default_factory=list)
    applied: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)


async def _measure(cluster: Cluster, stage: Stage, size: int) -> list[Figure]:
    await stage.done(await stage.push({f"apps/a{i}/c.yaml": config_map(f"a{i}") for i in range(size)}))
    times = _Times()
    async with watched(cluster, f"/api/v1/namespaces/{stage.namespace}/configmaps") as watch:
        for number in range(PUSHES):
            await _push(stage, watch, f"v{number}", times)
            times.floor.append(await raw_fetch(stage) + await raw_apply(cluster, f"v{number}"))
    floor, name = p50(times.floor) * 1000, f"webhook → applied, 1 changed of {size}"
    return [
        Figure(f"{name}, p50", p50(times.applied) * 1000, "ms", floor, cluster.name, PUSHES),
        Figure(f"{name}, p99", p99(times.applied) * 1000, "ms", floor, cluster.name, PUSHES),
        Figure(f"webhook → succeeded, 1 changed of {size}, p50", p50(times.ended) * 1000, "ms", floor, cluster.name, PUSHES),
    ]


async def _push(stage: Stage, watch: Watch, value: str, times: _Times) -> None:
    commit = await stage.commit({"apps/a0/c.yaml": config_map("a0", value)})
    began = time.perf_counter()
    _, answer = await stage.deliver(commit)
    times.applied.append(await watch.until("a0", lambda found: found["data"]["value"] == value) - began)
    times.ended.append(await stage.done(answer["id"]) - began)


async def _ready(cluster: Cluster, stage: Stage) -> Figure:
    """From the watch event of a status to the end of the job that waited for it, as the event stream tells it.

    A claim gets its status by hand: no controller of ours touches it.
    """
    path, times = f"/api/v1/namespaces/{stage.namespace}/persistentvolumeclaims", []
    async with watched(cluster, path) as watch, connected(cluster) as connection:
        for number in range(READIES):
            name = f"claim-{number}"
            job = await stage.push({f"apps/a0/{name}.yaml": CLAIM.format(name=name)})
            await watch.until(name, lambda _: True)
            await asyncio.sleep(READY_SECONDS)
            await connection.send("PATCH", f"{path}/{name}/status", b'{"status":{"phase":"Bound"}}', content=MERGE)
            bound = await watch.until(name, lambda found: found["status"].get("phase") == "Bound")
            times.append(await stage.done(job) - bound)
    return Figure("status event → job succeeded, p50", p50(times) * 1000, "ms", None, cluster.name, READIES)


async def raw_fetch(stage: Stage) -> float:
    """Seconds of a plain fetch of the newest commit into a repository that has the one before."""
    bare = stage.directory / "raw.git"
    if not bare.exists():
        bare.mkdir()
        await stage.git.git(bare, "init", "--quiet", "--bare")
    began = time.perf_counter()
    await stage.git.git(
        bare, "fetch", "--quiet", "--depth=1", "--no-tags", stage.git.url(REPOSITORY), "+refs/heads/main:refs/raw"
    )
    return time.perf_counter() - began


async def raw_apply(cluster: Cluster, value: str) -> float:
    """Seconds of one raw apply, over a connection that is there."""
    body = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"raw"},"data":{"value":"%b"}}' % value.encode()
    async with connected(cluster) as connection:
        await apply(connection, (RAW, body))
        body = body.replace(b'value":"', b'value":"again')
        began = time.perf_counter()
        await apply(connection, (RAW, body))
        return time.perf_counter() - began
