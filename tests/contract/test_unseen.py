"""What is never ours, what ownership cannot show, and what is done so that it is seen all the same."""

import pytest

from reconciler.model.objects import LiveMetadata
from reconciler.plan import drift, tools
from reconciler.plan.foreign import STRICT, intruders
from tests.contract.api import APPLY, entries, fields
from tests.contract.filled import samples
from tests.contract.objects import (
    config_map,
    deployment,
    document,
    network_policy,
    unique,
)
from tests.contract.offered import not_offered


@pytest.mark.parametrize(
    ("field", "value"),
    [("generation", 7), ("creationTimestamp", "2026-01-01T00:00:00Z"), ("selfLink", "/x")],
)
async def test_metadata_that_the_server_sets_is_never_anybodys(api, trueup, field, value):
    made = (await api.apply(config_map(**{field: value}))).object
    assert f"f:{field}" not in str(fields(made))
    assert field not in trueup.manifest(config_map(**{field: value})).document["metadata"]


async def test_a_grace_period_in_the_manifest_is_owned_and_not_kept_so_it_is_left_out(api, trueup):
    """The one that the server sets and yet lets us own: seen as ours, though it is not there."""
    made = (await api.apply(config_map(deletionGracePeriodSeconds=3))).object
    assert "f:deletionGracePeriodSeconds" in fields(made)["f:metadata"]
    assert "deletionGracePeriodSeconds" not in made["metadata"]
    assert "deletionGracePeriodSeconds" not in trueup.manifest(made).document["metadata"]


async def test_a_status_in_the_manifest_is_never_ours_and_is_left_out(api, trueup):
    with_status = deployment(paused=True) | {"status": {"replicas": 3}}
    made = (await api.apply(with_status)).object
    assert "f:status" not in fields(made)
    manifest = await trueup.applied(with_status)
    assert "status" not in manifest.document


@not_offered("rare kinds")
async def test_what_is_lost_already_in_the_answer_to_our_own_apply(api, trueup):
    """A kind whose managed fields the server drops: unverifiable, reported once, never a loop."""
    request = next(sample for sample in samples() if sample["kind"] == "CertificateSigningRequest")
    manifest = trueup.manifest(request | {"metadata": {"name": unique("ann")}})
    answer = await trueup.apply(manifest)
    live = LiveMetadata.of(answer.object, api.kind(request))
    assert {path[0] for path in drift.lost_fields(manifest, live, trueup.instance)} == {"spec"}


async def test_a_change_of_data_is_not_seen_where_string_data_was_applied(api, trueup):
    plain = document("v1", "Secret", "password", stringData={"word": "secret"})
    made = (await api.apply(plain)).object
    assert fields(made) == {"f:stringData": {"f:word": {}}} or "f:data" not in fields(made)
    await api.delete(plain)
    manifest = await trueup.applied(plain)
    assert manifest.document["data"] == {"word": "c2VjcmV0"}
    await api.patch(plain, {"data": {"word": "b3RoZXI="}})
    assert await trueup.lost(manifest) == ["data.word"]


async def test_a_person_who_applies_under_our_name_is_seen_only_in_the_generation(api, trueup):
    manifest = await trueup.applied(network_policy())
    before = await trueup.live(manifest)
    forged = network_policy() | {"metadata": manifest.document["metadata"]}
    forged["spec"] = forged["spec"] | {"policyTypes": ["Egress"]}
    assert (await api.apply(forged, "trueup")).code == 200
    assert await trueup.drift(manifest) == ()
    after = await trueup.live(manifest)
    assert after.generation == before.generation + 1
    assert drift.fingerprint(after, "trueup") == drift.fingerprint(before, "trueup")
    dry = (await api.send("PATCH", api.path(forged), manifest.body, content=APPLY,
                          fieldManager="trueup", force="true", dryRun="All")).object  # fmt: skip
    assert dry["spec"]["policyTypes"] == ["Ingress"]


@not_offered("admission policies")
async def test_a_policy_that_rewrites_our_field_during_a_foreign_request_is_seen_in_no_entry(api, trueup):
    name = unique("rewrite")
    mutation = {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": "Object{data: {'colour': 'red'}}"}}
    policy = document(
        "admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy", name,
        spec={
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": api.namespace}},
                "resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["configmaps"]}],
            },
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "matchConditions": [{"name": "foreign", "expression": "request.options.fieldManager != 'trueup'"}],
            "mutations": [mutation],
        },
    )  # fmt: skip
    binding = document("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicyBinding", name, spec={"policyName": name})
    manifest = await trueup.applied(config_map())
    await api.create(policy)
    await api.create(binding)

    async def is_rewritten():
        answer = await api.patch(config_map(), {"metadata": {"annotations": {"note": unique("n")}}}, "controller")
        return answer.object["data"]["colour"] == "red"

    try:
        await api.until(is_rewritten, "the policy rewrites our field")
        assert await trueup.lost(manifest) == []
    finally:
        await api.delete(binding)
        await api.delete(policy)


async def test_more_than_ten_updaters_collapse_into_ancient_changes(api, trueup):
    manifest = await trueup.applied(config_map())
    for number in range(12):
        await api.patch(config_map(), {"data": {f"k{number}": "1"}}, f"updater-{number:02}")
    live = (await api.get(config_map())).object
    managers = [manager for manager, operation, _ in entries(live) if operation == "Update"]
    assert len(managers) <= 10 + 1
    assert "ancient-changes" in managers
    assert "updater-11" in managers
    assert "updater-00" not in managers
    assert await trueup.lost(manifest) == []


async def test_people_and_their_tools_are_known_by_their_managers(api, trueup):
    manifest = await trueup.applied(config_map())
    await api.patch(config_map(), {"data": {"a": "1"}}, "kubectl-edit")
    live = LiveMetadata.of((await api.metadata(config_map())).object, api.kind(config_map()))
    assert [entry.manager for entry in live.managers if tools.is_people(entry.manager)] == ["kubectl-edit"]
    assert [entry.manager for entry in intruders(manifest, live, "trueup", STRICT)] == ["kubectl-edit"]
    assert manifest.key == live.key
