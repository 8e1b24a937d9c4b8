"""Looking without touching: objects as they are now, what a sync would change, what happened; on the sandbox."""

import asyncio

import pytest

from tests.servers.system import System, config_map

FIRST = {"apps/web/a.yaml": config_map("web-a"), "apps/web/b.yaml": config_map("web-b")}
WEB = "/api/v1/applications/trueup/web"


@pytest.fixture
async def system(tmp_path, valkey):
    async with System(tmp_path, applications={"web": "apps/web"}, redis_url=valkey.url) as system:
        await system.ended(await system.push(FIRST))
        yield system


async def versions(system):
    """Of every object: what a write changes."""
    _, answer = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps")
    return {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in answer["items"]}


async def test_the_objects_of_an_application_as_they_are_now(system):
    status, answer = await system.get(f"{WEB}/resources")
    assert status == 200
    assert [(r["object"].rpartition("/")[2], r["health"], r["is_desired"], r["drift"]) for r in answer["items"]] == [
        ("web-a", "Healthy", True, []),
        ("web-b", "Healthy", True, []),
    ]


async def test_what_others_added_beside_ours_is_shown_and_left(system):
    path = f"/api/v1/namespaces/{system.namespace}/configmaps/web-a"
    change = {"metadata": {"annotations": {"scanner/seen": "yes"}}}
    await system.kube("PATCH", path, change, "application/merge-patch+json", manager="scanner")

    async def shown():
        _, answer = await system.get(f"{WEB}/resources")
        return answer["items"][0]["foreign"]

    before = await versions(system)
    (field,) = await system.until(shown, "the field is shown")
    assert (field["path"], field["manager"]) == ("metadata.annotations[scanner/seen]", "scanner")
    await asyncio.sleep(0.3)
    assert await versions(system) == before, "it is not taken out"


async def test_a_diff_says_what_a_sync_would_change_and_changes_nothing(system):
    await system.commit(
        {"apps/web/a.yaml": config_map("web-a", "2"), "apps/web/b.yaml": None, "apps/web/c.yaml": config_map("web-c")}
    )
    before = await versions(system)
    status, accepted = await system.post(f"{WEB}/diff")
    assert status == 202
    job = await system.ended(accepted["id"])
    assert (job["state"], job["message"]) == ("succeeded", "would create 1, delete 1, update 1; 0 as desired")
    (sync,) = job["syncs"]
    steps = {step["object"].rpartition("/")[2]: step for step in sync["steps"]}
    assert {name: step["action"] for name, step in steps.items()} == {"web-a": "update", "web-b": "delete", "web-c": "create"}
    assert [(f["path"], f["found"], f["desired"]) for f in steps["web-a"]["fields"]] == [("data.value", '"1"', '"2"')]
    assert await versions(system) == before
    assert system.forge.statuses("acme/shop", job["commit"]) == []
    _, again = await system.post(f"{WEB}/sync")
    assert (await system.ended(again["id"]))["state"] == "succeeded"


async def test_the_history_has_what_syncs_came_to_newest_first(system):
    good = await system.ended(await system.push({"apps/web/a.yaml": config_map("web-a", "2")}))
    await system.ended(await system.push({"apps/web/a.yaml": "kind: [\n"}))
    status, answer = await system.get(f"{WEB}/history?limit=2")
    assert status == 200
    bad, ok = answer["items"]
    assert (bad["kind"], bad["state"], bad["actor"], bad["digest"]) == ("push", "failed", "ada", "")
    assert "a.yaml" in bad["message"]
    assert (ok["state"], ok["revision"], ok["commits"]) == ("succeeded", f"main@sha1:{good['commit']}", [good["commit"]])
    assert (ok["job"], len(ok["digest"])) == (good["id"], 24)
    assert ok["started"] < ok["finished"] < bad["finished"]
    assert (await system.get(f"{WEB}/history?limit=21"))[0] == 400


async def test_drift_findings_have_their_own_address(system):
    path = f"/api/v1/namespaces/{system.namespace}/configmaps/web-a"
    await system.kube("PATCH", path, {"data": {"value": "9"}}, "application/merge-patch+json")

    async def found():
        _, answer = await system.get(f"{WEB}/drift")
        return answer["items"]

    (finding,) = await system.until(found, "the drift is told")
    assert [(f["path"], f["manager"], f["found"]) for f in finding["fields"]] == [("data.value", "kubectl-edit", '"9"')]


@pytest.mark.long
async def test_health_between_syncs_is_told(system):
    volume = (
        f"apiVersion: v1\nkind: PersistentVolume\nmetadata: {{name: data-{system.instance}}}\n"
        "spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /data}}\n"
    )
    await system.ended(await system.push({"apps/web/c.yaml": volume}))
    path = f"/api/v1/persistentvolumes/data-{system.instance}/status"
    lost = {"status": {"phase": "Failed", "message": "the disk is gone"}}
    status, _ = await system.kube("PATCH", path, lost, "application/merge-patch+json")
    assert status == 200

    async def unhealthy():
        _, answer = await system.get(WEB)
        return answer if answer["health"] == "Degraded" else None

    answer = await system.until(unhealthy, "the application is unhealthy")
    assert [(e["object"].rpartition("/")[2], e["reason"]) for e in answer["unhealthy"]] == [
        (f"data-{system.instance}", "the disk is gone")
    ]


@pytest.mark.parametrize("look", ["", "/resources", "/drift", "/history"])
async def test_what_there_is_none_of_is_not_found(system, look):
    status, _ = await system.get(f"/api/v1/applications/trueup/other{look}")
    assert status == 404
