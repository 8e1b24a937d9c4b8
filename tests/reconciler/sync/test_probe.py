"""Objects of others that are made only where they are missing: the sweep finds that they are gone, at one request each."""

import pytest

from reconciler.sync.probe import probe
from tests.servers.scene import maps
from tests.servers.system import System, config_map

THEIRS = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: theirs, annotations: {trueup.dev/apply: if-absent}}\ndata: {value: ours}\n"
)


def requests(cluster):
    return len(cluster.requests)


@pytest.mark.asyncio(loop_scope="module")
async def test_each_costs_one_request_and_what_is_gone_is_named_once(scene):
    await scene.kube("POST", "/api/v1/namespaces", {"metadata": {"name": scene.space}})
    await scene.kube("POST", "configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs"}})
    await scene.bring({**maps("a"), "apps/web/theirs.yaml": THEIRS})
    environment, cluster = scene.environment, scene.theatre.cluster
    before = requests(cluster)
    assert (await probe(environment)).missing == []
    assert requests(cluster) - before == 1

    await scene.kube("DELETE", "configmaps/theirs")
    found = await probe(environment)
    assert ([key.name for key in found.missing], found.looked_at) == (["theirs"], 1)
    assert (await probe(environment)).looked_at == 0, "it is ours to make now"

    await scene.bring(maps("a", value="2"))
    assert scene.live("theirs")["data"] == {"value": "ours"}


@pytest.mark.asyncio(loop_scope="module")
async def test_what_nobody_desires_any_more_costs_nothing(scene):
    await scene.kube("POST", "/api/v1/namespaces", {"metadata": {"name": scene.space}})
    await scene.kube("POST", "configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs"}})
    await scene.bring({**maps("a"), "apps/web/theirs.yaml": THEIRS})
    await scene.bring({"apps/web/theirs.yaml": None})
    assert (await probe(scene.environment)).looked_at == 0
    assert scene.environment.others == set()
    assert "theirs" in scene.names()


async def test_the_sweep_has_them_made_without_a_push(tmp_path, valkey):
    settings = {"sweep": 0.3}
    async with System(tmp_path, applications={"web": "apps/web"}, redis_url=valkey.url, settings=settings) as system:
        path = f"/api/v1/namespaces/{system.namespace}/configmaps"
        await system.kube("POST", "/api/v1/namespaces", {"metadata": {"name": system.namespace}})
        await system.kube("POST", path, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs"}})
        await system.ended(await system.push({"apps/web/a.yaml": config_map("a"), "apps/web/theirs.yaml": THEIRS}))
        await system.kube("DELETE", f"{path}/theirs")

        async def is_made():
            status, found = await system.kube("GET", f"{path}/theirs")
            return status == 200 and found["data"] == {"value": "ours"}

        await system.until(is_made, "it is made")
