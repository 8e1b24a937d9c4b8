"""The whole way of a push: webhook in, cluster changed, status out; on the sandbox, with real git and a real Valkey."""

import asyncio
from collections import Counter

import pytest

from tests.servers.system import REPOSITORY, System, config_map


@pytest.fixture
async def system(tmp_path, valkey):
    async with System(tmp_path, applications={"web": "apps/web", "api": "apps/api"}, redis_url=valkey.url) as system:
        yield system


FIRST = {
    "apps/web/a.yaml": config_map("web-a"),
    "apps/web/b.yaml": config_map("web-b"),
    "apps/api/a.yaml": config_map("api-a"),
}


def applies(system: System) -> int:
    """Apply requests that Trueup has sent for ConfigMaps of the applications."""
    return sum(1 for r in system.cluster.requests if "trueup" in r.user_agent and r.verb in ("patch", "apply"))


async def values(system: System) -> dict[str, str]:
    status, answer = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps")
    assert status == 200
    return {item["metadata"]["name"]: item["data"]["value"] for item in answer["items"]}


async def test_a_push_goes_live_and_its_commit_gets_one_verdict(system):
    job = await system.ended(await system.push(FIRST))
    assert (job["state"], job["actor"], job["kind"]) == ("succeeded", "ada", "push")
    assert await values(system) == {"web-a": "1", "web-b": "1", "api-a": "1"}
    assert [stage["name"] for stage in job["stages"]][:4] == ["received", "started", "fetched", "affected"]
    status, answer = await system.get(f"/api/v1/commits/{job['commit']}?wait=10s")
    assert status == 200
    assert [(v["repository"], v["cluster"], v["state"]) for v in answer["verdicts"]] == [
        ("trueup/shop", "in-cluster", "succeeded")
    ]
    posted = await system.until(lambda: _final_status(system, job["commit"]), "the status is posted")
    assert [s.state for s in posted][-1] == "success"
    assert len(posted) <= 2
    assert {s.token for s in posted} == {"f0rge"}
    assert posted[-1].target_url == f"{system.url}/jobs/{job['id']}"
    async with system.session.get(posted[-1].target_url) as page:
        assert (page.status, page.content_type) == (200, "text/html")
        assert f"{system.namespace}/ConfigMap/web-a" in await page.text()


async def _final_status(system, commit):
    posted = system.forge.statuses(REPOSITORY, commit)
    return posted if posted and posted[-1].state != "pending" else None


async def test_n_objects_cost_n_applies_and_the_same_webhook_again_costs_nothing(system):
    commit = await system.commit(FIRST)
    status, first = await system.deliver(commit, delivery="d-1")
    assert status == 202
    await system.ended(first["id"])
    assert applies(system) == 3
    before = len(system.cluster.requests)
    status, again = await system.deliver(commit, delivery="d-1")
    assert (status, again["id"]) == (200, first["id"])
    assert len(system.cluster.requests) == before


async def test_a_new_namespace_is_made_once_however_many_applications_want_it(system):
    await system.ended(await system.push(FIRST))
    made = [r for r in system.cluster.requests if r.verb == "create" and r.resource == "namespaces" and "trueup" in r.user_agent]
    assert len(made) == 2  # theirs, and the one of Trueup's own records


async def test_an_application_whose_inputs_did_not_change_is_not_touched(system):
    await system.ended(await system.push(FIRST))
    before = applies(system)
    job = await system.ended(await system.push({"apps/web/a.yaml": config_map("web-a", "2")}))
    assert [sync["application"] for sync in job["syncs"]] == ["trueup/web"]
    assert Counter(step["action"] for sync in job["syncs"] for step in sync["steps"]) == {"update": 1}
    assert applies(system) == before + 1
    untouched = await system.ended(await system.push({"README.md": "nothing for anybody"}))
    assert (untouched["state"], untouched["syncs"]) == ("succeeded", [])
    assert applies(system) == before + 1


async def test_a_refused_object_makes_the_commit_red_and_names_file_object_and_field(system):
    await system.ended(await system.push(FIRST))
    broken = config_map("web-a").replace("value: '1'", "value: {no: text}")
    job = await system.ended(await system.push({"apps/web/a.yaml": broken}))
    assert job["state"] == "failed"
    for part in ("apps/web/a.yaml", f"{system.namespace}/ConfigMap/web-a", "data.value"):
        assert part in job["message"]
    assert (await values(system))["web-a"] == "1"


async def test_what_people_change_is_put_back_and_attributed(system):
    await system.ended(await system.push(FIRST))
    path = f"/api/v1/namespaces/{system.namespace}/configmaps/web-a"
    status, _ = await system.kube("PATCH", path, {"data": {"value": "9"}}, "application/merge-patch+json")
    assert status == 200
    await system.until(lambda: _has(system, "web-a", "1"), "the value is put back")

    async def drift_job():
        _, jobs = await system.get("/api/v1/jobs?application=web")
        return next((j for j in jobs["items"] if j["kind"] == "drift" and j["state"] == "succeeded"), None)

    job = await system.until(drift_job, "a job tells of it")
    field = job["syncs"][0]["steps"][0]["fields"][0]
    assert (field["path"], field["manager"]) == ("data.value", "kubectl-edit")
    assert (field["desired"], field["found"]) == ('"1"', '"9"')


async def _has(system, name, value):
    return (await values(system)).get(name) == value


async def test_ten_changes_of_one_object_are_each_put_back_at_once_and_each_told(system):
    await system.ended(await system.push(FIRST))
    path = f"/api/v1/namespaces/{system.namespace}/configmaps/web-a"
    async with asyncio.timeout(20):  # a pause before each from the sixth on would be half a minute
        for number in range(10):
            await system.kube("PATCH", path, {"data": {"value": f"drifted {number}"}}, "application/merge-patch+json")
            await system.until(lambda: _has(system, "web-a", "1"), "the value is put back", pause=0.001)

    async def all_told():
        _, jobs = await system.get("/api/v1/jobs?application=web")
        return sum(1 for j in jobs["items"] if j["kind"] == "drift" and j["state"] == "succeeded") == 10

    await system.until(all_told, "ten jobs tell of it")


async def test_what_people_delete_is_made_again(system):
    await system.ended(await system.push(FIRST))
    await system.kube("DELETE", f"/api/v1/namespaces/{system.namespace}/configmaps/api-a")
    await system.until(lambda: _has(system, "api-a", "1"), "the object is made again")


async def test_an_emptied_directory_is_held_and_the_approval_deletes_exactly_that(system):
    await system.ended(await system.push(FIRST))
    job = await system.ended(await system.push({"apps/web/a.yaml": None, "apps/web/b.yaml": None, "apps/web/.gitkeep": ""}))
    assert job["state"] == "held"
    assert "renders to nothing" in job["message"]
    assert set(await values(system)) == {"web-a", "web-b", "api-a"}
    status, _ = await system.post("/api/v1/applications/trueup/web/approve", {"digest": "another"})
    assert status == 409
    status, accepted = await system.post("/api/v1/applications/trueup/web/approve")
    assert status == 202
    assert (await system.ended(accepted["id"]))["state"] == "succeeded"
    assert set(await values(system)) == {"api-a"}


async def test_what_leaves_git_is_deleted_within_the_guards(system):
    await system.ended(await system.push(FIRST))
    job = await system.ended(await system.push({"apps/web/b.yaml": None}))
    assert [(s["action"], s["object"]) for s in job["syncs"][0]["steps"]] == [("delete", f"{system.namespace}/ConfigMap/web-b")]
    assert set(await values(system)) == {"web-a", "api-a"}


async def test_a_commit_that_was_overtaken_is_superseded_and_the_newest_is_live(system):
    await system.ended(await system.push(FIRST))
    old = await system.commit({"apps/web/a.yaml": config_map("web-a", "old")})
    await system.commit({"apps/web/a.yaml": config_map("web-a", "new")})
    _, accepted = await system.deliver(old)
    job = await system.ended(accepted["id"])
    assert job["state"] == "superseded"
    await system.until(lambda: _has(system, "web-a", "new"), "the newest commit is live, though its webhook was lost")


async def test_a_restart_goes_on_and_writes_nothing(system):
    await system.ended(await system.push(FIRST))
    before = applies(system)
    await system.stop()
    await system.start()
    job = await system.ended(await system.push({"apps/api/a.yaml": config_map("api-a", "2")}))
    assert job["state"] == "succeeded"
    assert applies(system) == before + 1


async def test_an_application_that_is_declared_later_is_synced_without_a_push(system):
    await system.ended(await system.push({**FIRST, "apps/late/a.yaml": config_map("late")}))
    system.applications = {**system.applications, "late": "apps/late"}
    system.declare()
    await system.until(lambda: _has(system, "late", "1"), "the new application is synced")


async def test_two_applications_that_declare_one_object_are_both_stalled(system):
    job = await system.ended(await system.push({"apps/web/a.yaml": config_map("same"), "apps/api/a.yaml": config_map("same")}))
    assert job["state"] == "failed"
    assert "is declared by trueup/api and trueup/web" in job["message"]
    assert "same" not in await values(system)


async def test_a_manual_sync_goes_to_the_newest_commit(system):
    await system.ended(await system.push(FIRST))
    await system.commit({"apps/web/a.yaml": config_map("web-a", "2")})
    status, accepted = await system.post("/api/v1/applications/trueup/web/sync")
    assert status == 202
    assert (await system.ended(accepted["id"]))["state"] == "succeeded"
    assert (await values(system))["web-a"] == "2"
