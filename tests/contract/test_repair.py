"""What puts an object right again where a forced apply alone does not."""

import pytest

from reconciler.model.objects import LiveMetadata
from reconciler.model.outcome import DriftKind
from reconciler.model.policy import ForeignPolicy
from reconciler.plan import drift
from reconciler.plan.foreign import STRICT, Tolerance, take, taken_over
from tests.contract.api import JSON_PATCH, STRATEGIC, entries
from tests.contract.objects import (
    config_map,
    container,
    cron_job,
    custom,
    definition,
    document,
)


def of_pod(change):
    return {"spec": {"jobTemplate": {"spec": {"template": {"spec": change}}}}}


async def taken_out(api, trueup, manifest):
    """What is done about fields of people's tools: a patch that makes them ours, and an apply that does not name them."""
    seen = (await api.metadata(manifest.document)).object
    live = LiveMetadata.of(seen, api.kind(manifest.document))
    kept = taken_over(seen["metadata"]["managedFields"], live, manifest, "trueup", lambda one: take(one, manifest, STRICT))
    change = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": live.resource_version},
        {"op": "replace", "path": "/metadata/managedFields", "value": kept},
    ]
    assert (await api.patch(manifest.document, change, "trueup", content=JSON_PATCH)).code == 200
    assert (await trueup.apply(manifest)).code == 200
    return (await api.get(manifest.document)).object


NIGHTLY = cron_job()
ADDED = {
    "hostNetwork": (NIGHTLY, of_pod({"hostNetwork": True})),
    "runAsUser": (NIGHTLY, of_pod({"containers": [{"name": "web", "securityContext": {"runAsUser": 0}}]})),
    "a container": (NIGHTLY, of_pod({"containers": [container("side")]})),
    "an env item": (NIGHTLY, of_pod({"containers": [{"name": "web", "env": [{"name": "DEBUG", "value": "1"}]}]})),
    "allow-all where nothing is said": (
        document("networking.k8s.io/v1", "NetworkPolicy", "deny", spec={"podSelector": {}, "policyTypes": ["Ingress"]}),
        {"spec": {"ingress": [{}]}},
    ),
    "a key of a ConfigMap": (config_map(), {"data": {"debug": "1"}}),
    "a label": (config_map(), {"metadata": {"labels": {"theirs": "1"}}}),
}


@pytest.mark.parametrize(("desired", "change"), ADDED.values(), ids=ADDED.keys())
async def test_what_people_add_is_no_loss_survives_an_apply_and_is_taken_out_in_two_requests(api, trueup, desired, change):
    manifest = await trueup.applied(desired)
    clean = (await api.get(desired)).object
    await api.patch(desired, change, "kubectl-patch", content=STRATEGIC)
    added = (await api.get(desired)).object
    assert await trueup.lost(manifest) == []
    assert [each.kind for each in await trueup.drift(manifest)] == [DriftKind.FOREIGN]
    await trueup.apply(manifest)
    assert (await api.get(desired)).object == added
    mended = await taken_out(api, trueup, manifest)
    for part in ("spec", "data"):
        assert mended.get(part) == clean.get(part)
    assert mended["metadata"]["labels"] == clean["metadata"]["labels"]
    assert list(entries(mended)) == [("trueup", "Apply", "")]
    assert await trueup.drift(manifest) == ()


async def test_what_a_controller_adds_is_reported_at_most(api, trueup):
    manifest = await trueup.applied(config_map())
    await api.patch(config_map(), {"data": {"ca": "x"}}, "cainjector")
    assert await trueup.drift(manifest) == ()
    found = drift.tolerated(manifest, await trueup.live(manifest), trueup.instance, Tolerance(ForeignPolicy.REPORT))
    assert [(each.path, each.manager) for each in found.fields] == [("data.ca", "cainjector")]


async def test_a_restart_is_left_beside_what_is_taken_out(api, trueup):
    manifest = await trueup.applied(NIGHTLY)
    mark = {"kubectl.kubernetes.io/restartedAt": "2026"}
    change = {"spec": {"jobTemplate": {"spec": {"template": {"metadata": {"annotations": mark}}}}}}
    await api.patch(NIGHTLY, change, "kubectl-patch", content=STRATEGIC)
    assert await trueup.drift(manifest) == ()
    await api.patch(NIGHTLY, of_pod({"hostNetwork": True}), "kubectl-patch", content=STRATEGIC)
    template = (await taken_out(api, trueup, manifest))["spec"]["jobTemplate"]["spec"]["template"]
    assert template["metadata"]["annotations"] == mark
    assert "hostNetwork" not in template["spec"]


async def test_a_patch_of_managed_fields_at_an_old_version_changes_nothing(api, trueup):
    await trueup.applied(config_map())
    made = (await api.get(config_map())).object
    await api.patch(config_map(), {"data": {"debug": "1"}})
    change = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": made["metadata"]["resourceVersion"]},
        {"op": "replace", "path": "/metadata/managedFields", "value": made["metadata"]["managedFields"]},
    ]
    assert (await api.patch(config_map(), change, content=JSON_PATCH)).refusal == (422, "Invalid")
    assert len(entries((await api.get(config_map())).object)) == 2


async def wiped(api, desired):
    """A client wipes the record."""
    change = [{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}]
    assert "managedFields" not in (await api.patch(desired, change, content=JSON_PATCH)).object["metadata"]


async def test_a_record_that_is_wiped_is_drift_and_begins_anew_with_the_next_apply(api, trueup):
    manifest = await trueup.applied(config_map())
    await wiped(api, config_map())
    assert [each.path for finding in await trueup.drift(manifest) for each in finding.fields] == [drift.RECORD]
    await trueup.apply(manifest)
    live = (await api.get(config_map())).object
    assert [manager for manager, *_ in entries(live)] == ["trueup", "before-first-apply"]
    assert await trueup.lost(manifest) == []


async def test_what_was_there_before_the_first_apply_would_stay_for_ever_and_is_stripped(api, trueup):
    both, one = config_map(data={"colour": "blue", "size": "3"}), config_map()
    await trueup.applied(both)
    await wiped(api, both)
    await trueup.apply(trueup.manifest(both))
    less = trueup.manifest(one)
    await trueup.apply(less)
    assert (await api.get(one)).object["data"] == {"colour": "blue", "size": "3"}
    assert [each.kind for each in await trueup.drift(less)] == [DriftKind.FOREIGN]
    mended = await taken_out(api, trueup, less)
    assert mended["data"] == {"colour": "blue"}
    assert list(entries(mended)) == [("trueup", "Apply", "")]


@pytest.mark.parametrize("manager", ["kubectl-create", "kubectl-client-side-apply"])
async def test_what_kubectl_made_is_co_owned_and_stripped(api, trueup, manager):
    await api.create(config_map(data={"colour": "blue", "size": "3"}), manager)
    manifest = trueup.manifest(config_map())
    await trueup.apply(manifest)
    assert [each.kind for each in await trueup.drift(manifest)] == [DriftKind.FOREIGN]
    assert (await taken_out(api, trueup, manifest))["data"] == {"colour": "blue"}
    assert await trueup.drift(manifest) == ()


async def test_an_entry_at_a_version_that_is_gone_stops_every_apply_until_it_is_mended(api, trueup, defined):
    """https://github.com/kubernetes/kubernetes/issues/111937."""
    widgets = await defined(definition("Widget", versions=("v1alpha1", "v1")))
    old = trueup.manifest(custom(widgets, version="v1alpha1", spec={"size": 3}))
    await trueup.apply(old)
    await api.unserve(widgets, "v1alpha1")
    new = trueup.manifest(custom(widgets, spec={"size": 4}))

    async def refused():
        answer = await trueup.apply(new)
        return answer if answer.code != 200 else None

    answer = await api.until(refused, "the apply is refused")
    assert answer.refusal == (500, "")
    assert "request to convert CR to an invalid group/version" in answer.message
    assert [each.path for finding in await trueup.drift(new) for each in finding.fields] == [drift.RECORD]

    metadata = (await api.metadata(new.document)).object["metadata"]
    change = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
        {"op": "replace", "path": "/metadata/managedFields/0/apiVersion", "value": new.api_version},
    ]
    assert (await api.patch(new.document, change, content=JSON_PATCH)).code == 200
    assert (await trueup.apply(new)).code == 200
    assert (await api.get(new.document)).object["spec"] == {"size": 4}
    assert await trueup.drift(new) == ()
