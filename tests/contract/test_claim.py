"""Whose an object is: labels, annotations and managedFields can each be copied, so one of them alone proves nothing."""

from reconciler.model.declared import Instance, Name
from reconciler.plan.claim import ClaimState
from reconciler.plan.marks import APPLIED, INSTANCE, OWNER
from tests.contract.api import entries, fields
from tests.contract.objects import config_map, deployment, document, service
from tests.contract.trueup import SHOP, Trueup


async def test_what_we_applied_is_owned(trueup):
    manifest = await trueup.applied(config_map())
    found = await trueup.claim(manifest.document)
    assert (found.state, found.application) == (ClaimState.OWNED, SHOP)


async def test_what_others_made_is_not(api, trueup):
    await api.create(config_map())
    assert (await trueup.claim(config_map())).state is ClaimState.UNRELATED


async def test_our_label_changed_by_hand_leaves_our_entry_without_it(api, trueup):
    manifest = await trueup.applied(config_map())
    await api.patch(manifest.document, {"metadata": {"labels": {INSTANCE: "other"}}}, "kubectl-label")
    live = (await api.get(manifest.document)).object
    assert INSTANCE not in str(fields(live))
    assert f"f:{OWNER}" in fields(live)["f:metadata"]["f:annotations"]
    assert (await trueup.claim(manifest.document)).state is ClaimState.UNRELATED
    await api.patch(manifest.document, {"metadata": {"labels": {INSTANCE: "trueup"}}}, "kubectl-label")
    assert (await trueup.claim(manifest.document)).state is ClaimState.STRAY


def marks(live):
    """The labels and annotations that a copy of a live object has, too."""
    return {name: live["metadata"][name] for name in ("labels", "annotations")}


def record(live):
    """Its managed fields."""
    return {"managedFields": live["metadata"]["managedFields"]}


async def test_managed_fields_are_not_taken_over_from_a_new_object(api, trueup):
    """A backup that is restored by a POST is a stray until it is applied again."""
    manifest = await trueup.applied(config_map())
    live = (await api.get(manifest.document)).object
    await api.delete(live)
    restored = (await api.create(config_map(**marks(live), **record(live)), "velero")).object
    assert list(entries(restored)) == [("velero", "Update", "")]
    assert (await trueup.claim(manifest.document)).state is ClaimState.STRAY
    await trueup.apply(manifest)
    assert (await trueup.claim(manifest.document)).state is ClaimState.OWNED


async def test_managed_fields_can_be_written_by_a_patch(api, trueup):
    """A clone under another name carries our entry then, and only the owner annotation says that it is none of ours."""
    manifest = await trueup.applied(config_map())
    live = (await api.get(manifest.document)).object
    await api.create(config_map("clone", **marks(live)))
    clone = (await api.patch(config_map("clone"), {"metadata": record(live)})).object
    assert fields(clone) == fields(live)
    assert (await trueup.claim(clone)).state is ClaimState.STRAY


async def test_a_copy_that_takes_the_place_of_the_original_is_owned(api, trueup):
    manifest = await trueup.applied(config_map())
    live = (await api.get(manifest.document)).object
    await api.delete(live)
    await api.create(config_map(**marks(live)))
    await api.patch(config_map(), {"metadata": record(live)})
    assert (await trueup.claim(manifest.document)).state is ClaimState.OWNED


async def test_managed_fields_can_be_written_by_a_put(api, trueup):
    manifest = await trueup.applied(config_map())
    live = (await api.get(manifest.document)).object
    clone = (await api.create(config_map("clone", **marks(live)))).object
    clone["metadata"] |= record(live)
    clone = (await api.replace(clone)).object
    assert ("trueup", "Apply", "") in entries(clone)
    assert (await trueup.claim(clone)).state is ClaimState.STRAY


async def test_labels_that_a_controller_copies_make_no_owner(api, trueup):
    """The endpoints controllers copy the labels of a Service; the copies are in no entry of ours."""
    await trueup.applied(service())
    slices = document("discovery.k8s.io/v1", "EndpointSlice", "")

    async def copies():
        return (await api.list(slices, labelSelector=f"{INSTANCE}=trueup")).object["items"]

    (copy,) = await api.until(copies, "the Service has an EndpointSlice")
    assert not any(manager == "trueup" for manager, *_ in entries(copy))
    assert (await trueup.claim(slices | {"metadata": {"name": copy["metadata"]["name"]}})).state is ClaimState.COPY


async def test_annotations_that_a_controller_copies_make_no_owner(api, trueup):
    """A Deployment's annotations are on its ReplicaSets, too; its labels are not."""
    await trueup.applied(deployment())
    sets = document("apps/v1", "ReplicaSet", "")

    async def copies():
        return (await api.list(sets)).object["items"]

    (copy,) = await api.until(copies, "the Deployment has a ReplicaSet")
    assert {OWNER, APPLIED} <= set(copy["metadata"]["annotations"])
    assert (await trueup.claim(sets | {"metadata": {"name": copy["metadata"]["name"]}})).state is ClaimState.UNRELATED


async def test_two_applications_of_one_manager_take_from_each_other_without_a_conflict(api, trueup):
    """Why the index refuses an object of two applications before any apply."""
    other = Trueup(api, application=Name("trueup", "other"))
    first = await trueup.applied(config_map(data={"ours": "1"}))
    second = other.manifest(config_map(data={"theirs": "1"}))
    assert (await other.apply(second, force=False)).code == 200
    live = (await api.get(first.document)).object
    assert live["data"] == {"theirs": "1"}
    assert live["metadata"]["labels"]["trueup.dev/application"] == "other"
    assert (await trueup.claim(first.document)).application == other.application


async def test_two_instances_do_not_take_from_each_other(api, trueup):
    other = Trueup(api, Instance("second"))
    await trueup.applied(config_map(data={"ours": "1"}))
    refused = await other.apply(other.manifest(config_map(data={"theirs": "1"})), force=False)
    assert refused.refusal == (409, "Conflict")
    assert ("FieldManagerConflict", f".metadata.labels.{INSTANCE}") in refused.causes
    assert (await trueup.claim(config_map())).state is ClaimState.OWNED
    assert (await other.claim(config_map())).state is ClaimState.UNRELATED


async def test_the_first_apply_onto_what_another_made_names_manager_and_field(api, trueup):
    await api.create(config_map(), "helm")
    refused = await trueup.apply(trueup.manifest(config_map(data={"colour": "red"})), force=False)
    assert refused.refusal == (409, "Conflict")
    assert refused.causes == [("FieldManagerConflict", ".data.colour")]
    assert 'conflict with "helm" using v1' in refused.message


async def test_the_first_apply_of_equal_values_makes_two_owners_without_a_word(api, trueup):
    await api.create(config_map(), "helm")
    assert (await trueup.apply(trueup.manifest(config_map()), force=False)).code == 200
    live = (await api.get(config_map())).object
    assert fields(live)["f:data"] == {"f:colour": {}}
    assert fields(live, "helm", "Update")["f:data"] == {".": {}, "f:colour": {}}
    assert (await trueup.claim(config_map())).state is ClaimState.OWNED
