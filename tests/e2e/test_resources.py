"""Repositories and Applications as custom resources: applied, synced at once, told of, deleted. On the sandbox."""

import asyncio

import pytest

from tests.servers.declarations import Kubectl, application, condition, repository
from tests.servers.system import REPOSITORY, System, config_map

pytestmark = pytest.mark.long

HOME = "trueup"


@pytest.fixture
async def system(tmp_path, valkey):
    """Without files; the namespace of declarations is Trueup's own, `system.kubectl` speaks for it."""
    settings = {"declarations": None}
    async with System(tmp_path, applications={}, redis_url=valkey.url, settings=settings, prepare=installed) as system:
        yield system


async def installed(system):
    system.kubectl = Kubectl(system.kubeconfig, system.directory, HOME)
    await system.kubectl.install()


def shop(system, namespace=HOME, **spec):
    url = system.git.url(REPOSITORY)
    return repository("shop", url, namespace, forge="github", api=system.forge.url, **spec)


def app(system, name, namespace=HOME, **more):
    return application(name, namespace, destination={"namespace": system.namespace, "createNamespace": True}, **more)


async def settled(system, name, *, kind="tapp", ready="True"):
    async def look():
        found = await system.kubectl.get(kind, name)
        status = found.get("status", {})
        is_current = status.get("observedGeneration") == found.get("metadata", {}).get("generation")
        return found if is_current and condition(found, "Ready")[0] == ready else None

    return await system.until(look, f"{kind}/{name} is Ready={ready}", pause=0.1)


async def values(system):
    _, answer = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps")
    return {item["metadata"]["name"]: item["data"]["value"] for item in answer["items"] if "value" in item.get("data", {})}


async def test_an_application_that_is_applied_is_synced_at_once_and_says_how_it_is(system):
    await system.commit({"apps/web/a.yaml": config_map("web-a")})
    await system.kubectl.apply(shop(system), app(system, "web"))
    found = await settled(system, "web")
    assert await values(system) == {"web-a": "1"}
    status = found["status"]
    assert (status["sync"], status["health"], status["objects"]) == ("succeeded", "Healthy", 1)
    assert status["revision"].startswith("main@sha1:")
    assert [condition(found, kind)[0] for kind in ("Ready", "Synced", "Healthy")] == ["True"] * 3
    assert [entry["state"] for entry in status["history"]] == ["succeeded"]
    assert condition(await settled(system, "shop", kind="trepo"), "Ready") == ("True", "Reachable", "")


def status_writes(system):
    """Writes of statuses of Applications by Trueup."""
    return sum(
        1
        for r in system.cluster.requests
        if "trueup" in r.user_agent and (r.resource, r.subresource) == ("applications.trueup.dev", "status")
    )


async def test_one_outcome_is_one_status_write_and_nothing_is_written_at_rest(system):
    await system.commit({"apps/web/a.yaml": config_map("web-a")})
    await system.kubectl.apply(shop(system), app(system, "web"))
    await settled(system, "web")
    await asyncio.sleep(1.5)  # health between syncs is told a second later, if it is another one
    assert status_writes(system) == 1
    job = await system.ended(await system.push({"apps/web/a.yaml": config_map("web-a", "2")}))
    await asyncio.sleep(1.5)
    assert (job["state"], status_writes(system)) == ("succeeded", 2)
    assert len((await settled(system, "web"))["status"]["history"]) == 2
    broken = await system.ended(await system.push({"apps/web/a.yaml": "kind: [\n"}))
    found = await settled(system, "web", ready="False")
    assert (broken["state"], status_writes(system), found["status"]["sync"]) == ("failed", 3, "failed")
    assert condition(found, "Stalled")[:2] == ("True", "Failed")
    assert [entry["state"] for entry in found["status"]["history"]] == ["failed", "succeeded", "succeeded"]
    assert found["status"]["history"][0]["actor"] == "ada"
    await system.stop()
    await system.start()
    await asyncio.sleep(2.0)
    assert status_writes(system) == 3, "a restart has nothing to tell"


async def test_a_broken_one_names_its_field_and_takes_no_other_out_of_force(system):
    await system.commit({"apps/web/a.yaml": config_map("web-a"), "apps/api/a.yaml": config_map("api-a")})
    await system.kubectl.apply(shop(system), app(system, "web"), app(system, "api", repository="other"))
    await settled(system, "web")
    found = await settled(system, "api", ready="False")
    told = "spec.sources[0].git.repository: there is no Repository trueup/other"
    assert condition(found, "Ready") == ("False", "Invalid", told)
    _, listed = await system.get("/api/v1/applications")
    assert {a["name"]: a["message"] for a in listed["items"]}["trueup/api"] == told
    await system.ended(await system.push({"apps/web/a.yaml": config_map("web-a", "2")}))
    assert await values(system) == {"web-a": "2"}
    await system.kubectl.apply(app(system, "api"))
    await settled(system, "api")
    assert await values(system) == {"web-a": "2", "api-a": "1"}
    await system.kubectl("delete", "trepo", "shop")
    await settled(system, "web", ready="False")
    assert await values(system) == {"web-a": "2", "api-a": "1"}, "what is refused is not gone"


async def test_a_dependency_that_is_not_there_is_told_of_and_waited_for(system):
    await system.commit({"apps/web/a.yaml": config_map("web-a"), "apps/api/a.yaml": config_map("api-a")})
    await system.kubectl.apply(shop(system), app(system, "web", dependsOn=[{"name": "api"}]))
    found = await settled(system, "web", ready="False")
    assert condition(found, "Ready")[2] == "spec.dependsOn[0].name: there is no Application trueup/api"
    await system.kubectl.apply(app(system, "api"))
    await settled(system, "web")
    assert await values(system) == {"web-a": "1", "api-a": "1"}


async def test_a_branch_that_is_not_there_and_a_host_that_is_away_are_told(system):
    await system.commit({"apps/web/a.yaml": config_map("web-a")})
    away = repository("away", "http://127.0.0.1:9/acme/away.git", HOME)
    wrong = app(system, "web")
    wrong["spec"]["sources"][0]["git"]["revision"] = "mian"
    await system.kubectl.apply(shop(system), away, wrong, app(system, "api", repository="away"))
    assert condition(await settled(system, "away", kind="trepo", ready="False"), "Ready")[1] == "Unreachable"
    assert "has no branch or tag 'mian'" in condition(await settled(system, "web", ready="False"), "Ready")[2]
    assert "127.0.0.1:9" in condition(await settled(system, "api", ready="False"), "Ready")[2]


async def test_what_people_sync_says_so_until_they_do(system):
    await system.commit({"apps/web/a.yaml": config_map("web-a")})
    await system.kubectl.apply(shop(system), app(system, "web", sync={"mode": "manual"}))
    found = await settled(system, "web", ready="False")
    assert condition(found, "Ready")[1:] == ("Manual", "is synced by hand: trueup sync trueup/web")
