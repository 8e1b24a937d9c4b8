"""The whole way of a push on a real control plane, with its requests counted at the audit log."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.real import kubectl
from tests.servers.system import System, config_map

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

KUBECTL = Path(sys.executable).with_name("kubectl")

DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web:1}]}
"""
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n"
FILES = {"apps/web/deployment.yaml": DEPLOYMENT, "apps/web/service.yaml": SERVICE, "apps/web/config.yaml": config_map("web")}


def writes(control_plane, system):
    """Writes of managed objects; namespaces and records are counted apart."""
    agent = f"trueup/0.1 ({system.instance})"
    others = ("namespaces", "events")
    return [
        request
        for request in control_plane.requests(agent)
        if (request[0] not in ("get", "list") and request[1] not in others and not request[2].startswith("trueup-")
        and request[1] != "configmaps") or request[0] == "patch"
    ]  # fmt: skip


async def test_n_objects_cost_n_applies_and_drift_one_and_nothing_nothing(system, control_plane):
    job = await system.ended(await system.push(FILES))
    assert job["state"] == "succeeded", job["message"]
    assert sorted(r[:2] for r in writes(control_plane, system)) == [
        ("patch", "configmaps"), ("patch", "deployments"), ("patch", "services"),
    ]  # fmt: skip
    untouched = await system.ended(await system.push({"README.md": "x"}))
    assert untouched["state"] == "succeeded"
    assert len(writes(control_plane, system)) == 3
    changed = await system.ended(await system.push({"apps/web/deployment.yaml": DEPLOYMENT.replace("web:1", "web:2")}))
    assert changed["state"] == "succeeded"
    assert len(writes(control_plane, system)) == 4

    kubectl(system, "scale", "deployment", "web", "--replicas=1")

    async def is_back():
        return kubectl(system, "get", "deployment", "web", "-o", "jsonpath={.spec.replicas}") == "0"

    await system.until(is_back, "the replicas are put back")
    assert len(writes(control_plane, system)) == 5


async def test_what_people_add_beside_us_is_taken_out(system):
    await system.ended(await system.push(FILES))
    kubectl(system, "patch", "deployment", "web", "-p", '{"spec":{"template":{"spec":{"hostNetwork":true}}}}')

    async def is_out():
        live = json.loads(kubectl(system, "get", "deployment", "web", "-o", "json"))
        return not live["spec"]["template"]["spec"].get("hostNetwork")

    await system.until(is_out, "hostNetwork is taken out")


async def test_objects_that_kubectl_made_are_adopted(system):
    kubectl(system, "create", "namespace", system.namespace)
    made = system.directory / "made.yaml"
    made.write_text(config_map("web", "by hand"))
    kubectl(system, "apply", "-f", str(made))
    job = await system.ended(await system.push(FILES))
    assert job["state"] == "succeeded", job["message"]
    live = json.loads(kubectl(system, "get", "configmap", "web", "-o", "json", "--show-managed-fields"))
    assert live["data"] == {"value": "1"}
    assert [m["manager"] for m in live["metadata"]["managedFields"]] == [f"trueup-{system.instance}"]


async def test_a_refusal_names_file_object_and_field(system):
    job = await system.ended(await system.push({"apps/web/deployment.yaml": DEPLOYMENT.replace("replicas: 0", "replicas: many")}))
    assert job["state"] == "failed"
    for part in ("apps/web/deployment.yaml", "Deployment/web", "replicas"):
        assert part in job["message"]


def test_the_base_of_deploy_is_taken_by_a_dry_run(control_plane, tmp_path):
    argv = [KUBECTL, "--kubeconfig", control_plane.kubeconfig]
    env = {"HOME": str(tmp_path)}
    subprocess.run([*argv, "create", "namespace", "trueup"], capture_output=True, check=False, timeout=30, env=env)
    done = subprocess.run(
        [*argv, "apply", "--dry-run=server", "-k", "deploy/kubernetes/base"], capture_output=True, text=True, check=False, timeout=60,
        env=env, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("(server dry run)") >= 14


async def test_people_s_decisions_and_a_failed_revision_cost_their_own_write_and_no_other(tmp_path, valkey, control_plane):
    system = System(tmp_path, applications={"web": "apps/web"}, redis_url=valkey.url, kubeconfig=control_plane.kubeconfig)
    system.policies = {"web": ", onFailure: rollback"}
    async with system:
        good = (await system.ended(await system.push(FILES)))["commit"]
        intent = (
            "get",
            "configmap",
            "-n",
            "trueup",
            "-l",
            f"trueup.dev/intent={system.instance}",
            "-o",
            "jsonpath={.items[*].data.intent}",
        )
        assert json.loads(kubectl(system, *intent))["fallback"]["commits"] == [good]
        before = len(writes(control_plane, system))
        bad = {"apps/web/service.yaml": SERVICE.replace("80", "70000"), "apps/web/config.yaml": config_map("web", "2")}
        job = await system.ended(await system.push(bad))
        assert (job["state"], f"rolled back to {good[:7]}" in job["message"]) == ("failed", True), job["message"]
        found = json.loads(kubectl(system, *intent))
        assert (found["rollback"]["commits"], [q["commits"] for q in found["quarantine"]]) == ([good], [[job["commit"]]])
        assert kubectl(system, "get", "configmap", "web", "-o", "jsonpath={.data.value}") == "1"
        sent = sorted(r[:2] for r in writes(control_plane, system)[before:])
        assert sent == [("patch", "configmaps"), ("patch", "configmaps"), ("patch", "services")], "there, no, and back"
        status, accepted = await system.post("/api/v1/applications/trueup/web/pause", {"reason": "moving"})
        assert (status, (await system.ended(accepted["id"]))["state"]) == (202, "succeeded")
        assert json.loads(kubectl(system, *intent))["pause"]["reason"] == "moving"
        await system.ended((await system.post("/api/v1/applications/trueup/web/resume"))[1]["id"])
        mended = await system.push({"apps/web/service.yaml": SERVICE})
        assert (await system.ended(mended))["state"] == "succeeded"
        assert [key for key, value in json.loads(kubectl(system, *intent)).items() if value] == ["fallback"]
