"""Requests by verb, counted at the API server's audit log: N applies for N new objects, 1 for one that changed, 0 for none.

Applies are held against what they should be; whatever else was asked for in the same time is named beside them. Watches are not counted.
"""

import json
from collections import Counter
from collections.abc import Sequence

from benchmarks.cluster import Cluster, Request, open_cluster
from benchmarks.figure import Figure
from benchmarks.raw import MERGE, connected, watched
from benchmarks.stage import Stage, staged
from tests.servers.system import config_map

OBJECTS = 20


async def measure() -> list[Figure]:
    """What four things cost: a first sync, a change, a push that concerns nobody, and drift."""
    async with open_cluster(is_audited=True) as cluster, staged(cluster, {"web": "apps/web"}) as stage:
        counted = _Counted(cluster, stage)
        counted.since()
        figures = []
        for what, files, floor in (
            (f"{OBJECTS} new objects", {f"apps/web/c{i}.yaml": config_map(f"c{i}") for i in range(OBJECTS)}, OBJECTS),
            ("1 changed object", {"apps/web/c0.yaml": config_map("c0", "2")}, 1),
            ("nothing changed", {"README.md": "x"}, 0),
        ):
            await stage.done(await stage.push(files))
            figures.append(_figure(what, floor, counted.since(), cluster))
        await _drift(cluster, stage)
        figures.append(_figure("1 drifted object", 1, counted.since(), cluster))
    return figures


class _Counted:
    def __init__(self, cluster: Cluster, stage: Stage) -> None:
        self._cluster, self._agent = cluster, f"trueup/0.1 ({stage.instance})"
        self._seen = 0

    def since(self) -> Sequence[Request]:
        """The requests since it was asked last."""
        found = list(self._cluster.requests(self._agent))
        news, self._seen = found[self._seen :], len(found)
        return news


def _figure(what: str, floor: int, requests: Sequence[Request], cluster: Cluster) -> Figure:
    applies = sum(1 for verb, *_ in requests if verb == "patch")
    others = Counter(f"{verb} {resource}" for verb, resource, _ in requests if verb != "patch")
    beside = ", ".join(f"{count} {name}".strip() for name, count in sorted(others.items()))
    return Figure(f"applies, {what}", applies, "", floor, cluster.name, note=f"beside: {beside or 'nothing'}")


async def _drift(cluster: Cluster, stage: Stage) -> None:
    path = f"/api/v1/namespaces/{stage.namespace}/configmaps"
    async with watched(cluster, path) as watch, connected(cluster) as connection:
        body = json.dumps({"data": {"value": "drifted"}}).encode()
        await connection.send("PATCH", f"{path}/c1?fieldManager=kubectl-edit", body, content=MERGE)
        await watch.until("c1", lambda found: found["data"]["value"] == "drifted")
        await watch.until("c1", lambda found: found["data"]["value"] == "1")

    async def is_told() -> bool:
        _, jobs = await stage.get("/api/v1/jobs?application=web")
        return any(job["kind"] == "drift" and job["state"] == "succeeded" for job in jobs["items"])

    await stage.until(is_told, "the repair is told")
