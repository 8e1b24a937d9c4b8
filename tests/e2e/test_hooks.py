"""Hooks: they run in their phase, once for each content, and leave what they should. On the sandbox, whose Jobs run by themselves."""

import asyncio
from collections import Counter

import pytest

from tests.servers.system import System, config_map, job

pytestmark = [pytest.mark.long, pytest.mark.timeout(60)]

JOBS = ("batch", "jobs")


@pytest.fixture
async def system(tmp_path, valkey):
    async with System(tmp_path, applications={"web": "apps/web"}, redis_url=valkey.url) as system:
        yield system


def tree(**texts):
    return {f"apps/web/{name}.yaml": text for name, text in texts.items()}


async def live(system, name):
    status, document = await system.kube("GET", f"/apis/batch/v1/namespaces/{system.namespace}/jobs/{name}")
    return document if status == 200 else None


async def names(system):
    _, answer = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps")
    return sorted(item["metadata"]["name"] for item in answer.get("items", []))


def steps(job):
    return [(step["action"], step["object"].partition("/")[2]) for sync in job["syncs"] for step in sync["steps"]]


def applied(system, resource="jobs.batch"):
    return sum(n for r, n in system.cluster.counts().items() if r.verb == "apply" and r.resource == resource)


async def test_hooks_run_before_and_after_and_are_told(system):
    files = tree(
        a=job("migrate", hook="pre-sync"), b=config_map("web"), c=job("smoke", hook="post-sync"), d=job("cry", hook="sync-failed")
    )
    done = await system.ended(await system.push(files))
    assert (done["state"], done["message"]) == ("succeeded", "1 object changed, 2 hooks run, all healthy")
    assert steps(done) == [("run", "Job/migrate"), ("create", "ConfigMap/web"), ("run", "Job/smoke")]
    versions = [int((await live(system, name))["metadata"]["resourceVersion"]) for name in ("migrate", "smoke")]
    _, answer = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps/web")
    assert versions[0] < int(answer["metadata"]["resourceVersion"]) < versions[1]
    assert await live(system, "cry") is None


async def test_a_hook_runs_once_for_each_content(system):
    files = tree(a=job("migrate", hook="pre-sync"), b=config_map("web"))
    await system.ended(await system.push(files))
    first = await live(system, "migrate")
    again = await system.ended(await system.push({"apps/web/b.yaml": "# the same\n" + config_map("web")}))
    assert (again["state"], steps(again)) == ("succeeded", [])
    assert (await live(system, "migrate"))["metadata"]["uid"] == first["metadata"]["uid"]
    changed = await system.ended(await system.push(tree(b=config_map("web", "2"))))
    assert steps(changed) == [("run", "Job/migrate"), ("update", "ConfigMap/web")]
    assert (await live(system, "migrate"))["metadata"]["uid"] != first["metadata"]["uid"]
    back = await system.ended(await system.push(tree(b=config_map("web", "1"))))
    assert steps(back) == [("run", "Job/migrate"), ("update", "ConfigMap/web")]


async def test_a_pre_sync_hook_that_fails_keeps_everything_as_it_is_and_the_others_hear_of_it(system):
    await system.ended(await system.push(tree(b=config_map("web"))))
    files = tree(a=job("migrate", "tool:failing", hook="pre-sync"), b=config_map("web", "2"), c=job("cry", hook="sync-failed"))
    failed = await system.ended(await system.push(files))
    assert failed["state"] == "failed"
    assert "Job/migrate: the pre-sync hook failed: BackoffLimitExceeded" in failed["message"]
    assert "1 object not applied" in failed["message"]
    assert steps(failed) == [("run", "Job/migrate"), ("run", "Job/cry")]
    _, answer = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps/web")
    assert answer["data"] == {"value": "1"}

    mended = await system.ended(await system.push(tree(a=job("migrate", "tool:2", hook="pre-sync"))))
    assert (mended["state"], steps(mended)) == ("succeeded", [("run", "Job/migrate"), ("update", "ConfigMap/web")])


async def test_a_hook_that_failed_is_not_repeated_until_a_person_asks(system):
    files = tree(a=job("migrate", "tool:failing", hook="pre-sync"), b=config_map("web"))
    await system.ended(await system.push(files))
    first = await live(system, "migrate")
    again = await system.ended(await system.push({"apps/web/b.yaml": "# the same\n" + config_map("web")}))
    assert again["state"] == "failed"
    assert "failed before, for the same content: BackoffLimitExceeded" in again["message"]
    assert (await live(system, "migrate"))["metadata"]["uid"] == first["metadata"]["uid"]
    _, accepted = await system.post("/api/v1/applications/trueup/web/sync")
    asked = await system.ended(accepted["id"])
    assert asked["state"] == "failed"
    assert "the pre-sync hook failed: BackoffLimitExceeded" in asked["message"]
    assert (await live(system, "migrate"))["metadata"]["uid"] != first["metadata"]["uid"]


async def test_a_post_sync_hook_that_fails_makes_the_sync_fail_and_deletes_nothing(system):
    await system.ended(await system.push(tree(a=config_map("old"), b=config_map("web"))))
    files = {"apps/web/a.yaml": None, **tree(c=job("smoke", "tool:failing", hook="post-sync", hook_delete="failed"))}
    failed = await system.ended(await system.push(files))
    assert failed["state"] == "failed"
    assert "Job/smoke: the post-sync hook failed" in failed["message"]
    assert await names(system) == ["old", "web"]
    _, application = await system.get("/api/v1/applications/trueup/web")
    assert application["state"] == "failed"
    assert application["revision"] == failed["syncs"][0]["revision"], "its objects are in the cluster"
    _, history = await system.get("/api/v1/applications/trueup/web/history")
    newest = history["items"][0]
    assert (newest["revision"], newest["state"]) == (failed["syncs"][0]["revision"], "failed")
    await system.until(lambda: is_gone(system, "smoke"), "the hook's object is deleted")


async def is_gone(system, name):
    return await live(system, name) is None


async def test_the_hooks_of_a_phase_run_wave_by_wave_and_a_failed_wave_is_the_last(system):
    files = tree(
        a=job("last", hook="pre-sync", wave="2"),
        b=job("broken", "tool:failing", hook="pre-sync", wave="1"),
        c=job("beside", hook="pre-sync", wave="1"),
        d=job("first", hook="pre-sync", wave="-1"),
    )
    failed = await system.ended(await system.push(files))
    assert steps(failed)[0] == ("run", "Job/first")
    assert Counter(steps(failed)) == Counter([("run", "Job/first"), ("run", "Job/beside"), ("run", "Job/broken")])
    assert await live(system, "last") is None


async def test_any_object_can_be_a_hook_and_is_neither_kept_true_nor_left_when_git_has_it_no_more(system):
    hook = config_map("note").replace("metadata: {", "metadata: {annotations: {trueup.dev/hook: 'pre-sync,post-sync'}, ")
    done = await system.ended(await system.push(tree(a=hook, b=config_map("web"))))
    assert steps(done) == [("run", "ConfigMap/note"), ("create", "ConfigMap/web"), ("run", "ConfigMap/note")]
    await system.kube("DELETE", f"/api/v1/namespaces/{system.namespace}/configmaps/note")
    await system.kube("DELETE", f"/api/v1/namespaces/{system.namespace}/configmaps/web")
    await system.until(lambda: has(system, "web"), "the object is put back")
    assert await names(system) == ["web"]
    again = await system.ended(await system.push(tree(b=config_map("web", "2"))))
    assert again["state"] == "succeeded"
    assert await names(system) == ["note", "web"]
    gone = await system.ended(await system.push({"apps/web/a.yaml": None}))
    assert ("delete", "ConfigMap/note") in steps(gone)
    assert await names(system) == ["web"]


async def has(system, name):
    return name in await names(system)


async def test_a_hook_that_does_not_end_in_time_has_failed(system):
    files = tree(a=job("slow", "tool:broken", hook="pre-sync", hook_timeout="300ms"), b=config_map("web"))
    failed = await system.ended(await system.push(files))
    assert "did not end within 0.3 s" in failed["message"]
    assert await names(system) == []


async def test_a_hook_that_vanishes_when_it_is_done_has_run(system):
    files = tree(
        a=job("migrate", hook="pre-sync", ttl=0), b=job("seed", hook="post-sync", hook_delete="succeeded"), c=config_map("web")
    )
    done = await system.ended(await system.push(files))
    assert done["state"] == "succeeded", done["message"]
    assert len(steps(done)) == 3
    await system.until(lambda: is_gone(system, "migrate"), "the job is gone")
    assert await is_gone(system, "seed")
    before = applied(system)
    await system.stop()
    await system.start()
    again = await system.ended(await system.push({"apps/web/c.yaml": "# the same\n" + config_map("web")}))
    assert (again["state"], steps(again)) == ("succeeded", [])
    assert applied(system) == before


async def test_a_job_that_vanishes_when_it_is_done_is_no_drift_and_runs_again_when_it_changes(system):
    done = await system.ended(await system.push(tree(a=job("once", ttl=0), b=config_map("web"))))
    assert done["state"] == "succeeded", done["message"]
    await system.until(lambda: is_gone(system, "once"), "the job is gone")
    await asyncio.sleep(0.3)
    _, jobs = await system.get("/api/v1/jobs?application=trueup/web")
    assert [each["kind"] for each in jobs["items"]] == ["push"]
    before = applied(system)
    again = await system.ended(await system.push(tree(b=config_map("web", "2"))))
    assert (again["state"], steps(again)) == ("succeeded", [("update", "ConfigMap/web")])
    assert applied(system) == before
    await system.stop()
    await system.start()
    changed = await system.ended(await system.push(tree(a=job("once", "tool:2", ttl=0))))
    assert (changed["state"], steps(changed)) == ("succeeded", [("create", "Job/once")])
    _, application = await system.get("/api/v1/applications/trueup/web")
    assert application["health"] == "Healthy"


@pytest.mark.long
async def test_a_job_that_failed_and_is_gone_runs_again_when_a_person_asks(system):
    failed = await system.ended(await system.push(tree(a=job("once", "tool:failing", ttl=0), b=config_map("web"))))
    assert "Job/once: BackoffLimitExceeded" in failed["message"]
    await system.until(lambda: is_gone(system, "once"), "the job is gone")
    before = applied(system)
    _, accepted = await system.post("/api/v1/applications/trueup/web/sync")
    again = await system.ended(accepted["id"])
    assert (again["state"], ("create", "Job/once") in steps(again)) == ("failed", True)
    assert applied(system) == before + 1


async def test_a_name_that_is_to_be_generated_is_another_one_for_each_content(system):
    hook = job("x", hook="pre-sync").replace("name: x", "generateName: migrate-")
    first = await system.ended(await system.push(tree(a=hook, b=config_map("web"))))
    second = await system.ended(await system.push(tree(b=config_map("web", "2"))))
    one, two = (next(step["object"] for step in done["syncs"][0]["steps"] if step["action"] == "run") for done in (first, second))
    assert one != two
    assert two.rpartition("/")[2].startswith("migrate-")
    assert await is_gone(system, one.rpartition("/")[2])


async def test_before_everything_is_deleted_the_last_hooks_run(system):
    await system.ended(await system.push(tree(a=config_map("web"), b=job("farewell", hook="pre-delete"))))
    assert await is_gone(system, "farewell")
    held = await system.ended(await system.push({"apps/web/a.yaml": None}))
    assert held["state"] == "held"
    assert await is_gone(system, "farewell")
    _, accepted = await system.post("/api/v1/applications/trueup/web/approve")
    done = await system.ended(accepted["id"])
    assert (done["state"], steps(done)) == ("succeeded", [("run", "Job/farewell"), ("delete", "ConfigMap/web")])
    assert await names(system) == []


async def test_a_last_hook_that_fails_keeps_everything(system):
    await system.ended(await system.push(tree(a=config_map("web"), b=job("farewell", "tool:failing", hook="pre-delete"))))
    assert (await system.ended(await system.push({"apps/web/a.yaml": None})))["state"] == "held"
    _, accepted = await system.post("/api/v1/applications/trueup/web/approve")
    failed = await system.ended(accepted["id"])
    assert (failed["state"], steps(failed)) == ("failed", [("run", "Job/farewell")])
    assert await names(system) == ["web"]


async def test_what_another_tool_has_left_under_a_hooks_name_makes_room(system):
    await system.kube("POST", "/api/v1/namespaces", {"metadata": {"name": system.namespace}})
    path = f"/apis/batch/v1/namespaces/{system.namespace}/jobs"
    pod = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "tool:1"}]}}
    left = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate"}, "spec": {"template": pod}}
    await system.kube("POST", path, left, manager="argocd-controller")
    before = await live(system, "migrate")
    done = await system.ended(await system.push(tree(a=job("migrate", hook="pre-sync"))))
    assert done["state"] == "succeeded", done["message"]
    assert (await live(system, "migrate"))["metadata"]["uid"] != before["metadata"]["uid"]
    await system.kube("DELETE", f"{path}/migrate")
    await system.kube("POST", path, left, manager="somebody")
    refused = await system.ended(await system.push(tree(a=job("migrate", "tool:2", hook="pre-sync"))))
    assert refused["state"] == "failed"
    assert "is there already, made by somebody" in refused["message"]


async def test_a_diff_shows_the_hooks_that_would_run(system):
    await system.ended(await system.push(tree(a=config_map("web"))))
    await system.commit(
        tree(b=job("migrate", hook="pre-sync"), c=job("smoke", hook="post-sync"), d=job("cry", hook="sync-failed"))
    )
    _, accepted = await system.post("/api/v1/applications/trueup/web/diff")
    found = await system.ended(accepted["id"])
    assert [(s["action"], s["reason"]) for s in found["syncs"][0]["steps"]] == [
        ("run", "pre-sync hook"),
        ("run", "post-sync hook"),
    ]
    assert await is_gone(system, "migrate")


async def test_a_hook_whose_words_mean_nothing_is_named(system):
    files = tree(a=job("migrate", hook="presync"))
    failed = await system.ended(await system.push(files))
    assert "apps/web/a.yaml" in failed["message"]
    assert "annotation trueup.dev/hook is 'presync'; write pre-sync, post-sync, sync-failed, pre-delete" in failed["message"]
