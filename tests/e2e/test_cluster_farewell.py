"""Hooks of an application that goes, on a real control plane: its Job controller says when they have ended. Nothing goes before them."""

import pytest

from tests.e2e.test_cluster_hooks import job, live
from tests.servers.leaving import files
from tests.servers.system import System, config_map

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]


@pytest.fixture
async def system(tmp_path, valkey, control_plane):
    """Two applications in files, whose objects go with them."""
    applications, kubeconfig = {"web": "apps/web", "api": "apps/api"}, control_plane.kubeconfig
    async with System(
        tmp_path, applications=applications, redis_url=valkey.url, kubeconfig=kubeconfig, settings={"removal_delay": 0.5}
    ) as system:
        yield system


async def ready(system, kubelet, image):
    """Everything is synced, and says that it goes along."""
    farewell = job("farewell", image, hook="pre-delete")
    maps = {f"apps/{name}/a.yaml": config_map(name) for name in ("web", "api")}
    files(system, "web", "api")
    done = await system.ended(await system.push({**maps, "apps/web/b.yaml": farewell}))
    assert done["state"] == "succeeded", done["message"]

    async def is_marked():
        found = [await config(system, kubelet, name) for name in ("web", "api")]
        return all("trueup.dev/deletion-policy" in each["metadata"]["annotations"] for each in found if each) and all(found)

    await system.until(is_marked, "the objects say that they go along")


async def config(system, kubelet, name):
    status, found = await kubelet.request("GET", f"/api/v1/namespaces/{system.namespace}/configmaps/{name}")
    return found if status == 200 else None


async def is_gone(system, kubelet, name):
    return await config(system, kubelet, name) is None


async def removal(system):
    """The removal, once it has come to something."""

    async def look():
        _, found = await system.get("/api/v1/jobs?application=trueup/web")
        return next((one["id"] for one in found["items"] if one["kind"] == "removal"), "")

    return await system.ended(await system.until(look, "there is a removal"))


def steps(job):
    return [(step["action"], step["object"].partition("/")[2]) for step in job["syncs"][0]["steps"]]


async def test_they_run_to_their_end_before_anything_is_deleted(system, kubelet):
    await ready(system, kubelet, "tool:1")
    assert await live(kubelet, system, "farewell") is None, "it runs when the application goes, and not before"
    files(system, "api")
    done = await removal(system)
    assert steps(done) == [("run", "Job/farewell"), ("delete", "Job/farewell"), ("delete", "ConfigMap/web")]
    await system.until(lambda: is_gone(system, kubelet, "web"), "it is gone")
    assert await config(system, kubelet, "api")


async def test_while_one_fails_nothing_is_deleted(system, kubelet):
    await ready(system, kubelet, "tool:failing")
    files(system, "api")
    done = await removal(system)
    assert "Job/farewell: the pre-delete hook failed: BackoffLimitExceeded" in done["syncs"][0]["message"]
    assert await config(system, kubelet, "web")


async def test_one_that_ends_while_nobody_is_there_deletes_nothing_until_a_person_says_so(system, kubelet):
    await ready(system, kubelet, "tool:slow")
    files(system, "api")

    async def runs():
        found = await live(kubelet, system, "farewell")
        return found is not None and found["status"].get("active")

    await system.until(runs, "the hook runs")
    assert await config(system, kubelet, "web"), "nothing goes while it runs"
    await system.stop()
    kubelet.is_slow = False

    async def has_ended():
        return (await live(kubelet, system, "farewell"))["status"].get("succeeded") == 1

    await system.until(has_ended, "it has ended, and is kept")
    await system.start()
    held = await system.until(lambda: held_removal(system), "a removal is held")
    assert "nobody knows its sources any more" in held["syncs"][0]["message"]
    assert await config(system, kubelet, "web")
    digest = held["syncs"][0]["held_digest"]
    status, accepted = await system.post("/api/v1/orphans/trueup/web/remove", {"digest": digest})
    assert status == 202
    assert (await system.ended(accepted["id"]))["state"] == "succeeded"
    await system.until(lambda: is_gone(system, kubelet, "web"), "it is gone")


async def held_removal(system):
    _, found = await system.get("/api/v1/jobs?application=trueup/web")
    held = [one["id"] for one in found["items"] if one["kind"] == "removal" and one["state"] == "held"]
    return (await system.get(f"/api/v1/jobs/{held[0]}"))[1] if held else None
