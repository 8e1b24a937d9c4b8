"""Our own client and writer against a server: what they send is taken, and what they make of the answers is what they say."""

import pytest

from reconciler.errors import ApplyRefused, NotAllowed
from reconciler.health.declared import Rulebook
from reconciler.kube.apply import Writer
from reconciler.kube.client import Client, connect
from reconciler.kube.config import Access
from reconciler.kube.owned import OwnedIndex
from reconciler.kube.refusal import FieldConflict
from reconciler.model.declared import Allowance
from reconciler.plan import drift
from reconciler.plan.claim import ClaimState
from reconciler.plan.foreign import STRICT, take
from reconciler.settings import ReconcilerSettings
from tests.contract.api import entries
from tests.contract.objects import config_map, custom, definition, document, job, secret, unique


@pytest.fixture
async def client(server, trueup):
    access = Access(server.kubeconfig, None)
    async with connect(access, trueup.instance, ReconcilerSettings(KUBECONFIG=server.kubeconfig)) as client:
        yield client


@pytest.fixture
def writer(client, api, trueup):
    return Writer(client, OwnedIndex(client, trueup.instance, Rulebook()), lambda: api.kinds, trueup.instance)


async def test_an_apply_is_answered_with_what_drift_is_read_from(api, trueup, writer):
    manifest = trueup.manifest(config_map())
    live = await writer.apply(manifest, force=False)
    assert (live.key, live.uid) == (manifest.key, (await api.get(manifest.document)).uid)
    assert drift.assess(manifest, live, trueup.instance) == ()


async def test_a_dry_run_is_answered_with_the_whole_object_and_changes_nothing(api, trueup, writer):
    manifest = trueup.manifest(config_map())
    assert (await writer.dry_run(manifest))["data"] == {"colour": "blue"}
    assert (await api.get(manifest.document)).code == 404


async def test_a_conflict_names_who_holds_what(api, trueup, writer):
    await api.create(config_map(), "helm")
    with pytest.raises(FieldConflict) as caught:
        await writer.apply(trueup.manifest(config_map(data={"colour": "red"})), force=False)
    assert [(holder.manager, holder.field) for holder in caught.value.holders] == [("helm", "data.colour")]


async def test_exactly_what_was_seen_is_deleted(api, trueup, writer):
    manifest = trueup.manifest(config_map())
    live = await writer.apply(manifest, force=True)
    await api.patch(manifest.document, {"data": {"colour": "red"}})
    with pytest.raises(ApplyRefused) as caught:
        await writer.delete(manifest.key, uid=live.uid, resource_version=live.resource_version)
    assert caught.value.code == 409
    seen = await trueup.live(manifest)
    assert await writer.delete(manifest.key, uid=seen.uid, resource_version=seen.resource_version)
    assert not await writer.delete(manifest.key, uid=seen.uid, resource_version=seen.resource_version)


async def test_what_was_made_anew_under_its_name_is_not_deleted(api, trueup, writer):
    manifest = trueup.manifest(config_map())
    live = await writer.apply(manifest, force=True)
    await api.delete(manifest.document)
    await writer.apply(manifest, force=True)
    with pytest.raises(ApplyRefused) as caught:
        await writer.delete(manifest.key, uid=live.uid)
    assert caught.value.code == 409
    assert (await api.get(manifest.document)).code == 200


async def test_what_a_job_made_goes_with_it(api, trueup, writer):
    manifest = trueup.manifest(job())
    live = await writer.apply(manifest, force=True)
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": manifest.key.name, "uid": live.uid}
    mine = config_map("dependent", ownerReferences=[owner])
    await api.create(mine)
    await writer.delete(manifest.key, uid=live.uid)
    await api.until_gone(mine)


async def test_fields_of_people_are_taken_over_and_go_with_the_next_apply(api, trueup, writer):
    manifest = trueup.manifest(config_map())
    await writer.apply(manifest, force=True)
    await api.patch(manifest.document, {"data": {"debug": "1"}}, "kubectl-edit")
    await writer.take_over(manifest, lambda entry: take(entry, manifest, STRICT))
    assert (await trueup.live(manifest)).annotations["trueup.dev/applied"] == "", "whoever dies here leaves it unfinished"
    assert [field.path for field in (await trueup.drift(manifest))[0].fields] == ["metadata.annotations[trueup.dev/applied]"]
    await writer.apply(manifest, force=True)
    live = (await api.get(manifest.document)).object
    assert live["data"] == {"colour": "blue"}
    assert list(entries(live)) == [("trueup", "Apply", "")]


async def test_an_entry_at_a_version_that_is_gone_is_mended_on_the_way(api, trueup, writer, defined):
    widgets = await defined(definition("Widget", versions=("v1alpha1", "v1")))
    await writer.apply(trueup.manifest(custom(widgets, version="v1alpha1", spec={"size": 3})), force=True)
    await api.unserve(widgets, "v1alpha1")
    manifest = trueup.manifest(custom(widgets, spec={"size": 4}))
    live = await writer.apply(manifest, force=True)
    assert drift.assess(manifest, live, trueup.instance, kinds=api.kinds) == ()
    assert (await api.get(manifest.document)).object["spec"] == {"size": 4}


async def test_a_namespace_is_made_once(api, writer):
    name = unique("contract")
    await writer.ensure_namespace(name)
    await writer.ensure_namespace(name)
    assert (await api.get(document("v1", "Namespace", name))).code == 200


async def test_lists_are_read_page_by_page_and_absence_is_none(api, client: Client, monkeypatch):
    monkeypatch.setattr("reconciler.kube.client.PAGE", 2)
    for number in range(5):
        await api.create(
            secret(f"s{number}", word="YQ==") | {"metadata": {"name": f"s{number}", "labels": {"of": api.namespace}}}
        )
    kind = api.kind(secret())
    listing = await client.list(kind, selector=f"of={api.namespace}", metadata_only=True)
    assert [item["metadata"]["name"] for item in listing.items] == [f"s{number}" for number in range(5)]
    assert "YQ==" not in str(listing)
    assert await client.get(kind, api.namespace, "nothing") is None


async def test_a_watch_that_begins_too_early_is_an_error_event(api, client: Client, defined, server):
    widgets = await defined(definition("Widget"))
    await api.create(custom(widgets))
    await server.forget()
    kind = api.kind(custom(widgets))
    async with client.watch(kind, resource_version="1", selector="", metadata_only=True, timeout_seconds=5) as events:
        event = await anext(events)
    assert (event.type, event.object["code"]) == ("ERROR", 410)


async def test_what_is_there_is_not_touched_by_an_apply_that_creates(api, trueup, writer):
    manifest = trueup.manifest(config_map())
    assert (await writer.create(manifest)).key == manifest.key
    assert await trueup.drift(manifest) == ()
    before = (await api.get(manifest.document)).object
    assert await writer.create(trueup.manifest(config_map(data={"colour": "red"}))) is None
    assert (await api.get(manifest.document)).object == before


async def test_an_object_of_another_tool_is_taken_over_without_a_change_and_then_applied(api, trueup, writer):
    await api.create(config_map(data={"colour": "blue", "old": "1"}), "helm")
    manifest = trueup.manifest(config_map())
    assert await writer.create(manifest) is None
    before = await writer.take_over(manifest, lambda entry: (entry.fields, {}))
    taken = (await api.get(manifest.document)).object
    assert (taken["data"], list(entries(taken))) == ({"colour": "blue", "old": "1"}, [("trueup", "Apply", "")])
    assert [entry.manager for entry in before.managers] == ["helm"]
    await writer.apply(manifest, force=True)
    assert (await api.get(manifest.document)).object["data"] == {"colour": "blue"}


@pytest.mark.parametrize("is_shared", [False, True], ids=["ours alone", "shared"])
async def test_what_is_let_go_keeps_its_content_and_nothing_of_us(api, trueup, writer, is_shared):
    manifest = trueup.manifest(config_map(labels={"tier": "front"}))
    await writer.apply(manifest, force=True)
    if is_shared:
        await api.patch(manifest.document, {"data": {"seen": "1"}}, "controller")
    await writer.let_go(manifest.key)
    live = (await api.get(manifest.document)).object
    assert live["data"] == {"colour": "blue"} | ({"seen": "1"} if is_shared else {})
    assert (live["metadata"]["labels"], live["metadata"].get("annotations", {})) == ({"tier": "front"}, {})
    assert list(entries(live)) == ([("controller", "Update", "")] if is_shared else [])
    assert (await trueup.claim(manifest.document)).state is ClaimState.UNRELATED


FINALIZER = "example.com/kept"
BEYOND = {
    "create": lambda writer, manifest: writer.create(manifest),
    "apply": lambda writer, manifest: writer.apply(manifest, force=True),
    "dry run": lambda writer, manifest: writer.dry_run(manifest),
    "take over": lambda writer, manifest: writer.take_over(manifest, lambda entry: (entry.fields, {})),
    "let go": lambda writer, manifest: writer.let_go(manifest.key),
    "delete": lambda writer, manifest: writer.delete(manifest.key, uid="any"),
}


@pytest.mark.parametrize("write", BEYOND.values(), ids=BEYOND.keys())
async def test_beyond_its_allowance_nothing_is_written_and_nothing_told(api, trueup, writer, write):
    manifest = trueup.manifest(config_map())
    await writer.apply(manifest, force=True)
    before = (await api.get(manifest.document)).object
    with pytest.raises(NotAllowed, match=f"may not touch namespace {api.namespace}"):
        await write(writer.within(Allowance(("elsewhere",))), manifest)
    assert (await api.get(manifest.document)).object == before


async def test_a_finalizer_is_let_go_whatever_the_allowance_is_by_now(api, trueup, writer):
    manifest = trueup.manifest(config_map())
    live = await writer.apply(manifest, force=True)
    await api.patch(manifest.document, {"metadata": {"finalizers": [FINALIZER]}})
    await writer.delete(manifest.key, uid=live.uid)
    await writer.within(Allowance(("elsewhere",))).release(manifest.key, FINALIZER)
    assert (await api.get(manifest.document)).code == 404
