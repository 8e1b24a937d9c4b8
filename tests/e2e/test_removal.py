"""Applications that go, move or are renamed: what becomes of their objects. On the sandbox, as files and as custom resources."""

import asyncio

import pytest

from tests.servers.declarations import condition
from tests.servers.leaving import FILES, PRUNE, app, declared, files, gone, installed, kept, left, marked, ready, values
from tests.servers.system import System, config_map

pytestmark = pytest.mark.long


@pytest.fixture
async def system(tmp_path, valkey):
    """With resources only; web and api are declared and synced where a test begins with `declared`."""
    settings = {"declarations": None, "removal_delay": 0.5}
    async with System(tmp_path, applications={}, redis_url=valkey.url, settings=settings, prepare=installed) as system:
        yield system


async def restart(system, **settings):
    await system.stop()
    system.more_settings |= settings
    await system.start()


async def orphans(system):
    _, answer = await system.get("/api/v1/orphans")
    assert answer["unknown"] == {}
    return {left["application"]: left for left in answer["items"]}


async def test_by_default_the_objects_are_left_and_reported_and_removed_by_exactly_their_set(system):
    await declared(system, app(system, "web"), app(system, "api"))
    assert "finalizers" not in (await system.kubectl.get("tapp", "web"))["metadata"]
    await system.kubectl("delete", "tapp", "web", "--timeout=10s")
    left = (await system.until(lambda: orphans(system), "they are reported"))["trueup/web"]
    assert sorted(left["objects"]) == [f"{system.namespace}/ConfigMap/web-a", f"{system.namespace}/ConfigMap/web-b"]
    assert await values(system) == {"web-a", "web-b", "api-a"}
    path = "/api/v1/orphans/trueup/web/remove"
    assert (await system.post(path, {"digest": "another"}))[0] == 409
    assert (await system.post("/api/v1/orphans/trueup/api/remove", {"digest": left["digest"]}))[0] == 409, "it is declared"
    status, accepted = await system.post(path, {"digest": left["digest"]})
    assert status == 202
    job = await system.ended(accepted["id"])
    assert (job["kind"], job["state"], job["message"]) == ("removal", "succeeded", "2 objects deleted")
    assert await values(system) == {"api-a"}
    assert await orphans(system) == {}


async def test_objects_that_were_left_are_taken_by_an_application_that_renders_them(system):
    await declared(system, app(system, "web"))
    before = await system.kubectl("get", "configmap", "-n", system.namespace, "web-a", "-o", "jsonpath={.metadata.uid}")
    await system.kubectl("delete", "tapp", "web", "--timeout=10s")
    await system.until(lambda: orphans(system), "they are reported")
    await system.kubectl.apply(app(system, "heir", path="apps/web"))
    await ready(system, "heir")
    assert await orphans(system) == {}
    assert await system.kubectl("get", "configmap", "-n", system.namespace, "web-a", "-o", "jsonpath={.metadata.uid}") == before


async def test_a_policy_of_prune_deletes_them_and_the_application_waits_for_that(system):
    await declared(system, app(system, "web", sync=PRUNE), app(system, "api"))
    await kept(system, "web")
    await system.kubectl("delete", "tapp", "web", "--timeout=20s")
    assert await values(system) == {"api-a"}
    assert await orphans(system) == {}


MANY = {f"apps/web/{n:02}.yaml": config_map(f"web-{n:02}") for n in range(21)}


async def held(system):
    await declared(system, app(system, "web", sync=PRUNE), files=MANY)
    await kept(system, "web")
    await system.kubectl("delete", "tapp", "web", "--wait=false")
    found = await ready(system, "web", reason="Held")
    assert len(await values(system)) == 21
    return found


async def test_a_guard_holds_it_and_an_approval_of_exactly_that_set_lets_it_go(system):
    found = await held(system)
    message = condition(found, "Ready")[2]
    for part in ("21 objects would be deleted in one job, 20 may", "trueup app approve trueup/web", "deletionPolicy"):
        assert part in message
    assert len(found["status"]["held"]["objects"]) == 20
    _, record = await system.get("/api/v1/applications/trueup/web")
    assert (record["state"], record["held_digest"]) == ("held", found["status"]["held"]["digest"])
    status, accepted = await system.post("/api/v1/applications/trueup/web/approve")
    assert status == 202
    assert (await system.ended(accepted["id"]))["state"] == "succeeded"
    await gone(system, "web")
    assert await values(system) == set()


async def test_the_way_out_of_a_hold_is_another_policy_and_leaves_everything(system):
    await held(system)
    patch = '{"spec":{"sync":{"deletionPolicy":"orphan"}}}'
    await system.kubectl("patch", "tapp", "web", "--type", "merge", "-p", patch)
    await gone(system, "web")
    assert len(await values(system)) == 21
    left = await system.until(lambda: orphans(system), "they are reported")
    assert len(left["trueup/web"]["objects"]) == 21


async def test_it_never_hangs_for_ever(system):
    await restart(system, deletion_deadline=3.0)
    await held(system)
    await gone(system, "web")
    assert len(await values(system)) == 21


@pytest.mark.parametrize("cluster", ["nowhere", "away"], ids=["a cluster that is not configured", "one that does not answer"])
async def test_a_cluster_that_cannot_be_reached_delays_it_until_the_deadline(system, cluster):
    await restart(system, deletion_deadline=4.0)
    text = (system.directory / "kubeconfig").read_text()
    (system.directory / "kubeconfig").write_text(
        text.replace("clusters: [", "clusters: [{name: away, cluster: {server: 'http://127.0.0.1:9'}}, ").replace(
            "contexts: [", "contexts: [{name: away, context: {cluster: away, user: sandbox}}, "
        )
    )
    await declared(system)
    await system.kubectl.apply(app(system, "web", sync=PRUNE, destination={"cluster": cluster, "namespace": "x"}))
    await kept(system, "web")
    await system.kubectl("delete", "tapp", "web", "--wait=false")
    await asyncio.sleep(1.0)
    assert await system.kubectl.get("tapp", "web"), "it waits"
    await gone(system, "web")


async def test_whoever_deletes_the_kind_deletes_no_object(system):
    await declared(system, app(system, "web", sync=PRUNE), app(system, "api", sync=PRUNE))
    await kept(system, "web")
    await kept(system, "api")
    await system.kubectl("delete", "crd", "applications.trueup.dev", "--timeout=20s")
    await asyncio.sleep(1.0)
    assert await values(system) == {"web-a", "web-b", "api-a"}


async def test_a_moved_destination_deletes_nothing_by_itself(system):
    await declared(system, app(system, "web"))
    await system.kubectl.apply(app(system, "web", namespace="elsewhere"))
    found = await ready(system, "web", reason="Held")
    assert "destination was moved" in condition(found, "Ready")[2]
    assert await values(system) == await values(system, "elsewhere") == {"web-a", "web-b"}
    _, accepted = await system.post("/api/v1/applications/trueup/web/approve")
    assert (await system.ended(accepted["id"]))["state"] == "succeeded"
    assert (await values(system), await values(system, "elsewhere")) == (set(), {"web-a", "web-b"})


async def test_a_renamed_application_deletes_nothing_by_itself(system):
    await declared(system, app(system, "web", sync={**PRUNE, "prune": False}))
    only_a = {"apps/web/kustomization.yaml": "resources: [a.yaml]\n"}
    await asyncio.sleep(1.1)  # receivers believe the table of addresses for a second
    await system.ended(await system.push(only_a))
    await kept(system, "web")
    await system.kubectl.apply(app(system, "shop-web", path="apps/web", sync=PRUNE))
    await system.kubectl("delete", "tapp", "web", "--wait=false")
    await ready(system, "shop-web")
    found = await ready(system, "web", reason="Held")
    assert "is called trueup/shop-web now" in condition(found, "Ready")[2]
    assert await values(system) == {"web-a", "web-b", "api-a"} - {"api-a"}
    assert found["status"]["held"]["objects"] == [f"{system.namespace}/ConfigMap/web-b"]


@pytest.fixture
async def filed(tmp_path, valkey):
    """With web and api in files whose policy is prune; both are synced."""
    async with System(
        tmp_path, applications={"web": "apps/web", "api": "apps/api"}, redis_url=valkey.url, settings={"removal_delay": 1.0}
    ) as system:
        files(system, "web", "api")
        assert (await system.ended(await system.push(FILES)))["state"] == "succeeded"
        await marked(system)
        yield system


async def test_a_file_that_goes_takes_its_objects_along_where_its_policy_says_so(filed):
    files(filed, "api")
    await left(filed, "api-a")

    async def is_told():
        _, jobs = await filed.get("/api/v1/jobs?application=trueup/web")
        return ("removal", "succeeded") in {(job["kind"], job["state"]) for job in jobs["items"]}

    await filed.until(is_told, "the removal is told as a job")


async def test_it_does_so_too_when_nobody_watched_it_go(filed):
    await filed.stop()
    files(filed, "api")
    await filed.start()
    await left(filed, "api-a")


async def test_files_that_are_broken_or_that_are_gone_altogether_delete_nothing(filed):
    directory = filed.directory / "declarations"
    whole = (directory / "all.yaml").read_text()
    (directory / "all.yaml").write_text(whole.replace("name: web", "nmae: web"))
    await asyncio.sleep(2.5)
    await left(filed, "web-a", "web-b", "api-a")
    (directory / "all.yaml").write_text("")
    await asyncio.sleep(3.0)
    await left(filed, "web-a", "web-b", "api-a")
    assert set(await orphans(filed)) == {"trueup/web", "trueup/api"}
    (directory / "all.yaml").write_text(whole)
    await filed.until(lambda: _none(filed), "they are declared again")
    await left(filed, "web-a", "web-b", "api-a")


async def _none(system):
    return not await orphans(system)


async def test_a_file_that_is_away_for_a_moment_deletes_nothing(filed):
    files(filed, "api")
    await asyncio.sleep(0.6)
    files(filed, "web", "api")
    await asyncio.sleep(2.0)
    await left(filed, "web-a", "web-b", "api-a")


async def test_an_application_that_is_renamed_in_its_file_goes_on_with_its_objects(filed):
    filed.applications = {"shop": "apps/web", "api": "apps/api"}
    filed.declare(shop=", deletionPolicy: prune", api=", deletionPolicy: prune")
    await asyncio.sleep(3.0)
    await left(filed, "web-a", "web-b", "api-a")
    assert await orphans(filed) == {}
