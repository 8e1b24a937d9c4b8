"""Strays: what carries our label without being ours is listed and never touched; a lost record of kinds is made again."""

import pytest

from tests.servers.system import System, config_map

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n"


@pytest.fixture
async def system(tmp_path, valkey):
    async with System(tmp_path, applications={"web": "apps/web"}, redis_url=valkey.url) as system:
        await system.ended(await system.push({"apps/web/a.yaml": config_map("a"), "apps/web/service.yaml": SERVICE}))
        yield system


async def strays(system, query=""):
    status, found = await system.get(f"/api/v1/clusters/in-cluster/strays{query}")
    assert status == 200, found
    return [stray["object"] for stray in found["items"]]


async def clone(system, plural, live, name):
    """As a backup tool restores under another name: labels, annotations and all."""
    metadata = {k: v for k, v in live["metadata"].items() if k in ("labels", "annotations")} | {"name": name}
    path = f"/api/v1/namespaces/{system.namespace}/{plural}"
    status, answer = await system.kube("POST", path, {**live, "metadata": metadata}, manager="velero")
    assert status == 201, answer


async def get(system, plural, name):
    return (await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/{plural}/{name}"))[1]


async def test_a_clone_is_a_stray_until_it_is_gone_and_is_never_deleted(system):
    await clone(system, "configmaps", await get(system, "configmaps", "a"), "b")
    name = f"{system.namespace}/ConfigMap/b"
    await system.until(lambda: _listed(system, name), "the clone is listed")
    await system.ended(await system.push({"apps/web/a.yaml": config_map("a", "2")}))
    assert (await get(system, "configmaps", "b"))["data"] == {"value": "1"}
    await system.kube("DELETE", f"/api/v1/namespaces/{system.namespace}/configmaps/b")
    await system.until(lambda: _unlisted(system, name), "the clone is not listed any more")


async def test_a_stray_of_a_kind_that_nobody_follows_is_found_by_a_search(system):
    live = await get(system, "configmaps", "a")
    await clone(system, "secrets", {"apiVersion": "v1", "kind": "Secret", "metadata": live["metadata"]}, "copied")
    assert await strays(system) == []
    assert await strays(system, "?search=true") == [f"{system.namespace}/Secret/copied"]
    assert await strays(system) == [f"{system.namespace}/Secret/copied"]


async def test_copies_that_controllers_make_are_no_strays(system):
    labels = (await get(system, "services", "web"))["metadata"]["labels"]
    slices = f"/apis/discovery.k8s.io/v1/namespaces/{system.namespace}/endpointslices"
    owner = {
        "apiVersion": "v1",
        "kind": "Service",
        "name": "web",
        "uid": (await get(system, "services", "web"))["metadata"]["uid"],
    }
    body = {
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4", "endpoints": [],
        "metadata": {"name": "web-x", "labels": labels, "ownerReferences": [owner]},
    }  # fmt: skip
    status, answer = await system.kube("POST", slices, body, manager="endpointslice-controller")
    assert status == 201, answer
    assert await strays(system, "?search=true") == []


@pytest.mark.long
async def test_a_kind_whose_record_was_lost_is_followed_again(system):
    await system.stop()
    record = f"/api/v1/namespaces/trueup/configmaps/trueup-kinds-{system.instance}"
    status, _ = await system.kube("DELETE", record)
    assert status == 200
    system.applications = {}
    system.declare()
    await system.start()
    assert await strays(system, "?search=true") == []
    status, found = await system.kube("GET", record)
    assert status == 200
    assert '["","ConfigMap"]' in found["data"]["kinds"]


async def test_an_unknown_cluster_is_said_to_be_unknown(system):
    status, found = await system.get("/api/v1/clusters/nowhere/strays")
    assert (status, "no worker has reached the cluster nowhere" in found["detail"]) == (503, True)


async def _listed(system, name):
    return name in await strays(system)


async def _unlisted(system, name):
    return name not in await strays(system)
