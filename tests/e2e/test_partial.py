"""A sync of a few objects, one that trusts nothing, and one that only looks; asked for by the API, and shown in the job."""

import pytest

from tests.servers.system import System, config_map

pytestmark = pytest.mark.long

WEB = "/api/v1/applications/trueup/web"
FILES = {f"apps/web/{name}.yaml": config_map(name) for name in ("a", "b", "c")}


@pytest.fixture
async def system(tmp_path, valkey):
    async with System(tmp_path, applications={"web": "apps/web"}, redis_url=valkey.url) as system:
        await system.ended(await system.push(FILES))
        await system.stop()
        system.declare(web=", mode: manual")  # so that nothing but what a test asks for is synced
        await system.start()
        yield system


async def data(system, name):
    status, found = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps/{name}")
    return found["data"]["value"] if status == 200 else None


async def synced(system, **body):
    status, accepted = await system.post(f"{WEB}/sync", body)
    assert status == 202, accepted
    return await system.ended(accepted["id"])


def steps(job):
    return [(step["action"], step["object"].rpartition("/")[2]) for step in job["syncs"][0]["steps"]]


async def test_only_what_was_asked_for_is_synced_and_nothing_is_deleted(system):
    commit = await system.commit(
        {"apps/web/a.yaml": config_map("a", "2"), "apps/web/b.yaml": config_map("b", "2"), "apps/web/c.yaml": None}
    )
    job = await synced(system, only=["configmap/a"])
    assert (job["kind"], job["state"], job["only"], job["commit"]) == ("partial", "succeeded", ["configmap/a"], commit)
    assert (steps(job), job["message"]) == ([("update", "a")], "1 object changed, all healthy (only configmap/a)")
    assert [await data(system, name) for name in "abc"] == ["2", "1", "1"]
    told = [status for status in system.forge.statuses("acme/shop", commit) if job["id"] in status.target_url]
    assert told == [], "it says nothing of the commit"
    _, application = await system.get(WEB)
    assert not application["revision"].endswith(commit), "the application is not at that commit"

    job = await synced(system)
    assert (job["kind"], sorted(steps(job))) == ("manual", [("delete", "c"), ("update", "b")])


async def test_a_name_that_means_nothing_is_said_with_what_there_is(system):
    job = await synced(system, only=["Deployment/a"])
    ours = ", ".join(f"{system.namespace}/ConfigMap/{name}" for name in "abc")
    assert (job["state"], job["message"]) == ("failed", f"nothing is called Deployment/a; there are {ours}")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"only": ["a"]}, "only.0: String should match pattern"),
        ({"only": "ConfigMap/a"}, "only: Input should be a valid"),
        ({"refesh": True}, "refesh: Extra inputs are not permitted"),
    ],
)
async def test_a_body_that_means_nothing_is_refused_by_field(system, body, told):
    status, problem = await system.post(f"{WEB}/sync", body)
    assert status == 400
    assert told in problem["detail"]


async def changed_under_our_name(system, name):
    """Content that differs, and an entry of ours that does not show it: ConfigMaps count no generations either."""
    path = f"/api/v1/namespaces/{system.namespace}/configmaps/{name}"
    _, found = await system.kube("GET", path)
    metadata = {key: found["metadata"][key] for key in ("name", "namespace", "labels", "annotations")}
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"value": "by hand"}}
    manager = f"trueup-{system.instance}"
    status, answer = await system.kube("PATCH", f"{path}?force=true", document, "application/apply-patch+yaml", manager=manager)
    assert (status, answer["data"]) == (200, {"value": "by hand"})


async def test_what_no_metadata_shows_is_found_when_the_objects_themselves_are_listed(system):
    await changed_under_our_name(system, "a")
    job = await synced(system)
    assert (steps(job), await data(system, "a")) == ([], "by hand"), "the watches tell nothing of it"
    job = await synced(system, refresh=True)
    assert (job["refresh"], "refreshed" in [stage["name"] for stage in job["stages"]]) == (True, True)
    (step,) = job["syncs"][0]["steps"]
    assert (step["action"], step["reason"]) == ("update", "data.value changed")
    assert [(f["path"], f["found"], f["desired"]) for f in step["fields"]] == [("data.value", '"by hand"', '"1"')]
    assert await data(system, "a") == "1"
    job = await synced(system, refresh=True)
    assert (job["state"], steps(job)) == ("succeeded", [])


async def test_a_dry_run_says_what_would_be_done_and_does_nothing(system):
    await changed_under_our_name(system, "a")
    await system.commit({"apps/web/b.yaml": config_map("b", "2")})
    job = await synced(system, dry_run=True)
    assert (job["kind"], job["message"]) == ("diff", "would update 1; 2 as desired")
    job = await synced(system, dry_run=True, refresh=True)
    assert (job["message"], sorted(steps(job))) == ("would update 2; 1 as desired", [("update", "a"), ("update", "b")])
    job = await synced(system, dry_run=True, only=[f"{system.namespace}/ConfigMap/b"])
    assert steps(job) == [("update", "b")]
    assert [await data(system, name) for name in "abc"] == ["by hand", "1", "1"]
