"""Applications of several namespaces, and Applications that Git holds: who may use and touch what. On the sandbox."""

import pytest

from tests.servers.declarations import Kubectl, application, condition, repository
from tests.servers.system import REPOSITORY, System, config_map

pytestmark = pytest.mark.long

HOME, TEAM = "trueup", "team-a"


@pytest.fixture
async def system(tmp_path, valkey):
    """`system.kubectl` speaks for Trueup's own namespace, `system.team` for that of a team."""

    async def prepare(system):
        system.kubectl = Kubectl(system.kubeconfig, system.directory, HOME)
        system.team = Kubectl(system.kubeconfig, system.directory, TEAM)
        await system.kubectl.install()
        await system.team.install()

    async with System(
        tmp_path, applications={}, redis_url=valkey.url, settings={"declarations": None}, prepare=prepare
    ) as system:
        yield system


def shop(system, namespace, **spec):
    return repository("shop", system.git.url(REPOSITORY), namespace, forge="github", api=system.forge.url, **spec)


def app(name, namespace, *, to="", **more):
    return application(name, namespace, destination={"namespace": to or namespace}, **more)


async def said(kubectl, name, ready="False"):
    async def look():
        found = await kubectl.get("tapp", name)
        return condition(found, "Ready")[2] or "ready" if condition(found, "Ready")[0] == ready else None

    class Until:
        until = System.until

    return await Until().until(look, f"{name} is Ready={ready}", pause=0.1)


async def test_a_namespace_may_touch_itself_and_nothing_else(system):
    outside = config_map("x").replace("metadata: {name: x}", "metadata: {name: x, namespace: default}")
    everywhere = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: all}\nrules: []\n"
    await system.commit({
        "apps/own/a.yaml": config_map("own"), "apps/out/a.yaml": f"{config_map('in')}---\n{outside}", "apps/all/a.yaml": everywhere,
    })  # fmt: skip
    applications = [app("own", TEAM), app("out", TEAM), app("all", TEAM), app("away", TEAM, to="default", path="apps/own")]
    await system.team.apply(shop(system, TEAM), *applications)
    assert await said(system.team, "own", ready="True")
    out = await said(system.team, "out")
    assert "default/ConfigMap/x: the application may not touch namespace default" in out
    assert "TRUEUP_ALLOWANCES" in out
    assert "ClusterRole/all: the application may not touch objects that are in no namespace" in await said(system.team, "all")
    assert await said(system.team, "away") == "spec.destination.namespace: team-a may not deploy to namespace default"
    _, answer = await system.kube("GET", f"/api/v1/namespaces/{TEAM}/configmaps")
    assert {item["metadata"]["name"] for item in answer["items"] if "value" in item.get("data", {})} == {"own"}, (
        "nothing by halves"
    )


async def test_the_settings_say_what_a_namespace_may_touch_beside_itself(system):
    await system.stop()
    system.more_settings["allowances"] = {"team-*": {"namespaces": ["default"], "kinds": ["ConfigMap"]}}
    await system.start()
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n"
    await system.commit({"apps/web/a.yaml": config_map("web"), "apps/svc/a.yaml": service})
    await system.team.apply(shop(system, TEAM), app("web", TEAM, to="default"), app("svc", TEAM))
    assert await said(system.team, "web", ready="True")
    assert "the application may not touch objects of kind Service" in await said(system.team, "svc")


async def test_a_repository_of_another_namespace_says_who_may_use_it(system):
    await system.commit({"apps/web/a.yaml": config_map("web")})
    await system.kubectl.apply(shop(system, HOME))
    user = app("web", TEAM)
    user["spec"]["sources"][0]["git"]["namespace"] = HOME
    await system.team.apply(user)
    assert "there is no Repository trueup/shop that allows team-a" in await said(system.team, "web")
    await system.kubectl.apply(shop(system, HOME, allowedNamespaces=["team-*"]))
    assert await said(system.team, "web", ready="True")


async def test_a_tenant_cannot_stall_who_may_touch_everything(system):
    await system.commit({"apps/web/a.yaml": config_map("same")})
    await system.kubectl.apply(shop(system, HOME), app("web", HOME, to=TEAM))
    assert await said(system.kubectl, "web", ready="True")
    await system.team.apply(shop(system, TEAM), app("web", TEAM))
    assert "is declared by team-a/web and trueup/web" in await said(system.team, "web")
    job = await system.ended((await system.post("/api/v1/applications/trueup/web/sync"))[1]["id"])
    assert job["state"] == "succeeded", job["message"]


async def test_git_can_hold_applications(system):
    child = application("child", HOME, destination={"namespace": system.namespace, "createNamespace": True})
    text = f"{child}".replace("'", '"')
    await system.commit({"apps/parent/child.yaml": text, "apps/child/a.yaml": config_map("web")})
    await system.kubectl.apply(shop(system, HOME), app("parent", HOME))
    assert await said(system.kubectl, "parent", ready="True")
    assert await said(system.kubectl, "child", ready="True")
    _, answer = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps")
    assert "web" in {item["metadata"]["name"] for item in answer["items"]}
    changed = text.replace("'10s'", "'11s'").replace('"10s"', '"11s"')
    job = await system.ended(await system.push({"apps/parent/child.yaml": changed, "apps/child/a.yaml": config_map("web", "2")}))
    assert job["state"] == "succeeded", job["message"]

    async def is_current():
        found = await system.kubectl.get("tapp", "child")
        return found["status"]["observedGeneration"] == found["metadata"]["generation"] == 2

    await system.until(is_current, "the child is told of as it is declared now", pause=0.1)
    assert [(await system.kubectl.get("tapp", name))["status"]["sync"] for name in ("parent", "child")] == ["succeeded"] * 2


async def test_what_people_decide_about_a_resource_is_kept_in_its_status(system):
    await system.commit({"apps/web/a.yaml": config_map("web"), "apps/web/b.yaml": config_map("more")})
    await system.kubectl.apply(shop(system, HOME), app("web", HOME))
    assert await said(system.kubectl, "web", ready="True")
    status, accepted = await system.post("/api/v1/applications/trueup/web/pause", {"reason": "hands off", "for": "2h"})
    assert status == 202
    await system.ended(accepted["id"])
    found = (await system.kubectl.get("tapp", "web"))["status"]["intent"]
    assert (found["pause"]["reason"], found["pause"]["actor"]) == ("hands off", "test")
    maps = await system.kubectl("get", "configmaps", "-o", "name")
    assert "trueup-intent" not in maps
    await system.stop()
    await system.start()
    _, accepted = await system.post("/api/v1/applications/trueup/web/resume")
    assert (await system.ended(accepted["id"]))["state"] == "succeeded"

    async def is_resumed():
        return "pause" not in (await system.kubectl.get("tapp", "web"))["status"].get("intent", {})

    await system.until(is_resumed, "nothing is decided any more", pause=0.1)
