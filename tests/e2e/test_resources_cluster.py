"""Repositories and Applications as custom resources on the real control plane: applied, told of, counted, deleted.

The definitions stay on the control plane, which other tests use too; the resources are in a namespace of each test, and Trueup looks
at no other one.
"""

import asyncio
import re
import sys

import pytest
import yaml

from tests.servers.declarations import Kubectl, application, condition, repository
from tests.servers.system import REPOSITORY, System, config_map

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

WEB = {"apps/web/a.yaml": config_map("web-a"), "apps/web/b.yaml": config_map("web-b")}
FILES = {**WEB, "apps/api/a.yaml": config_map("api-a")}
PRUNE = {"deletionPolicy": "prune"}


@pytest.fixture
async def system(tmp_path, valkey, control_plane):
    """Trueup without files; `system.kubectl` speaks for the namespace of the test."""

    async def prepare(system):
        home = system.namespace
        system.more_settings |= {"resource_namespaces": (home,), "allowances": {home: {"namespaces": [f"{home}-2"]}}}
        system.kubectl = Kubectl(system.kubeconfig, system.directory, home)
        await install(system.kubectl)

    settings = {"declarations": None}
    system = System(
        tmp_path, applications={}, redis_url=valkey.url, kubeconfig=control_plane.kubeconfig, settings=settings, prepare=prepare
    )
    async with system:
        yield system
        await system.stop()
        await let_all_go(system.kubectl)


async def install(kubectl):
    """As the documents have it: `trueup crds | kubectl apply --server-side -f -`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "trueup", "crds", stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
    )
    printed, _ = await process.communicate()
    await kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", text=printed.decode())
    names = [f"crd/{definition['metadata']['name']}" for definition in yaml.safe_load_all(printed)]
    await kubectl("wait", "--for=condition=Established", *names, "--timeout=30s")
    await kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": kubectl.namespace}})


async def let_all_go(kubectl):
    """Nothing of a test is left where another one may meet it, whatever became of it."""
    for name in (await kubectl("get", "tapp,trepo", "-o", "name")).split():
        await kubectl("patch", name, "--type", "merge", "-p", '{"metadata":{"finalizers":null}}', check=False)
    await kubectl("delete", "tapp,trepo", "--all", "--timeout=20s")
    await kubectl("delete", "namespace", kubectl.namespace, f"{kubectl.namespace}-2", "--ignore-not-found", "--wait=false")


def shop(system, **spec):
    return repository("shop", system.git.url(REPOSITORY), system.namespace, forge="github", api=system.forge.url, **spec)


def app(system, name, *, to="", **more):
    destination = {"namespace": to or system.namespace, "createNamespace": True}
    return application(name, system.namespace, **{"destination": destination, **more})


async def settled(system, name, *, kind="tapp", ready="True", reason=""):
    """The resource once it says this of what is declared now."""
    found = {}

    async def look():
        nonlocal found
        found = await system.kubectl.get(kind, name)
        is_current = found.get("status", {}).get("observedGeneration") == found.get("metadata", {}).get("generation")
        said = condition(found, "Ready")
        return is_current and said[0] == ready and reason in ("", said[1])

    try:
        await system.until(look, f"{kind}/{name} is Ready={ready} {reason}", pause=0.1)
    except AssertionError as error:
        raise AssertionError(f"{error}; it is {found.get('status')}") from None
    return found


async def declared(system, *applications, files=FILES):
    await system.commit(files)
    await system.kubectl.apply(shop(system), *applications)
    for each in applications:
        await settled(system, each["metadata"]["name"])


async def gone(system, name, *, seconds=20.0):
    async def look():
        return not await system.kubectl.get("tapp", name)

    await system.until(look, f"{name} is gone", seconds=seconds, pause=0.1)


async def kept(system, name):
    """Wait until an application has our finalizer."""

    async def look():
        return "trueup.dev/prune" in (await system.kubectl.get("tapp", name))["metadata"].get("finalizers", ())

    await system.until(look, "the finalizer is there", pause=0.1)


async def values(system, namespace=""):
    """What there is, of what Git has."""
    text = await system.kubectl("get", "configmaps", "-n", namespace or system.namespace, "-o", "name")
    return {name.removeprefix("configmap/") for name in text.split()} - {"configmap/kube-root-ca.crt", "kube-root-ca.crt"}


async def orphans(system):
    _, answer = await system.get("/api/v1/orphans")
    assert answer["unknown"] == {}
    return {left["application"].partition("/")[2]: left for left in answer["items"]}


async def test_the_definitions_are_structural_have_rules_and_explain_themselves(system):
    for name in ("applications", "repositories"):
        text = await system.kubectl("get", "crd", f"{name}.trueup.dev", "-o", "yaml")
        found = yaml.safe_load(text)
        conditions = {c["type"]: c["status"] for c in found["status"]["conditions"]}
        assert conditions.get("NonStructuralSchema", "False") == "False"
        assert (conditions["Established"], conditions["NamesAccepted"]) == ("True", "True")
        assert "x-kubernetes-validations" in text
    told = await system.kubectl("explain", "applications.spec.sync.deletionPolicy")
    assert re.search(r"FIELD: deletionPolicy", told)
    assert "prune" in told
    assert "DESCRIPTION" in await system.kubectl("explain", "tapp.status.conditions")
    wrong = app(system, "web", sync={"deletionPolicy": "never"})
    said = await system.kubectl("apply", "-f", "-", text=yaml.safe_dump(wrong), check=False)
    assert "spec.sync.deletionPolicy" in said


async def test_what_is_applied_is_synced_at_once_and_says_how_it_is(system):
    await declared(system, app(system, "web"))
    assert await values(system) == {"web-a", "web-b"}
    found = await system.kubectl.get("tapp", "web")
    generation = found["metadata"]["generation"]
    assert {c["type"]: (c["status"], c["observedGeneration"]) for c in found["status"]["conditions"]} == dict.fromkeys(
        ("Ready", "Synced", "Healthy"), ("True", generation)
    )
    header, row = (await system.kubectl("get", "applications.trueup.dev")).splitlines()
    assert header.split() == ["NAME", "SYNC", "HEALTH", "REVISION", "AGE"]
    assert re.fullmatch(r"web +succeeded +Healthy +main@sha1:[0-9a-f]{40} +\d+s", row.strip())
    assert condition(await settled(system, "shop", kind="trepo"), "Ready")[:2] == ("True", "Reachable")
    assert "shop" in await system.kubectl("get", "trueup")
    await system.kubectl("wait", "--for=condition=Ready", "tapp/web", "--timeout=5s")
    await system.kubectl.apply(app(system, "web", path="apps/api"))
    assert (await settled(system, "web"))["metadata"]["generation"] == generation + 1
    assert await values(system) == {"api-a"}


def status_writes(system, control_plane):
    """Writes of statuses of Applications by Trueup, as the API server wrote them down."""
    return [name for kind, name in control_plane.status_writes(f"trueup/0.1 ({system.instance})") if kind == "applications"]


async def test_one_outcome_is_one_status_write_and_none_is_made_at_rest(system, control_plane):
    await declared(system, app(system, "web"))
    await asyncio.sleep(2.0)
    assert status_writes(system, control_plane) == ["web"]
    job = await system.ended(await system.push({"apps/web/a.yaml": config_map("web-a", "2")}))
    await asyncio.sleep(2.0)
    assert (job["state"], status_writes(system, control_plane)) == ("succeeded", ["web"] * 2)
    broken = await system.ended(await system.push({"apps/web/a.yaml": "kind: [\n"}))
    found = await settled(system, "web", ready="False")
    assert (broken["state"], found["status"]["sync"], condition(found, "Stalled")[0]) == ("failed", "failed", "True")
    await system.kubectl("annotate", "tapp", "web", "of-no-interest=1")
    await system.stop()
    await system.start()
    await asyncio.sleep(3.0)
    assert status_writes(system, control_plane) == ["web"] * 3, "a restart and an annotation have nothing to tell"


async def test_without_a_policy_a_deletion_leaves_the_objects_and_they_are_reported(system):
    await declared(system, app(system, "web"), app(system, "api"))
    await system.kubectl("delete", "tapp", "web", "--timeout=10s")
    left = (await system.until(lambda: orphans(system), "they are reported"))["web"]
    assert len(left["objects"]) == 2
    assert await values(system) == {"web-a", "web-b", "api-a"}
    path = f"/api/v1/orphans/{system.namespace}/web/remove"
    status, accepted = await system.post(path, {"digest": left["digest"]})
    assert (status, (await system.ended(accepted["id"]))["state"]) == (202, "succeeded")
    assert await values(system) == {"api-a"}


async def test_with_prune_a_deletion_takes_the_objects_and_nothing_else(system):
    await declared(system, app(system, "web", sync=PRUNE), app(system, "api"))
    await kept(system, "web")
    await system.kubectl("delete", "tapp", "web", "--timeout=20s")
    assert await values(system) == {"api-a"}
    assert await orphans(system) == {}


async def test_objects_that_are_slow_to_go_are_waited_for(system):
    await declared(system, app(system, "web", sync=PRUNE))
    await kept(system, "web")
    slow = '{"metadata":{"finalizers":["example.com/slow"]}}'
    await system.kubectl("patch", "configmap", "web-a", "--type=merge", "-p", slow, "--field-manager=slow-controller")
    await system.kubectl("delete", "tapp", "web", "--wait=false")
    await asyncio.sleep(3.0)
    assert await system.kubectl.get("tapp", "web"), "one of its objects is there yet"
    await system.kubectl("patch", "configmap", "web-a", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    await gone(system, "web")
    assert await values(system) == set()


MANY = {f"apps/web/{n:02}.yaml": config_map(f"web-{n:02}") for n in range(21)}


async def held(system):
    await declared(system, app(system, "web", sync=PRUNE), files=MANY)
    await kept(system, "web")
    await system.kubectl("delete", "tapp", "web", "--wait=false")
    return await settled(system, "web", ready="False", reason="Held")


async def test_a_guard_holds_a_deletion_and_an_approval_lets_it_go(system):
    found = await held(system)
    assert "21 objects would be deleted in one job, 20 may" in condition(found, "Ready")[2]
    status, accepted = await system.post(f"/api/v1/applications/{system.namespace}/web/approve")
    assert (status, (await system.ended(accepted["id"]))["state"]) == (202, "succeeded")
    await gone(system, "web")
    assert await values(system) == set()


async def restart(system, **settings):
    await system.stop()
    system.more_settings |= settings
    await system.start()


async def test_what_nobody_approves_goes_when_its_deadline_is_over_and_its_objects_are_left(system):
    await restart(system, deletion_deadline=5.0)
    await held(system)
    await gone(system, "web", seconds=30.0)
    assert len(await values(system)) == 21


async def test_a_repository_that_is_gone_is_in_nobodys_way(system):
    await declared(system, app(system, "web", sync=PRUNE))
    await kept(system, "web")
    await system.kubectl("delete", "trepo", "shop", "--timeout=10s")
    await system.kubectl("delete", "tapp", "web", "--timeout=20s")
    assert await values(system) == set()


async def test_a_namespace_that_is_deleted_with_everything_in_it_hangs_on_nothing(system):
    await declared(system, app(system, "web", sync=PRUNE))
    await kept(system, "web")
    await system.kubectl("delete", "namespace", system.namespace, "--timeout=60s")


async def test_a_cluster_that_cannot_be_reached_delays_a_deletion_until_the_deadline(system):
    home = system.namespace
    allowances = {home: {"namespaces": ["x"], "clusters": ["nowhere"]}}
    await restart(system, deletion_deadline=4.0, allowances=allowances)
    await system.commit(FILES)
    away = app(system, "web", sync=PRUNE, destination={"cluster": "nowhere", "namespace": "x"})
    await system.kubectl.apply(shop(system), away)
    await kept(system, "web")
    await system.kubectl("delete", "tapp", "web", "--wait=false")
    await asyncio.sleep(1.0)
    assert await system.kubectl.get("tapp", "web"), "it waits"
    await gone(system, "web")


async def test_a_moved_destination_deletes_nothing_by_itself(system):
    await declared(system, app(system, "web"))
    elsewhere = f"{system.namespace}-2"
    await system.kubectl.apply(app(system, "web", to=elsewhere))
    found = await settled(system, "web", ready="False", reason="Held")
    assert "destination was moved" in condition(found, "Ready")[2]
    assert await values(system) == await values(system, elsewhere) == {"web-a", "web-b"}


async def test_a_renamed_application_deletes_nothing_by_itself(system):
    await declared(system, app(system, "web", sync=PRUNE))
    await kept(system, "web")
    await system.kubectl.apply(app(system, "shop-web", path="apps/web", sync=PRUNE))
    await system.kubectl("delete", "tapp", "web", "--wait=false")
    await gone(system, "web")
    await settled(system, "shop-web")
    assert await values(system) == {"web-a", "web-b"}
    assert await orphans(system) == {}, "they go on under the new name"


async def test_git_can_hold_applications(system):
    child = yaml.safe_dump(app(system, "child", sync={"timeout": "10s"}))
    await system.commit({"apps/parent/child.yaml": child, "apps/child/a.yaml": config_map("web")})
    await restart(system, allowances={system.namespace: {"namespaces": [], "kinds": ["ConfigMap", "Application.trueup.dev"]}})
    await system.kubectl.apply(shop(system), app(system, "parent"))
    for name in ("parent", "child"):
        assert (await settled(system, name))["status"]["sync"] == "succeeded"
    assert await values(system) == {"web"}
    changed = {"apps/parent/child.yaml": child.replace("10s", "11s"), "apps/child/a.yaml": config_map("web", "2")}
    job = await system.ended(await system.push(changed))
    assert job["state"] == "succeeded", job["message"]
    assert (await settled(system, "child"))["metadata"]["generation"] == 2


async def test_whoever_deletes_the_kind_deletes_no_object(system):
    await declared(system, app(system, "web", sync=PRUNE), app(system, "api", sync=PRUNE))
    await kept(system, "web")
    await kept(system, "api")
    await system.kubectl("delete", "crd", "applications.trueup.dev", "--timeout=30s")
    await asyncio.sleep(2.0)
    assert await values(system) == {"web-a", "web-b", "api-a"}
    await install(system.kubectl)
    await system.kubectl.apply(app(system, "web"))
    await system.until(lambda: _is_ready(system, "web"), "it is synced again", seconds=40.0, pause=0.2)


async def _is_ready(system, name):
    return condition(await system.kubectl.get("tapp", name), "Ready")[0] == "True"
