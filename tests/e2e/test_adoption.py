"""Objects that other tools made, taken over on a real control plane: by policy, without a restart, and without fields that stay."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.servers.system import System

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

KUBECTL = Path(sys.executable).with_name("kubectl")

CONTAINER = {"name": "web", "image": "web:1", "env": [{"name": "COLOUR", "value": "blue"}], "ports": [{"containerPort": 8080}]}
OBJECTS = (
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web", "labels": {"tier": "front"}}, "data": {"colour": "blue", "size": "3"}},
    {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "web"}, "data": {"pin": "MTIzNA=="}},
    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "web"}},
    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}},
    {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "web"},
     "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}},
    {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
     "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}},
              "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [CONTAINER]}}}},
    {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
     "spec": {"replicas": 1, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}},
              "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [CONTAINER]}}}},
    {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"},
     "spec": {"suspend": True, "template": {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}}}},
    {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "often"},
     "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}}}}}},
    {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "web"}, "spec": {"podSelector": {}}},
    {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "web"},
     "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]},
)  # fmt: skip
"""What the tool before made, and Git has too."""

MORE = {
    "ConfigMap": {"data": {"old": "1"}, "metadata": {"labels": {"old": "1"}}},
    "Service": {"spec": {"sessionAffinity": "ClientIP"}},
    "Deployment": {"metadata": {"annotations": {"old": "1"}}},
    "Role": {"metadata": {"labels": {"old": "1"}}},
}
"""What it made beside it, and Git does not have."""


@pytest.fixture
async def system(tmp_path, valkey, control_plane):
    async with System(
        tmp_path, applications={"web": "apps/web"}, redis_url=valkey.url, kubeconfig=control_plane.kubeconfig, timeout="1s"
    ) as system:
        kubectl(system, "create", "namespace", system.namespace)
        yield system


def kubectl(system, *arguments, stdin=None):
    argv = [KUBECTL, "--kubeconfig", system._kubeconfig, "-n", system.namespace, *arguments]
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=60, input=stdin, env={"HOME": str(system.directory)}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def live(system, kind, name="web"):
    return json.loads(kubectl(system, "get", kind, name, "-o", "json", "--show-managed-fields"))


def merged(document, more):
    found = {**document}
    for name, value in more.items():
        found[name] = merged(found.get(name, {}), value) if isinstance(value, dict) else value
    return found


def files(objects):
    return {f"apps/web/{one['kind'].lower()}.yaml": yaml.safe_dump(one) for one in objects}


MAKERS = {
    "kubectl create": ("create",),
    "kubectl apply": ("apply",),
    "kubectl apply --server-side": ("apply", "--server-side"),
    "helm": ("create", "--field-manager=helm"),
    "helm by server-side apply": ("apply", "--server-side", "--field-manager=helm"),
    "argocd-controller": ("apply", "--field-manager=argocd-controller"),
    "argocd-controller by server-side apply": ("apply", "--server-side", "--field-manager=argocd-controller"),
    "kustomize-controller": ("apply", "--server-side", "--field-manager=kustomize-controller"),
}


@pytest.mark.parametrize("maker", MAKERS)
async def test_objects_of_known_tools_are_taken_over_as_they_are(system, maker):
    made = [merged(one, MORE.get(one["kind"], {})) for one in OBJECTS]
    kubectl(system, *MAKERS[maker], "-f", "-", stdin=yaml.safe_dump_all(made))
    await system.until(lambda: is_there(system, "pods", 2), "the controllers make pods")
    before = kubectl(system, "get", "replicasets,controllerrevisions,pods", "-o", "name")

    job = await system.ended(await system.push(files(OBJECTS)))
    steps = {step["object"].partition("/")[2]: step for step in job["syncs"][0]["steps"]}
    assert {step["error"] for step in steps.values()} == {""}, [s for s in steps.values() if s["error"]]
    assert {step["reason"].partition(" from ")[0] for step in steps.values()} == {"taken over"}

    assert kubectl(system, "get", "replicasets,controllerrevisions,pods", "-o", "name") == before, "something was restarted"
    for one in OBJECTS:
        found = live(system, one["kind"], one["metadata"]["name"])
        managers = {entry["manager"] for entry in found["metadata"]["managedFields"] if not entry.get("subresource")}
        assert managers - {"kube-controller-manager"} == {f"trueup-{system.instance}"}, (one["kind"], managers)
    assert live(system, "configmap")["data"] == {"colour": "blue", "size": "3"}
    assert "old" not in json.dumps([live(system, kind)["metadata"].get("labels", {}) for kind in ("configmap", "role")])
    assert live(system, "service")["spec"]["sessionAffinity"] == "None"
    assert "last-applied" not in json.dumps(live(system, "deployment")["metadata"]["annotations"])

    fewer = [merged(OBJECTS[0], {"data": {}, "metadata": {"name": "web", "labels": {}}})]
    fewer[0]["data"], fewer[0]["metadata"]["labels"] = {"colour": "blue"}, {}
    await system.ended(await system.push(files(fewer)))
    found = live(system, "configmap")
    assert (found["data"], "tier" in found["metadata"]["labels"]) == ({"colour": "blue"}, False), (
        "what left Git has left the object"
    )


async def is_there(system, kind, count):
    return len(kubectl(system, "get", kind, "-o", "name").splitlines()) >= count
