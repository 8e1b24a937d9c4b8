"""From the event of a pull request to its plan, for ten applications of four objects, each with a new image: the status, and the comment.

The floor is what the shortest script would need in the same moments: a plain `git fetch` of the head, and a read and a raw dry run of
each Deployment, one after another.
"""

import time
from dataclasses import dataclass, field

from benchmarks.cluster import Cluster, open_cluster
from benchmarks.figure import Figure, p50, p99
from benchmarks.objects import FOUR
from benchmarks.raw import APPLY, connected
from benchmarks.stage import Stage, staged
from tests.servers.system import REPOSITORY
from trueup.demo.example import pull_payload
from trueup.sandbox.forge_pulls import StoredPull

APPLICATIONS, PULLS = 10, 10
LOOK_SECONDS = 0.005


@dataclass(slots=True)
class _Times:
    status: list[float] = field(default_factory=list)
    comment: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)


async def measure() -> list[Figure]:
    """p50 and p99 of the comment, p50 of the status."""
    names = [f"a{number}" for number in range(APPLICATIONS)]
    times = _Times()
    async with open_cluster() as cluster, staged(cluster, {name: f"apps/{name}" for name in names}) as stage:
        await stage.done(await stage.push({f"apps/{n}/all.yaml": FOUR.format(name=n, version="6.0.0") for n in names}))
        for number in range(1, PULLS + 1):
            pull = await _branch(
                stage, number, {f"apps/{n}/all.yaml": FOUR.format(name=n, version=f"6.0.{number}") for n in names}
            )
            await _planned(stage, pull, times)
            times.floor.append(await _raw(stage, cluster, pull, names))
    floor = p50(times.floor) * 1000
    return [
        Figure(
            f"pull request → status, {APPLICATIONS} applications, p50", p50(times.status) * 1000, "ms", floor, cluster.name, PULLS
        ),
        Figure(
            f"pull request → comment, {APPLICATIONS} applications, p50",
            p50(times.comment) * 1000,
            "ms",
            floor,
            cluster.name,
            PULLS,
        ),
        Figure(
            f"pull request → comment, {APPLICATIONS} applications, p99",
            p99(times.comment) * 1000,
            "ms",
            floor,
            cluster.name,
            PULLS,
        ),
    ]


async def _branch(stage: Stage, number: int, files: dict[str, str]) -> StoredPull:
    bare = stage.git.path(REPOSITORY)
    await stage.git.git(bare, "update-ref", f"refs/heads/topic{number}", "refs/heads/main")
    commit = await stage.git.commit(REPOSITORY, files, message="topic", branch=f"topic{number}")
    await stage.git.git(bare, "update-ref", f"refs/pull/{number}/head", commit)
    return stage.forge.pulls.open(REPOSITORY, StoredPull(number, commit, f"topic{number}"))


async def _planned(stage: Stage, pull: StoredPull, times: _Times) -> None:
    began = time.perf_counter()
    status, answer = await stage.send("pull_request", pull_payload(pull, stage.git.url(REPOSITORY)))
    assert status == 202, answer

    async def is_told() -> bool:
        return any(s.state == "success" for s in stage.forge.statuses(REPOSITORY, pull.commit))

    async def is_commented() -> bool:
        return bool(stage.forge.pulls.comments(REPOSITORY, pull.number))

    await stage.until(is_told, "its status is posted", pause=LOOK_SECONDS)
    times.status.append(time.perf_counter() - began)
    await stage.until(is_commented, "its plan is beneath it", pause=LOOK_SECONDS)
    times.comment.append(time.perf_counter() - began)
    assert f"{APPLICATIONS} to change, in {APPLICATIONS} applications" in pull.comments[0].body


async def _raw(stage: Stage, cluster: Cluster, pull: StoredPull, names: list[str]) -> float:
    bare = stage.directory / "raw.git"
    if not bare.exists():
        bare.mkdir()
        await stage.git.git(bare, "init", "--quiet", "--bare")
    began = time.perf_counter()
    await stage.git.git(bare, "fetch", "--quiet", "--depth=1", stage.git.url(REPOSITORY), f"refs/pull/{pull.number}/head")
    async with connected(cluster) as connection:
        for name in names:
            path = f"/apis/apps/v1/namespaces/{stage.namespace}/deployments/{name}"
            await connection.send("GET", path)
            body = (
                f'{{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"name":"{name}","labels":{{"raw":"1"}}}}}}'.encode()
            )
            await connection.send("PATCH", f"{path}?fieldManager=raw&force=true&dryRun=All", body, content=APPLY)
    return time.perf_counter() - began
