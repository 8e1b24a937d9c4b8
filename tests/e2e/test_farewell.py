"""Hooks of an application that goes: before its objects are deleted they run, and while they fail nothing is deleted; on the sandbox."""

import pytest

from tests.servers.declarations import condition
from tests.servers.leaving import PRUNE, app, declared, files, gone, installed, kept, left, marked, ready, values
from tests.servers.system import System, config_map, job

pytestmark = pytest.mark.long


def tree(image="tool:1", **more):
    return {"apps/web/a.yaml": config_map("web-a"), "apps/web/b.yaml": job("farewell", image, hook="pre-delete", **more)}


@pytest.fixture
async def system(tmp_path, valkey):
    settings = {"declarations": None, "removal_delay": 0.5}
    async with System(tmp_path, applications={}, redis_url=valkey.url, settings=settings, prepare=installed) as system:
        yield system


async def removals(system):
    _, found = await system.get("/api/v1/jobs?application=trueup/web")
    ended = [one for one in found["items"] if one["kind"] == "removal" and one["state"] in ("succeeded", "held", "failed")]
    return [(await system.get(f"/api/v1/jobs/{one['id']}"))[1] for one in ended]


async def leave(system):
    await kept(system, "web")
    await system.kubectl("delete", "tapp", "web", "--wait=false")


async def test_they_run_before_anything_is_deleted(system):
    await declared(system, app(system, "web", sync=PRUNE), files=tree())
    assert (await system.kubectl.get("tapp", "web"))["status"]["intent"] == {"ends_with_hooks": True}
    await leave(system)
    await gone(system, "web")
    _, found = await system.get("/api/v1/jobs?application=trueup/web")
    removal = next(one for one in found["items"] if one["kind"] == "removal")
    _, removal = await system.get(f"/api/v1/jobs/{removal['id']}")
    steps = [(step["action"], step["object"].partition("/")[2]) for step in removal["syncs"][0]["steps"]]
    assert steps == [("run", "Job/farewell"), ("delete", "Job/farewell"), ("delete", "ConfigMap/web-a")]
    assert await values(system) == set()


async def test_one_that_fails_keeps_everything_until_the_application_is_let_go(system):
    await declared(system, app(system, "web", sync=PRUNE), files=tree("tool:failing"))
    await leave(system)
    message = condition(await ready(system, "web", reason="Waiting"), "Ready")[2]
    for part in ("nothing is deleted: ", "Job/farewell: the pre-delete hook failed: ", "deletionPolicy"):
        assert part in message
    assert await values(system) == {"web-a"}
    await system.kubectl("patch", "tapp", "web", "--type", "merge", "-p", '{"spec":{"sync":{"deletionPolicy":"orphan"}}}')
    await gone(system, "web")
    assert await values(system) == {"web-a"}


async def test_one_that_ends_after_the_deadline_deletes_nothing_any_more(system):
    await system.stop()
    system.more_settings |= {"deletion_deadline": 2.0}
    await system.start()
    await declared(system, app(system, "web", sync={**PRUNE, "timeout": "60s"}), files=tree(suspend="true"))
    await leave(system)
    await gone(system, "web", seconds=8.0)
    path = f"/apis/batch/v1/namespaces/{system.namespace}/jobs/farewell/status"
    end = {"status": {"conditions": [{"type": "Complete", "status": "True"}, {"type": "SuccessCriteriaMet", "status": "True"}]}}
    assert (await system.kube("PATCH", path, end, "application/merge-patch+json"))[0] == 200
    (removal,) = await system.until(lambda: removals(system), "the removal has ended")
    assert removal["syncs"][0]["message"] == "0 objects deleted"
    assert await values(system) == {"web-a"}


async def test_without_its_repository_an_application_goes_that_has_none_and_one_that_has_some_waits(system):
    plain = {"apps/api/a.yaml": config_map("api-a")}
    await declared(system, app(system, "web", sync=PRUNE), app(system, "api", sync=PRUNE), files=tree() | plain)
    await kept(system, "web")
    await kept(system, "api")
    await system.kubectl("delete", "trepo", "shop", "--timeout=10s")
    await system.kubectl("delete", "tapp", "web", "api", "--wait=false")
    await gone(system, "api")
    message = condition(await ready(system, "web", reason="Waiting"), "Ready")[2]
    assert "its pre-delete hooks cannot run: Repository trueup/shop is not declared any more" in message
    assert await values(system) == {"web-a"}


@pytest.fixture
async def filed(tmp_path, valkey):
    applications = {"web": "apps/web", "api": "apps/api"}
    async with System(tmp_path, applications=applications, redis_url=valkey.url, settings={"removal_delay": 1.0}) as system:
        files(system, "web", "api")
        plain = {"apps/api/a.yaml": config_map("api-a")}
        assert (await system.ended(await system.push(tree() | plain)))["state"] == "succeeded"
        await marked(system)
        yield system


async def test_of_an_application_in_a_file_they_run_too(filed):
    files(filed, "api")
    await left(filed, "api-a")
    (removal,) = await filed.until(lambda: removals(filed), "the removal has ended")
    assert [step["action"] for step in removal["syncs"][0]["steps"]] == ["run", "delete", "delete"]


async def test_of_a_file_that_went_while_nobody_looked_nothing_is_deleted_without_them_unless_somebody_approves(filed):
    await filed.stop()
    files(filed, "api")
    await filed.start()
    (held,) = await filed.until(lambda: removals(filed), "the removal has ended")
    assert held["state"] == "held"
    assert "it has pre-delete hooks, and nobody knows its sources any more" in held["syncs"][0]["message"]
    assert await values(filed) == {"web-a", "api-a"}
    digest = held["syncs"][0]["held_digest"]
    status, accepted = await filed.post("/api/v1/orphans/trueup/web/remove", {"digest": digest})
    assert status == 202
    assert (await filed.ended(accepted["id"]))["state"] == "succeeded"
    assert await values(filed) == {"api-a"}
