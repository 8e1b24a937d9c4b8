"""What an object says of how it is applied, on a real control plane, with the requests of each sync counted at the audit log."""

import json

import pytest

from tests.servers.real import annotated, config, deployment, kubectl, live, make, requests, steps, synced

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]


@pytest.fixture
def deadline():
    return "3s"


@pytest.fixture
async def system(system):
    kubectl(system, "create", "namespace", system.namespace)
    return system


async def declared(system, policy):
    await system.stop()
    system.declare(web=policy)
    await system.start()


async def test_if_absent_is_made_once_and_never_touched(system):
    make(system, config("theirs", value="made by others"))
    job, cost = await synced(system, config("ours", "if-absent"), config("theirs", "if-absent", value="2"))
    assert (job["state"], sorted(cost)) == ("succeeded", [("get", "theirs"), ("patch", "ours"), ("patch", "theirs")])
    assert sorted(step[:2] for step in steps(job)) == [("create", "ours"), ("skip", "theirs")]
    assert live(system, "configmap", "theirs")["data"] == {"value": "made by others"}

    kubectl(system, "patch", "configmap", "ours", "-p", '{"data": {"value": "changed by hand"}}')
    job, cost = await synced(system, config("ours", "if-absent", value="3"), config("theirs", "if-absent", value="4"))
    assert (job["state"], cost) == ("succeeded", []), "neither the change by hand nor the one in Git costs a request"
    assert live(system, "configmap", "ours")["data"] == {"value": "changed by hand"}
    _, found = await system.get("/api/v1/applications/trueup/web/drift")
    assert found["items"] == [], "and nobody is told of it"

    kubectl(system, "delete", "configmap", "ours")

    async def is_back():
        return kubectl(system, "get", "configmap", "ours", "--ignore-not-found", "-o", "jsonpath={.data.value}") == "3"

    await system.until(is_back, "what is missing is made")
    job, _ = await synced(system, config("other"))
    assert [step[:2] for step in steps(job)] == [("create", "other"), ("delete", "ours")], (
        "what we made goes, what others made stays"
    )
    assert live(system, "configmap", "theirs")["data"] == {"value": "made by others"}


async def test_what_is_ignored_is_let_go_and_outlives_its_removal_from_git(system):
    await synced(system, config("a"), config("b"))
    uid = live(system, "configmap", "a")["metadata"]["uid"]
    job, cost = await synced(system, config("a", "ignore", value="2"), config("b"))
    assert (steps(job), cost) == (
        [("release", "a", "trueup.dev/apply: ignore; it stays as it is, and is ours no longer")],
        [("get", "a"), ("patch", "a")],
    )
    found = live(system, "configmap", "a")
    assert (found["data"], found["metadata"]["uid"]) == ({"value": "1"}, uid)
    assert "trueup" not in json.dumps(found["metadata"])
    job, cost = await synced(system, config("a", "ignore", value="3"), config("b"))
    assert (job["state"], cost) == ("succeeded", [])
    job, cost = await synced(system, config("b"))
    assert (job["state"], cost) == ("succeeded", []), "not deleted"
    assert live(system, "configmap", "a")["metadata"]["uid"] == uid
    job, _ = await synced(system, config("a"), config("b"))
    assert steps(job)[0][:2] == ("update", "a"), "and is taken over again"


async def test_what_is_applied_as_a_whole_keeps_nothing_of_others(system):
    job, cost = await synced(system, config("whole", "replace"), config("merged"))
    assert (job["state"], sorted(cost)) == ("succeeded", [("patch", "merged"), ("patch", "whole")])
    for name in ("whole", "merged"):
        patch = '{"data": {"extra": "x"}, "metadata": {"finalizers": ["example.com/stay"], "labels": {"seen": "1"}}}'
        kubectl(system, "patch", "configmap", name, "--field-manager=controller", "-p", patch)

    async def is_whole():
        return live(system, "configmap", "whole")["data"] == {"value": "1"}

    await system.until(is_whole, "the field of the controller is taken out")
    found = live(system, "configmap", "whole")["metadata"]
    assert "seen" not in found["labels"]
    assert found["finalizers"] == ["example.com/stay"], "who has yet to clean up is let do it"
    assert live(system, "configmap", "merged")["data"] == {"value": "1", "extra": "x"}
    for name in ("whole", "merged"):
        kubectl(system, "patch", "configmap", name, "--field-manager=controller", "-p", '{"metadata": {"finalizers": null}}')


async def test_a_deletion_that_asks_for_an_approval_is_held(system):
    await synced(system, annotated(config("precious"), prune="confirm"), config("b"), config("c"))
    job, cost = await synced(system, config("b"), config("c"))
    assert (job["state"], cost) == ("held", [])
    assert "precious asks for an approval: trueup.dev/prune: confirm" in job["message"]
    status, answer = await system.post("/api/v1/applications/trueup/web/approve")
    assert status == 202
    assert (await system.ended(answer["id"]))["state"] == "succeeded"
    assert kubectl(system, "get", "configmap", "precious", "--ignore-not-found") == ""


async def test_annotations_of_other_tools_count(system):
    kept = {**config("kept"), "metadata": {"name": "kept", "annotations": {"argocd.argoproj.io/sync-options": "Prune=false"}}}
    flux = {**config("flux"), "metadata": {"name": "flux", "labels": {"kustomize.toolkit.fluxcd.io/prune": "disabled"}}}
    await synced(system, kept, flux, config("b"), config("c"))
    job, cost = await synced(system, config("b"), config("c"))
    assert (job["state"], cost) == ("succeeded", [])
    assert {live(system, "configmap", name)["metadata"]["name"] for name in ("flux", "kept")} == {"flux", "kept"}


HPA = {
    "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
    "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "minReplicas": 1, "maxReplicas": 5},
}  # fmt: skip


def written(cost):
    """What changed something; an object that is not healthy is read to say why."""
    return [request for request in cost if request[0] != "get"]


def replicas(system):
    return live(system, "deployment")["spec"]["replicas"]


async def test_replicas_under_an_autoscaler_are_left_alone_before_it_ever_scaled(system):
    job, cost = await synced(system, deployment(2), HPA)
    assert written(cost) == [("patch", "web"), ("patch", "web")]
    told = f"{system.namespace}/Deployment/web: spec.replicas is left to {system.namespace}/HorizontalPodAutoscaler/web; take it out of Git"
    assert job["syncs"][0]["notices"] == [told]
    kubectl(system, "scale", "deployment", "web", "--replicas=4")
    job, cost = await synced(system, deployment(2, minReadySeconds=1), HPA)
    assert (written(cost), replicas(system)) == ([("patch", "web")], 4), "neither repaired nor reset by another change"
    assert [step[2] for step in steps(job)] == ["content changed"]


async def test_replicas_of_an_object_that_is_taken_over_stay_with_its_autoscaler(system):
    make(system, deployment(1))
    scale = {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {"name": "web", "namespace": system.namespace},
        "spec": {"replicas": 3},
    }
    path = f"/apis/apps/v1/namespaces/{system.namespace}/deployments/web/scale?fieldManager=kube-controller-manager"
    kubectl(system, "replace", "--raw", path, "-f", "-", stdin=json.dumps(scale))
    job, _ = await synced(system, deployment(1))
    assert steps(job)[0][2] == "taken over from kubectl-create"
    assert replicas(system) == 3


async def test_fields_that_a_rule_names_are_left_once_somebody_holds_them(system):
    rules = (
        ", ignore: [{group: apps, kind: Deployment, paths: ['spec.template.spec.containers[name=web].image', spec.replicas]}, "
    )
    rules += "{kind: ConfigMap, managers: [controller]}]"
    await declared(system, rules)
    _, cost = await synced(system, deployment(0), config(value="1", other="1"))
    assert sorted(cost) == [("patch", "web"), ("patch", "web")]
    kubectl(system, "set", "image", "deployment/web", "web=web:9")
    kubectl(system, "patch", "configmap", "web", "--field-manager=controller", "-p", '{"data": {"value": "9", "extra": "9"}}')
    _, cost = await synced(system, deployment(0, minReadySeconds=1), config(value="1", other="2"))
    assert sorted(cost) == [("patch", "web"), ("patch", "web")], "one request for each changed object, none for what is ignored"
    assert live(system, "deployment")["spec"]["template"]["spec"]["containers"][0]["image"] == "web:9"
    assert live(system, "configmap")["data"] == {"value": "9", "extra": "9", "other": "2"}
    _, cost = await synced(system, deployment(1, minReadySeconds=1), config(value="1", other="2"))
    assert (replicas(system), cost[:1]) == (1, [("patch", "web")]), "what only we hold is as in Git"
    kubectl(system, "patch", "configmap", "web", "--field-manager=kubectl-edit", "-p", '{"data": {"other": "7"}}')

    async def is_back():
        return live(system, "configmap")["data"]["other"] == "2"

    await system.until(is_back, "what no rule names is put back")


@pytest.mark.parametrize(
    ("policy", "manager", "state", "reason"),
    [
        ("known", "crossplane", "failed", "data.value (held by crossplane); set spec.sync.adopt: always"),
        ("known", "kubectl-create", "succeeded", "taken over from kubectl-create"),
        ("always", "crossplane", "succeeded", "taken over from crossplane"),
        ("never", "kubectl-create", "failed", "made by kubectl-create, and spec.sync.adopt is never"),
    ],
)
async def test_objects_of_others_are_taken_over_by_policy(system, policy, manager, state, reason):
    await declared(system, f", adopt: {policy}")
    make(system, config(value="1"), manager=manager)  # the same value: nothing that the API server would refuse
    job, cost = await synced(system, config(value="1"))
    assert (job["state"], cost[:2]) == (state, [("patch", "web"), ("get", "web")])
    if state == "succeeded":  # one look; where a known tool's fields become ours one patch; one apply
        assert cost[2:] == [("patch", "web")] * (2 if manager == "kubectl-create" else 1)
    assert reason in (job["message"] if state == "failed" else steps(job)[0][2])
    assert ("trueup" in json.dumps(live(system, "configmap")["metadata"])) is (state == "succeeded")


async def test_the_requests_of_first_changed_unchanged_and_drifted_objects(system):
    objects = [config(f"c{number}") for number in range(5)]
    _, cost = await synced(system, *objects, deployment())
    assert sorted(cost) == sorted([("patch", f"c{number}") for number in range(5)] + [("patch", "web")]), "N for N"
    _, cost = await synced(system, *[config(f"c{n}", value="2") for n in range(2)], *objects[2:], deployment())
    assert sorted(cost) == [("patch", "c0"), ("patch", "c1")], "x for x changed"
    before, lists = len(requests(system)), lists_of_deployments(system)
    status, answer = await system.post("/api/v1/applications/trueup/web/sync")
    assert (status, (await system.ended(answer["id"]))["state"]) == (202, "succeeded")
    assert requests(system)[before:] == [], "0 for nothing changed"
    kubectl(system, "scale", "deployment", "web", "--replicas=1")

    async def is_back():
        return replicas(system) == 0

    await system.until(is_back, "it is put back")
    assert requests(system)[before:] == [("patch", "web")], "1 for one that drifted"

    async def is_told():
        return lists_of_deployments(system) == lists + 1

    await system.until(is_told, "1 more for the values, as they were")


def lists_of_deployments(system):
    asked = system.plane.requests(f"trueup/0.1 ({system.instance})")
    return sum(1 for verb, resource, _ in asked if (verb, resource) == ("list", "deployments"))
