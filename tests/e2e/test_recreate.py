"""What cannot be changed, and is made anew where that is asked for, on a real control plane."""

import pytest
import yaml

from tests.servers.real import TEMPLATE, annotated, config, deployment, kubectl, live, steps, synced

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]


@pytest.fixture
def deadline():
    return "3s"


@pytest.fixture
async def system(system):
    kubectl(system, "create", "namespace", system.namespace)
    return system


STATEFUL = {
    "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web"},
    "spec": {"replicas": 1, "serviceName": "web", "selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE},
}  # fmt: skip
JOB = {
    "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "web"},
    "spec": {"suspend": True, "template": {"spec": {"restartPolicy": "Never", "containers": TEMPLATE["spec"]["containers"]}}},
}  # fmt: skip
SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}}
BINDING = {
    "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "web"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
}  # fmt: skip


def with_spec(document, **fields):
    return {**document, "spec": {**document["spec"], **fields}}


UNCHANGEABLE = {
    "Job": (JOB, with_spec(JOB, completions=2), "spec.completions"),
    "Service": (SERVICE, with_spec(SERVICE, clusterIP="None"), "spec.clusterIPs[0]"),
    "RoleBinding": (BINDING, {**BINDING, "roleRef": {**BINDING["roleRef"], "name": "edit"}}, "roleRef"),
    "Deployment": (
        deployment(), deployment(selector={"matchLabels": {"app": "web", "x": "1"}},
                                 template={**TEMPLATE, "metadata": {"labels": {"app": "web", "x": "1"}}}), "spec.selector",
    ),
    "ConfigMap": ({**config(), "immutable": True}, {**config(value="2"), "immutable": True}, "data"),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNCHANGEABLE)
async def test_what_cannot_be_changed_is_made_anew_only_where_that_is_asked_for(system, kind):
    before, after, field = UNCHANGEABLE[kind]
    await synced(system, before)
    uid = live(system, kind)["metadata"]["uid"]
    job, cost = await synced(system, after)
    assert job["state"] == "failed"
    assert (
        f"{kind}/web: {field}: cannot be changed; to have the object deleted and made anew, set the annotation" in job["message"]
    )
    assert (live(system, kind)["metadata"]["uid"], cost) == (uid, [("patch", "web")])

    job, cost = await synced(system, annotated(after, force="recreate"))
    assert (job["state"], [step[2] for step in steps(job)]) == (
        "succeeded",
        [f"deleted and made anew, since {field} cannot be changed"],
    )
    assert live(system, kind)["metadata"]["uid"] != uid
    assert cost[:4] == [("patch", "web"), ("get", "web"), ("delete", "web"), ("patch", "web")]


async def test_the_pods_of_a_stateful_set_go_on_while_it_is_made_anew(system):
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    first = annotated(with_spec(STATEFUL, volumeClaimTemplates=[claim]), force="recreate")
    job = await system.push({"apps/web/all.yaml": yaml.safe_dump(first)})

    async def has_pod():
        return kubectl(system, "get", "pod", "web-0", "--ignore-not-found", "-o", "name")

    await system.until(has_pod, "there is a pod")
    await system.ended(job)
    pod, stateful = live(system, "pod", "web-0"), live(system, "statefulset")
    larger = {**claim, "spec": {**claim["spec"], "resources": {"requests": {"storage": "2Gi"}}}}
    job, _ = await synced(system, annotated(with_spec(STATEFUL, volumeClaimTemplates=[larger]), force="recreate"))
    assert steps(job)[0][2] == "deleted and made anew, since spec.volumeClaimTemplates cannot be changed"
    anew = live(system, "statefulset")
    assert anew["metadata"]["uid"] != stateful["metadata"]["uid"]

    async def is_adopted():
        found = live(system, "pod", "web-0")["metadata"]
        return (found["uid"], found["ownerReferences"][0]["uid"]) == (pod["metadata"]["uid"], anew["metadata"]["uid"])

    await system.until(is_adopted, "the pod belongs to the new one")


async def test_what_takes_data_along_is_not_made_anew_by_one_annotation_alone(system):
    claim = {
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "web"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }  # fmt: skip
    await synced(system, annotated(claim, force="recreate"))
    uid = live(system, "pvc")["metadata"]["uid"]
    other = with_spec(claim, accessModes=["ReadWriteMany"])
    job, _ = await synced(system, annotated(other, force="recreate"))
    assert "it takes data along, so that needs trueup.dev/prune: allow too" in job["message"]
    assert live(system, "pvc")["metadata"]["uid"] == uid
    await system.push({"apps/web/all.yaml": yaml.safe_dump(annotated(other, force="recreate", prune="allow"))})

    async def is_anew():  # no controller runs here that would take the finalizer off
        kubectl(system, "patch", "pvc", "web", "-p", '{"metadata": {"finalizers": null}}', check=False)
        return (
            kubectl(system, "get", "pvc", "web", "--ignore-not-found", "-o", "jsonpath={.spec.accessModes[0]}") == "ReadWriteMany"
        )

    await system.until(is_anew, "it is made anew where both ask for it")


async def test_what_is_held_by_a_finalizer_is_waited_for_by_name(system):
    await synced(system, annotated(SERVICE, force="recreate"))
    kubectl(
        system,
        "patch",
        "service",
        "web",
        "--field-manager=controller",
        "-p",
        '{"metadata": {"finalizers": ["example.com/stay"]}}',
    )
    await system.push({"apps/web/all.yaml": yaml.safe_dump(annotated(with_spec(SERVICE, clusterIP="None"), force="recreate"))})

    async def waits():
        _, found = await system.get("/api/v1/applications/trueup/web")
        return "example.com/stay" in found["message"] and found["state"] == "waiting"

    await system.until(waits, "it is said what it waits for")
    kubectl(system, "patch", "service", "web", "--field-manager=controller", "-p", '{"metadata": {"finalizers": null}}')

    async def is_anew():
        found = kubectl(system, "get", "service", "web", "--ignore-not-found", "-o", "jsonpath={.spec.clusterIP}")
        return found == "None"

    await system.until(is_anew, "it is made anew when the finalizer is gone")
