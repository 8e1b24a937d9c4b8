"""What applications that never become healthy cost those that are: pushes beside a hundred jobs that wait, and without them.

`SIZE=20` takes so many. They are of another repository, each has a claim that nobody binds and a job of its own, which waits for it all
the while. Beside them one of ten healthy applications changes with every push. The floor is the same pushes before there were any, times what
a raw fetch and apply take now and took then: machines change their pace meanwhile.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.cluster import Cluster, open_cluster
from benchmarks.figure import Figure, p50
from benchmarks.push import CLAIM, raw_apply, raw_fetch
from benchmarks.raw import Watch, watched
from benchmarks.stage import FINAL, Stage, staged
from tests.servers.system import config_map

SICK = int(os.environ.get("SIZE") or 100)
HEALTHY = 10
PUSHES = 30
REPOSITORY = """\
apiVersion: trueup.dev/v1alpha1
kind: Repository
metadata: {{name: sick}}
spec: {{url: '{url}', forge: generic, poll: 5s}}
"""
APPLICATION = """\
apiVersion: trueup.dev/v1alpha1
kind: Application
metadata: {{name: {name}}}
spec:
  sources: [{{git: {{repository: sick, path: apps/{name}}}}}]
  destination: {{namespace: {namespace}, createNamespace: true}}
  sync: {{mode: manual, timeout: 1h}}
"""
SECONDS = 120.0


async def measure() -> list[Figure]:
    """p50 of a push until it is applied, and until its job has succeeded, beside those that wait."""
    names = {f"a{number}": f"apps/a{number}" for number in range(HEALTHY)}
    async with open_cluster() as cluster, staged(cluster, names) as stage:
        await stage.done(await stage.push({f"{path}/c.yaml": config_map(name) for name, path in names.items()}))
        async with watched(cluster, f"/api/v1/namespaces/{stage.namespace}/configmaps") as watch:
            before = await _pushes(cluster, stage, watch, "before")
            jobs = await _fall_ill(stage)
            began, used = time.perf_counter(), stage.cpu_seconds()
            beside = await _pushes(cluster, stage, watch, "beside")
            share = (stage.cpu_seconds() - used) / (time.perf_counter() - began)
            waiting = await _waiting(stage, jobs)
        if waiting != len(jobs):
            raise AssertionError(f"{len(jobs) - waiting} of {len(jobs)} jobs did not wait to the end")
    pace = p50(beside.raw) / p50(before.raw)
    note = f"{share:.0%} of a core meanwhile; the machine's pace is {pace:.2f} of before"
    pairs = (("applied", beside.applied, before.applied), ("succeeded", beside.ended, before.ended))
    return [
        Figure(
            f"webhook → {end}, beside {SICK} that never are, p50", p50(now) * 1000, "ms", p50(then) * 1000 * pace,
            cluster.name, PUSHES, note,
        )
        for end, now, then in pairs
    ]  # fmt: skip


@dataclass(slots=True)
class _Times:
    """Seconds of each push."""

    applied: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    raw: list[float] = field(default_factory=list)
    """What the shortest script would need, in the same moments."""


async def _pushes(cluster: Cluster, stage: Stage, watch: Watch, word: str) -> _Times:
    times = _Times()
    for number in range(PUSHES):
        name, value = f"a{number % HEALTHY}", f"{word}-{number}"
        commit = await stage.commit({f"apps/{name}/c.yaml": config_map(name, value)})
        began = time.perf_counter()
        _, answer = await stage.deliver(commit)
        times.applied.append(await watch.until(name, lambda found, value=value: found["data"]["value"] == value) - began)
        times.ended.append(await stage.done(answer["id"]) - began)
        times.raw.append(await raw_fetch(stage) + await raw_apply(cluster, value))
    return times


async def _fall_ill(stage: Stage) -> Sequence[str]:
    """Applications of another repository whose claims nobody binds, each synced by hand; their jobs, all of them waiting."""
    names = [f"sick{number}" for number in range(SICK)]
    await stage.git.commit("acme/sick", {f"apps/{name}/c.yaml": CLAIM.format(name=name) for name in names}, message="sick")
    documents = [APPLICATION.format(name=name, namespace=stage.namespace) for name in names]
    text = "---\n".join([REPOSITORY.format(url=stage.git.url("acme/sick")), *documents])
    (stage.directory / "declarations" / "sick.yaml").write_text(text)
    jobs = []
    for name in names:

        async def asked(name: str = name) -> str:
            status, answer = await stage.post(f"/api/v1/applications/trueup/{name}/sync")
            return str(answer["id"]) if status == 202 else ""

        jobs.append(await stage.until(asked, f"{name} is known", seconds=SECONDS, pause=0.1))

    async def all_wait() -> bool:
        return await _waiting(stage, jobs) == len(jobs)

    await stage.until(all_wait, "all of them are applied, and wait", seconds=SECONDS, pause=0.5)
    await asyncio.sleep(1.0)
    return jobs


async def _waiting(stage: Stage, jobs: Sequence[str]) -> int:
    """How many jobs have applied what they have, and wait for its health."""
    found = [(await stage.get(f"/api/v1/jobs/{job}"))[1] for job in jobs]
    return sum(1 for job in found if job["state"] not in FINAL and any(sync["applied"] for sync in job["syncs"]))
