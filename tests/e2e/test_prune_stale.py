"""A view that is behind: what is decided from it meets the preconditions, and what is being deleted is waited for. On a sandbox."""

from collections import Counter

import pytest

from reconciler.kube.client import Listing
from reconciler.model.outcome import SyncState
from tests.servers.scene import gone, maps
from tests.servers.system import DEPLOYMENT

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]


async def stale(scene, change):
    """Remove b from Git, and let somebody change it after it was seen and before it is deleted."""
    await scene.bring(maps("a", "b"))
    await scene.commit(gone("b"))
    client = scene.cluster.client
    delete = client.delete
    calls = Counter()

    async def late(kind, key, **preconditions):
        calls["delete"] += 1
        if calls["delete"] == 1:
            await change()
        return await delete(kind, key, **preconditions)

    client.delete = late
    try:
        reports = await scene.sync()
    finally:
        client.delete = delete
    return reports["web"], calls["delete"]


async def test_what_was_made_anew_since_it_was_seen_is_left(scene):
    async def change():
        await scene.kube("DELETE", "configmaps/b")
        await scene.kube("POST", "configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}})
        await scene.seen("b")

    await stale(scene, change)
    assert "b" in scene.names()


async def test_what_was_given_away_since_it_was_seen_is_left(scene):
    async def change():
        owner = {"metadata": {"annotations": {"trueup.dev/owner": f"trueup/other:/ConfigMap:{scene.space}/b"}}}
        await scene.kube("PATCH", "configmaps/b", owner, content="application/merge-patch+json")
        await scene.seen("b")

    await stale(scene, change)
    assert "b" in scene.names()


async def test_what_was_only_touched_since_it_was_seen_is_deleted_at_the_second_try(scene):
    async def change():
        await scene.kube("PATCH", "configmaps/b", {"metadata": {"labels": {"x": "y"}}}, content="application/merge-patch+json")
        await scene.seen("b")

    report, tries = await stale(scene, change)
    assert (report.state, tries) == (SyncState.SUCCEEDED, 2)
    assert "b" not in scene.names()


async def test_what_is_gone_already_is_no_error(scene):
    async def change():
        await scene.kube("DELETE", "configmaps/b")

    report, _ = await stale(scene, change)
    assert report.state is SyncState.SUCCEEDED, report.message


async def test_a_list_from_the_past_deletes_nothing(scene):
    await scene.bring(maps("a", "b"))
    client = scene.cluster.client
    listing = client.list

    async def old(*arguments, **options):
        found = await listing(*arguments, **options)
        return Listing(tuple(item for item in found.items if item["metadata"]["name"] != "b"), "1")

    client.list = old
    try:
        await scene.cluster.index.sweep()
    finally:
        client.list = listing
    await scene.sync()
    assert scene.names() == {"a", "b"}


async def test_a_finalizer_is_waited_for_and_not_overridden(scene):
    held = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, finalizers: [example.com/wait]}\n"
    await scene.bring({**maps("a"), "apps/web/b.yaml": held})
    await scene.bring(gone("b"))
    assert scene.live("b")["metadata"]["deletionTimestamp"]
    await scene.sync()
    assert scene.live("b")["metadata"]["finalizers"] == ["example.com/wait"]


async def test_the_pods_of_a_workload_go_with_it_and_others_do_not(scene):
    await scene.bring({**maps("a"), "apps/web/web.yaml": DEPLOYMENT})
    await scene.kube("POST", "pods", {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "alone", "labels": {"app": "web2"}},
                                      "spec": {"containers": [{"name": "c", "image": "x:1"}]}})  # fmt: skip
    await scene.bring({"apps/web/web.yaml": None})
    assert "alone" in scene.names("pods")
    assert scene.names("deployments", "apps") == set()


async def test_a_restart_deletes_nothing_of_what_it_does_not_know_yet(two):
    await two.bring({**maps("a", "b"), **maps("x", "z", path="apps/api")})
    await two.open()
    await two.sync("web")
    assert two.names() == {"a", "b", "x", "z"}


def unchangeable(name, value):
    marks = "annotations: {trueup.dev/force: recreate}"
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, {marks}}}\nimmutable: true\ndata: {{value: '{value}'}}\n"


async def test_what_was_given_away_since_its_change_was_refused_is_not_deleted_to_be_made_anew(scene):
    await scene.bring({**maps("a"), "apps/web/b.yaml": unchangeable("b", 1)})
    await scene.commit({"apps/web/b.yaml": unchangeable("b", 2)})
    uid, client = scene.live("b")["metadata"]["uid"], scene.cluster.client
    apply = client.apply

    async def late(*arguments, **options):
        try:
            return await apply(*arguments, **options)
        finally:
            owner = {"metadata": {"annotations": {"trueup.dev/owner": f"trueup/other:/ConfigMap:{scene.space}/b"}}}
            await scene.kube("PATCH", "configmaps/b", owner, content="application/merge-patch+json")

    client.apply = late
    try:
        reports = await scene.sync()
    finally:
        client.apply = apply
    assert (scene.live("b")["metadata"]["uid"], scene.live("b")["data"]) == (uid, {"value": "1"})
    assert "went to somebody else since it was seen" in reports["web"].message


async def test_what_an_operator_made_from_an_object_keeps_that_from_being_made_anew(scene):
    await scene.bring({**maps("a"), "apps/web/b.yaml": unchangeable("b", 1)})
    uid = scene.live("b")["metadata"]["uid"]
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "b", "uid": uid}
    change = {"metadata": {"ownerReferences": [owner]}}
    await scene.kube("PATCH", "configmaps/a", change, manager="operator", content="application/merge-patch+json")
    await scene.seen("a")
    reports = await scene.bring({"apps/web/b.yaml": unchangeable("b", 2)})
    assert scene.live("b")["metadata"]["uid"] == uid
    assert f"it would take {scene.space}/ConfigMap/a along" in reports["web"].message
