"""An aggregated API whose server is away: nothing is deleted, that is said, and goes on without a push. On the sandbox."""

import pytest

from tests.servers.system import System, config_map

GROUP = "metrics.k8s.io"


@pytest.fixture
async def system(tmp_path, valkey, monkeypatch):
    monkeypatch.setattr("jobs.holder.withheld.ASKED_SECONDS", 0.2)
    async with System(tmp_path, applications={"web": "apps/web"}, redis_url=valkey.url) as system:
        yield system


async def names(system):
    _, answer = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps")
    return sorted(item["metadata"]["name"] for item in answer["items"])


async def is_gone(system, name):
    async def look():
        return name not in await names(system)

    return await system.until(look, f"{name} is gone")


@pytest.mark.long
@pytest.mark.parametrize("is_restarted", [False, True], ids=["at once", "after a restart"])
async def test_deletions_wait_for_discovery_are_told_and_go_on_without_a_push(system, is_restarted):
    await system.ended(await system.push({f"apps/web/{name}.yaml": config_map(name) for name in "abc"}))
    system.cluster.silent.add(GROUP)
    await system.stop()
    await system.start()

    commit = await system.commit({"apps/web/c.yaml": None, "apps/web/a.yaml": config_map("a", "2")})
    job = await system.ended(await system.redeliver(commit))
    message = "1 object changed, all healthy; 1 deletion waits: the cluster does not tell all that it serves"
    assert (job["state"], job["message"]) == ("succeeded", message)
    (notice,) = job["syncs"][0]["notices"]
    assert "does not tell what it serves of metrics.k8s.io: nothing is deleted until it does" in notice
    assert "kubectl get apiservices" in notice
    assert [s["action"] for s in job["syncs"][0]["steps"]] == ["update", "skip"]

    async def is_said():
        return system.forge.statuses("acme/shop", commit)[-1].description == message

    await system.until(is_said, "the commit says so")
    assert await names(system) == ["a", "b", "c"]

    if is_restarted:
        await system.stop()
    system.cluster.silent.clear()
    if is_restarted:
        await system.start()
    await is_gone(system, "c")
    _, jobs = await system.get("/api/v1/jobs?application=trueup/web")
    later = [await system.ended(each["id"]) for each in jobs["items"] if each["kind"] in ("dependency", "declared")]
    assert "1 object changed, all healthy" in [each["message"] for each in later]
    assert await names(system) == ["a", "b"]
