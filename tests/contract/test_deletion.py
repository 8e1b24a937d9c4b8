"""Deleting: exactly what was seen, with finalizers, and with or without what it owns."""

import pytest

from tests.contract.api import entries
from tests.contract.objects import config_map, container, cron_job, deployment, document, job, service, unique


async def test_a_deletion_answers_with_a_status_and_the_uid(api):
    made = (await api.create(config_map())).object
    gone = (await api.delete(made)).object
    assert (gone["kind"], gone["status"]) == ("Status", "Success")
    assert gone["details"] == {"name": "settings", "kind": "configmaps", "uid": made["metadata"]["uid"]}
    assert (await api.get(made)).refusal == (404, "NotFound")


async def test_a_deletion_of_some_kinds_answers_with_the_object(api):
    made = (await api.create(service())).object
    gone = (await api.delete(made)).object
    assert (gone["kind"], gone["metadata"]["uid"]) == ("Service", made["metadata"]["uid"])


async def test_what_is_gone_already_answers_404(api):
    answer = await api.delete(config_map())
    assert answer.refusal == (404, "NotFound")
    assert answer.body["details"] == {"name": "settings", "kind": "configmaps"}


async def test_an_object_of_another_uid_is_not_deleted(api):
    first = (await api.create(config_map())).object
    await api.delete(config_map())
    second = (await api.create(config_map())).object
    answer = await api.delete(config_map(), uid=first["metadata"]["uid"])
    assert answer.refusal == (409, "Conflict")
    assert "the UID in the precondition" in answer.message
    assert (await api.get(config_map())).object == second


async def test_an_object_that_has_changed_is_not_deleted(api):
    made = (await api.create(config_map())).object
    changed = (await api.patch(config_map(), {"data": {"colour": "red"}})).object
    both = {"uid": made["metadata"]["uid"], "version": made["metadata"]["resourceVersion"]}
    answer = await api.delete(config_map(), **both)
    assert answer.refusal == (409, "Conflict")
    assert "the ResourceVersion in the precondition" in answer.message
    assert (await api.delete(config_map(), uid=both["uid"], version=changed["metadata"]["resourceVersion"])).code == 200


async def test_a_uid_alone_deletes_what_has_changed_hands(api, trueup):
    """A stale view and a uid: why Trueup names the version, too."""
    manifest = await trueup.applied(config_map())
    seen = await trueup.live(manifest)
    await api.patch(config_map(), {"metadata": {"annotations": {"trueup.dev/owner": "trueup/other:/ConfigMap:x/settings"}}})
    stale = await api.delete(config_map(), uid=seen.uid, version=seen.resource_version)
    assert stale.refusal == (409, "Conflict")
    assert (await api.delete(config_map(), uid=seen.uid)).code == 200


async def test_a_dry_run_deletes_nothing(api):
    await api.create(config_map())
    assert (await api.delete(config_map(), dryRun="All")).code == 200
    assert (await api.get(config_map())).code == 200


async def test_a_finalizer_holds_an_object_until_it_is_taken_out(api):
    await api.create(config_map(finalizers=["example.com/wait"]))
    going = (await api.delete(config_map())).object
    assert going["metadata"]["deletionTimestamp"]
    assert going["metadata"]["finalizers"] == ["example.com/wait"]
    again = (await api.delete(config_map())).object
    assert again["metadata"]["resourceVersion"] == going["metadata"]["resourceVersion"]
    assert (await api.create(config_map())).refusal == (409, "AlreadyExists")
    await api.patch(config_map(), {"metadata": {"finalizers": []}})
    assert (await api.get(config_map())).code == 404


async def test_an_object_that_is_going_takes_changes_but_no_new_finalizers(api):
    await api.create(config_map(finalizers=["example.com/wait"]))
    await api.delete(config_map())
    assert (await api.patch(config_map(), {"data": {"colour": "red"}})).object["data"] == {"colour": "red"}
    answer = await api.patch(config_map(), {"metadata": {"finalizers": ["example.com/wait", "example.com/more"]}})
    assert answer.refusal == (422, "Invalid")
    assert answer.causes == [("FieldValueForbidden", "metadata.finalizers")]


async def test_a_deletion_counts_as_a_generation(api):
    await api.create(deployment(paused=True, metadata={"finalizers": ["example.com/wait"]}))
    assert (await api.delete(deployment())).object["metadata"]["generation"] == 2


async def test_a_finalizer_without_a_domain_is_refused(api):
    answer = await api.create(config_map(finalizers=["wait"]))
    assert answer.refusal == (422, "Invalid")
    assert answer.causes[0][1].startswith("metadata.finalizers")


def replication_controller():
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container()]}}
    return document("v1", "ReplicationController", "web", spec={"replicas": 0, "selector": {"app": "web"}, "template": template})


async def owned_by(api, owner, name):
    """A ConfigMap that an object owns, which is made as well."""
    made = (await api.create(owner)).object
    reference = {
        "apiVersion": made["apiVersion"],
        "kind": made["kind"],
        "name": made["metadata"]["name"],
        "uid": made["metadata"]["uid"],
    }
    mine = config_map(name, ownerReferences=[reference])
    await api.create(mine)
    return mine


async def dependent_of(api, owner):
    """A ConfigMap that an object owns, seen by the garbage collector.

    What it has not seen yet it does not set free. It sees the objects of a kind in order, so it waits for a later one to be gone.
    """
    mine = await owned_by(api, owner, "dependent")
    marker = await owned_by(api, config_map("marker-owner"), "marker")
    await api.delete(config_map("marker-owner"))
    await api.until_gone(marker)
    return mine


@pytest.mark.parametrize(
    ("owner", "propagation", "is_kept"),
    [
        pytest.param(job(), "", True, id="a Job without a policy leaves its pods ownerless"),
        pytest.param(replication_controller(), "", True, id="a ReplicationController without a policy, too"),
        pytest.param(cron_job(), "", False, id="a CronJob without a policy"),
        pytest.param(job(), "Background", False, id="a Job in the background"),
        pytest.param(deployment(), "", False, id="a Deployment without a policy"),
        pytest.param(deployment(), "Background", False, id="a Deployment in the background"),
        pytest.param(config_map("owner"), "", False, id="a ConfigMap without a policy"),
        pytest.param(config_map("owner"), "Foreground", False, id="in the foreground"),
        pytest.param(config_map("owner"), "Orphan", True, id="orphaned"),
    ],
)
async def test_what_becomes_of_what_an_object_owns(api, owner, propagation, is_kept):
    mine = await dependent_of(api, owner)
    await api.delete(owner, propagation=propagation)
    await api.until_gone(owner)
    if is_kept:
        assert "ownerReferences" not in (await api.get(mine)).object["metadata"]
    else:
        await api.until_gone(mine)


@pytest.mark.parametrize(
    ("propagation", "finalizer"), [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")], ids=["foreground", "orphan"]
)
async def test_a_policy_is_a_finalizer_while_it_is_carried_out(api, propagation, finalizer):
    await api.create(config_map())
    going = (await api.delete(config_map(), propagation=propagation)).object
    assert going["metadata"]["finalizers"] == [finalizer]
    await api.until_gone(config_map())


async def test_a_policy_that_is_unknown_answers_422(api):
    await api.create(config_map())
    assert (await api.delete(config_map(), propagation="Some")).refusal == (422, "Invalid")
    assert (await api.get(config_map())).code == 200


async def test_a_dependent_of_an_owner_that_is_not_there_is_collected(api):
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "nobody", "uid": "0b6ef2f0-0000-0000-0000-000000000000"}
    await api.create(config_map("dependent", ownerReferences=[owner]))
    await api.until_gone(config_map("dependent"))


async def test_a_namespace_goes_with_all_that_is_in_it_and_takes_nothing_new(api):
    namespace = document("v1", "Namespace", unique("contract"))
    await api.create(namespace)
    inside = config_map(namespace=namespace["metadata"]["name"])
    held = config_map("held", namespace=namespace["metadata"]["name"], finalizers=["example.com/wait"])
    await api.create(inside)
    await api.create(held)
    going = (await api.delete(namespace)).object
    assert going["status"]["phase"] == "Terminating"
    assert going["metadata"]["deletionTimestamp"]
    answer = await api.create(config_map("late", namespace=namespace["metadata"]["name"]))
    assert answer.refusal == (403, "Forbidden")
    assert answer.causes == [("NamespaceTerminating", "metadata.namespace")]
    assert "is being terminated" in answer.message
    await api.until_gone(inside)
    assert (await api.get(namespace)).code == 200
    await api.patch(held, {"metadata": {"finalizers": None}})
    await api.until_gone(namespace)


async def test_what_is_in_a_namespace_that_is_going_can_still_be_changed(api):
    namespace = document("v1", "Namespace", unique("contract"), metadata={})
    await api.create(namespace)
    held = config_map("held", namespace=namespace["metadata"]["name"], finalizers=["example.com/wait"])
    await api.create(held)
    await api.delete(namespace)
    assert (await api.apply(held, force="true")).code == 200
    await api.patch(held, {"metadata": {"finalizers": None}})


async def test_a_collection_is_deleted_by_selector(api):
    for name in ("one", "two", "three"):
        await api.create(config_map(name, labels={"doomed": str(name != "two")}))
    answer = await api.send("DELETE", api.path(config_map(), is_collection=True), labelSelector="doomed=True")
    assert answer.code == 200
    assert [(await api.get(config_map(name))).code for name in ("one", "two", "three")] == [404, 200, 404]


async def test_whoever_deletes_is_in_no_entry(api):
    await api.create(config_map(finalizers=["example.com/wait"]), "maker")
    going = (await api.delete(config_map(), fieldManager="doomer")).object
    assert [manager for manager, *_ in entries(going)] == ["maker"]
