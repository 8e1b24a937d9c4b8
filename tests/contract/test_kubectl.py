"""kubectl against a server: what people do by hand works, under the managers that Trueup knows as people's."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from reconciler.plan.tools import is_people
from tests.contract.api import entries
from tests.contract.objects import config_map, custom, definition, deployment, service

KUBECTL = Path(sys.executable).with_name("kubectl")


@pytest.fixture
def kubectl(server, api, tmp_path):
    """Runs kubectl in the namespace of the test; returns what it printed."""

    async def run(*arguments, stdin=None, code=0):
        process = await asyncio.create_subprocess_exec(
            KUBECTL, "--kubeconfig", server.kubeconfig, "-n", api.namespace, *arguments,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        out, error = await asyncio.wait_for(process.communicate(json.dumps(stdin).encode() if stdin else None), 30)
        assert process.returncode == code, error.decode() + out.decode()
        return out.decode()

    return run


async def test_apply_and_apply_again_by_either_side(api, kubectl):
    assert await kubectl("apply", "--server-side", "-f-", stdin=config_map()) == "configmap/settings serverside-applied\n"
    assert list(entries((await api.get(config_map())).object)) == [("kubectl", "Apply", "")]
    assert await kubectl("apply", "-f-", stdin=config_map("other")) == "configmap/other created\n"
    assert await kubectl("apply", "-f-", stdin=config_map("other")) == "configmap/other unchanged\n"
    assert await kubectl("apply", "-f-", stdin=config_map("other", {"colour": "red"})) == "configmap/other configured\n"
    assert list(entries((await api.get(config_map("other"))).object)) == [("kubectl-client-side-apply", "Update", "")]


async def test_a_conflict_is_told(api, kubectl):
    await api.apply(config_map(), "other")
    await kubectl("apply", "--server-side", "-f-", stdin=config_map(data={"colour": "red"}), code=1)
    await kubectl("apply", "--server-side", "--force-conflicts", "-f-", stdin=config_map(data={"colour": "red"}))
    assert (await api.get(config_map())).object["data"] == {"colour": "red"}


async def test_get_prints_a_table_and_names(api, kubectl):
    await api.create(deployment(replicas=0))
    table = (await kubectl("get", "deployments")).splitlines()
    assert table[0].split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert table[1].split()[:2] == ["web", "0/0"]
    assert await kubectl("get", "deploy", "-o", "name") == "deployment.apps/web\n"
    shown = json.loads(await kubectl("get", "deploy", "web", "-o", "json"))
    assert "managedFields" not in shown["metadata"]


async def test_a_diff_shows_what_would_change(api, kubectl):
    await api.create(config_map(), "kubectl-create")
    await kubectl("diff", "--server-side", "-f-", stdin=config_map())
    shown = await kubectl("diff", "--server-side", "--force-conflicts", "-f-", stdin=config_map(data={"colour": "red"}), code=1)
    assert "-  colour: blue\n+  colour: red" in shown
    assert (await api.get(config_map())).object["data"] == {"colour": "blue"}


async def test_what_is_done_by_hand_is_seen_as_done_by_people(api, kubectl, trueup):
    manifest = await trueup.applied(deployment(replicas=0, paused=True))
    await kubectl("label", "deployment", "web", "hand=made")
    await kubectl("annotate", "deployment", "web", "note=x")
    await kubectl("set", "image", "deployment/web", "web=web:2")
    await kubectl("patch", "deployment", "web", "-p", '{"spec":{"minReadySeconds":3}}')
    await kubectl("scale", "deployment", "web", "--replicas=1")
    managers = {manager for manager, operation, _ in entries((await api.get(deployment())).object) if operation == "Update"}
    assert {"kubectl-label", "kubectl-annotate", "kubectl-set", "kubectl-patch", "kubectl"} <= managers
    assert all(is_people(manager) for manager in managers - {"kube-controller-manager"})
    assert await trueup.lost(manifest) == ["spec.replicas", "spec.template.spec.containers[0].image"]


async def test_a_restart_by_kubectl_is_no_drift(api, kubectl, trueup):
    manifest = await trueup.applied(deployment())
    await kubectl("rollout", "restart", "deployment/web")
    assert ("kubectl-rollout", "Update", "") in entries((await api.get(deployment())).object)
    assert await trueup.drift(manifest) == ()


async def test_delete_waits_until_it_is_gone(api, kubectl):
    await api.create(service())
    assert "deleted" in await kubectl("delete", "service", "web")
    assert (await api.get(service())).code == 404


async def test_custom_resources_by_their_short_name(kubectl, defined):
    await defined(widgets := definition("Widget", shortNames=["wd"]))
    await kubectl("apply", "--server-side", "-f-", stdin=custom(widgets, spec={"size": 3}))
    assert (await kubectl("get", f"widgets.{widgets['spec']['group']}", "-o", "name")).startswith("widget.g-")
    listed = await kubectl("api-resources", "--api-group", widgets["spec"]["group"], "-o", "wide")
    assert "wd" in listed
    assert "Widget" in listed


async def test_a_mistake_is_told_before_anything_happens(api, kubectl):
    await kubectl("apply", "-f-", stdin=deployment() | {"spec": deployment()["spec"] | {"surplus": 1}}, code=1)
    assert (await api.get(deployment())).code == 404
