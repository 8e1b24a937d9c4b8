"""An aggregated API that keeps no managedFields, behind the real API server: applied, compared, repaired, and away. On a control plane alone."""

import asyncio

import pytest

from tests.servers.aggregated import GROUP, Aggregated, thing
from tests.servers.control_plane import ControlPlane, find_binaries
from tests.servers.kubelet import Kubelet
from tests.servers.system import System, config_map

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(500)]


@pytest.fixture
async def plane(tmp_path):
    """One of the test's own: while the server is away, nobody's discovery is whole."""
    (tmp_path / "plane").mkdir()
    plane = ControlPlane(tmp_path / "plane", find_binaries())
    try:
        await asyncio.to_thread(plane.start)
        yield plane
    finally:
        await asyncio.to_thread(plane.stop)


@pytest.fixture
async def things(plane, tmp_path):
    async with Aggregated(plane, tmp_path / "aggregated") as things:
        yield things


@pytest.fixture
async def system(plane, tmp_path, valkey, monkeypatch, things):
    assert things  # they are served before Trueup looks what there is
    monkeypatch.setattr("jobs.holder.withheld.ASKED_SECONDS", 0.2)
    settings = {"sweep": 0.5}
    async with System(
        tmp_path, applications={"web": "apps/web"}, redis_url=valkey.url, kubeconfig=plane.kubeconfig, settings=settings
    ) as system:
        yield system


def steps(job):
    return [(step["action"], step["object"].rpartition("/")[2]) for sync in job["syncs"] for step in sync["steps"]]


async def has_size(things, name, size):
    found = await things.live(name)
    return found is not None and found["spec"] == {"size": size}


async def test_what_keeps_no_record_of_fields_is_compared_by_its_values_and_never_deleted(system, things):
    done = await system.ended(await system.push({"apps/web/a.yaml": config_map("a"), "apps/web/one.yaml": thing("one")}))
    assert (done["state"], done["message"]) == ("succeeded", "2 objects changed, all healthy")
    first = (await things.live("one"))["metadata"]
    assert "managedFields" not in first

    await things.edit("one", {"spec": {"size": 7}})
    await system.until(lambda: has_size(things, "one", 1), "what a person changed is put back")
    again = (await things.live("one"))["metadata"]["resourceVersion"]
    await system.stop()
    await system.start()
    changed = await system.ended(await system.push({"apps/web/a.yaml": config_map("a", "2")}))
    assert ("update", "one") not in steps(changed), "a restart learns it from its marks"
    assert (await things.live("one"))["metadata"]["resourceVersion"] == again

    await system.ended(await system.push({"apps/web/one.yaml": thing("one", 2)}))
    assert await has_size(things, "one", 2)
    gone = await system.ended(await system.push({"apps/web/one.yaml": None}))
    assert (gone["state"], steps(gone)) == ("succeeded", [])
    assert (await things.live("one"))["metadata"]["uid"] == first["uid"], "nothing proves that it is ours"


async def test_while_its_server_is_away_nothing_is_deleted_and_all_else_goes_on(system, things, plane):
    await system.ended(await system.push({f"apps/web/{name}.yaml": config_map(name) for name in "abc"}))
    await things.leave()
    await things.until_told(is_served=False)
    await system.stop()
    await system.start()
    job = await system.ended(await system.push({"apps/web/c.yaml": None, "apps/web/a.yaml": config_map("a", "2")}))
    assert job["message"] == "1 object changed, all healthy; 1 deletion waits: the cluster does not tell all that it serves"
    assert GROUP in job["syncs"][0]["notices"][0]

    async with Kubelet(plane, system.namespace) as person:

        async def is_there():
            return (await person.request("GET", f"/api/v1/namespaces/{system.namespace}/configmaps/c"))[0] == 200

        assert await is_there()
        await things.come()

        async def is_gone():
            return not await is_there()

        await system.until(is_gone, "c is deleted without a push", seconds=120)
