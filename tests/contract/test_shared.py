"""Fields that others own by right, beside ours or instead of us."""

import pytest

from reconciler.plan.ignore import left_to_others, without
from tests.contract.api import JSON_PATCH, STRATEGIC, fields
from tests.contract.objects import (
    container,
    custom,
    definition,
    deployment,
    document,
    secret,
    unique,
)
from tests.contract.offered import not_offered


async def test_a_field_that_is_dropped_while_we_are_its_only_owner_falls_to_its_default(api, trueup):
    await trueup.applied(deployment(replicas=5, paused=True))
    less = deployment(paused=True)
    del less["spec"]["replicas"]
    await trueup.apply(trueup.manifest(less))
    assert (await api.get(less)).object["spec"]["replicas"] == 1


async def test_a_field_that_is_dropped_once_another_owns_it_stays(api, trueup):
    await trueup.applied(deployment(replicas=5, paused=True))
    await api.patch(deployment(), {"spec": {"replicas": 7}}, "kube-controller-manager", subresource="scale")
    less = deployment(paused=True)
    del less["spec"]["replicas"]
    await trueup.apply(trueup.manifest(less))
    assert (await api.get(less)).object["spec"]["replicas"] == 7


@pytest.mark.parametrize("is_custom", [False, True], ids=["a Deployment", "a custom resource"])
async def test_replicas_under_an_autoscaler_are_left_alone(api, trueup, defined, is_custom):
    wanted = deployment(replicas=2, paused=True)
    if is_custom:
        wanted = custom(await defined(definition("Widget")), spec={"replicas": 2, "size": 3})
    manifest = await trueup.applied(wanted)
    await api.patch(wanted, {"spec": {"replicas": 7}}, "kube-controller-manager", subresource="scale")
    live = await trueup.live(manifest)
    assert left_to_others(manifest, live, "trueup") == (("spec", "replicas"),)
    assert await trueup.drift(manifest) == ()
    sent = without(manifest, left_to_others(manifest, live, "trueup"))
    assert (await trueup.apply(sent)).code == 200
    assert (await api.get(wanted)).object["spec"]["replicas"] == 7
    assert await trueup.drift(manifest) == ()


@not_offered("old versions of built-in kinds")
async def test_an_entry_at_an_older_version_of_a_built_in_kind_is_judged_like_any(api, trueup):
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 3, "targetCPUUtilizationPercentage": 50}
    manifest = await trueup.applied(document("autoscaling/v1", "HorizontalPodAutoscaler", "web", spec=spec))
    newer = document("autoscaling/v2", "HorizontalPodAutoscaler", "web")
    await api.patch(newer, {"metadata": {"annotations": {"note": "1"}}})
    assert await trueup.lost(manifest) == []
    await api.patch(newer, {"spec": {"maxReplicas": 4}})
    assert await trueup.lost(manifest) == ["spec.maxReplicas"]


@not_offered("pods/resize")
async def test_a_pod_that_is_resized_has_drifted(api, trueup):
    limits = {"limits": {"cpu": "100m"}, "requests": {"cpu": "100m"}}
    manifest = await trueup.applied(document("v1", "Pod", "web", spec={"containers": [container(resources=limits)]}))
    more = {"limits": {"cpu": "200m"}, "requests": {"cpu": "200m"}}
    change = {"spec": {"containers": [{"name": "web", "resources": more}]}}
    answer = await api.patch(manifest.document, change, "resizer", content=STRATEGIC, subresource="resize")
    assert answer.code == 200
    assert await trueup.lost(manifest) == [
        "spec.containers[0].resources.limits.cpu", "spec.containers[0].resources.requests.cpu",
    ]  # fmt: skip


async def test_an_annotation_on_an_immutable_secret_is_put_back_and_its_data_is_not(api, trueup):
    fixed = secret(word="YQ==") | {"immutable": True, "metadata": {"name": "password", "annotations": {"note": "ours"}}}
    manifest = await trueup.applied(fixed)
    await api.patch(fixed, {"metadata": {"annotations": {"note": "theirs"}}})
    assert await trueup.lost(manifest) == ["metadata.annotations.note"]
    assert (await trueup.apply(manifest)).code == 200
    assert await trueup.drift(manifest) == ()
    changed = trueup.manifest(fixed | {"data": {"word": "Yg=="}})
    answer = await trueup.apply(changed)
    assert answer.refusal == (422, "Invalid")
    assert ("FieldValueForbidden", "data") in answer.causes
    assert "immutable" in answer.message


async def test_a_certificate_that_an_injector_writes_is_lost_and_is_no_drift(api, trueup):
    hook = {
        "name": "guard.example.com",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Ignore",
        "clientConfig": {"url": "https://127.0.0.1:1/", "caBundle": "Cg=="},
    }
    hooks = document("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", unique("guard"), webhooks=[hook])
    manifest = await trueup.applied(hooks)
    change = [{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}]
    assert (await api.patch(hooks, change, "cainjector", content=JSON_PATCH)).code == 200
    assert "f:caBundle" not in str(fields((await api.get(hooks)).object))
    assert await trueup.drift(manifest) == ()
