"""Whose an object is decides whether it is deleted: moved, taken, copied, restored, made anew. On a sandbox, with living watches."""

import pytest

from reconciler.model.outcome import SyncState
from tests.servers.scene import Scene, gone, maps
from tests.servers.system import config_map

pytestmark = [pytest.mark.long, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n"


async def test_an_object_that_moves_to_another_application_stays(two):
    await two.bring({**maps("a", "b"), **maps("x", path="apps/api")})
    uid = two.live("b")["metadata"]["uid"]
    reports = await two.bring({"apps/web/b.yaml": None, "apps/api/b.yaml": config_map("b")})
    assert {r.state for r in reports.values()} == {SyncState.SUCCEEDED}
    assert two.live("b")["metadata"]["uid"] == uid
    assert ":/ConfigMap:" in two.live("b")["metadata"]["annotations"]["trueup.dev/owner"]
    assert two.live("b")["metadata"]["annotations"]["trueup.dev/owner"].startswith("trueup/api:")


async def test_an_object_that_moved_is_not_deleted_by_the_one_it_left_later(two):
    await two.bring({**maps("a", "b"), **maps("x", path="apps/api")})
    await two.bring({"apps/web/b.yaml": None, "apps/api/b.yaml": config_map("b")})
    await two.commit(maps("a", value="2"))
    await two.sync("web")
    assert "b" in two.names()


async def test_an_object_that_moves_to_an_application_that_is_synced_later_stays(two):
    await two.bring({**maps("a", "b"), **maps("x", path="apps/api")})
    uid = two.live("b")["metadata"]["uid"]
    await two.commit({**gone("b"), **maps("b", path="apps/api")})
    await two.sync("web", heads=("api",))
    assert two.live("b")["metadata"]["uid"] == uid
    await two.sync()
    assert two.live("b")["metadata"]["uid"] == uid


async def test_an_object_whose_new_application_is_refused_stays(two):
    await two.bring({**maps("a", "b"), **maps("x", path="apps/api")})
    broken = config_map("b").replace("'1'", "{no: text}")
    await two.bring({"apps/web/b.yaml": None, "apps/api/b.yaml": broken})
    assert "b" in two.names()


async def test_an_object_that_two_declare_stalls_both_and_is_left(two):
    await two.bring({**maps("a", "b"), **maps("x", path="apps/api")})
    reports = await two.bring({"apps/api/b.yaml": config_map("b", "2"), "apps/web/a.yaml": None})
    assert {r.state for r in reports.values()} == {SyncState.FAILED}
    assert two.names() == {"a", "b", "x"}


async def test_the_objects_of_an_application_that_is_not_declared_any_more_stay(two):
    await two.bring({**maps("a"), **maps("x", path="apps/api")})
    two.paths = {"web": "apps/web"}
    two.environment.desired.forget(two.target("web").name)
    await two.bring(maps("a", value="2"))
    assert two.names() == {"a", "x"}


async def test_another_instance_leaves_what_is_not_its_own(stage, scene):
    await scene.bring(maps("a", "b"))
    async with Scene(stage, space=scene.space, repository=f"{scene.repository}-other") as other:
        await other.bring(maps("c", "d"))
        await other.bring(gone("d"))
        assert scene.names() == {"a", "b", "c"}
        await scene.bring(gone("b"))
    assert scene.names() == {"a", "c"}


async def test_another_instance_does_not_take_the_same_object_and_does_not_delete_it(stage, scene):
    await scene.bring(maps("a", "b"))
    async with Scene(stage, space=scene.space, repository=f"{scene.repository}-other") as other:
        await other.bring({**maps("a", "b", value="9"), **maps("c")})
        await other.bring(gone("b"))
        assert scene.live("b")["data"] == {"value": "1"}
    assert scene.names() >= {"a", "b"}


OTHERS = {
    "relabelled to another instance": {"labels": {"trueup.dev/instance": "another"}},
    "our label taken off": {"labels": {"trueup.dev/instance": None}},
    "named for another object": {"annotations": {"trueup.dev/owner": "trueup/web:/ConfigMap:other/b"}},
    "named for nobody": {"annotations": {"trueup.dev/owner": "nonsense"}},
    "the name taken off": {"annotations": {"trueup.dev/owner": None}},
    "named for another application": {"annotations": {"trueup.dev/owner": "trueup/other:/ConfigMap:SPACE/b"}},
}


@pytest.mark.parametrize("metadata", OTHERS.values(), ids=OTHERS.keys())
async def test_what_somebody_took_from_us_is_not_deleted(scene, metadata):
    await scene.bring(maps("a", "b"))
    text = {field: {k: v and v.replace("SPACE", scene.space) for k, v in values.items()} for field, values in metadata.items()}
    await scene.kube("PATCH", "configmaps/b", {"metadata": text}, content="application/merge-patch+json")
    await scene.seen("b")
    await scene.bring(gone("b"))
    assert "b" in scene.names()


async def test_a_wiped_record_of_fields_is_no_proof_of_ownership(scene):
    await scene.bring(maps("a", "b"))
    wipe = {"metadata": {"managedFields": [{}]}}
    await scene.kube("PATCH", "configmaps/b", wipe, content="application/merge-patch+json")
    await scene.seen("b")
    await scene.bring(gone("b"))
    assert "b" in scene.names()


COPIES = ["labels", "labels and annotations", "everything, the record of fields too"]


@pytest.mark.parametrize("what", COPIES)
async def test_a_copy_under_another_name_is_left(scene, what):
    await scene.bring(maps("a", "b"))
    live = scene.live("b")
    metadata = {"name": "copy", "labels": live["metadata"]["labels"]}
    if what != "labels":
        metadata["annotations"] = live["metadata"]["annotations"]
    await scene.kube(
        "POST", "configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {}}, manager="velero"
    )
    if what == COPIES[2]:
        fields = {"metadata": {"managedFields": live["metadata"]["managedFields"]}}
        await scene.kube("PATCH", "configmaps/copy", fields, content="application/merge-patch+json")
    await scene.bring(gone("b"))
    await scene.bring(maps("a", value="2"))
    assert scene.names() == {"a", "copy"}


async def test_a_copy_in_another_namespace_is_left(scene):
    await scene.bring(maps("a", "b"))
    other = f"{scene.space}-restored"
    await scene.kube("POST", "/api/v1/namespaces", {"metadata": {"name": other}})
    live = scene.live("b")["metadata"]
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {k: live[k] for k in ("name", "labels", "annotations")}}
    await scene.kube("POST", f"/api/v1/namespaces/{other}/configmaps", body, manager="velero")
    await scene.bring(gone("b"))
    assert scene.names(space=other) == {"b"}


async def test_what_controllers_copied_our_labels_to_is_left(scene):
    await scene.bring({**maps("a"), "apps/web/service.yaml": SERVICE})
    labels = scene.live("web", "services")["metadata"]["labels"]
    endpoints = {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "web", "labels": labels}, "subsets": []}
    await scene.kube("POST", "endpoints", endpoints, manager="kube-controller-manager")
    await scene.bring({"apps/web/service.yaml": None})
    assert scene.names("endpoints") == {"web"}
    assert "web" not in scene.names("services")


async def test_what_somebody_made_anew_under_its_name_is_left(scene):
    await scene.bring(maps("a", "b"))
    await scene.kube("DELETE", "configmaps/b")
    await scene.kube(
        "POST", "configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}, "data": {"mine": "1"}}
    )
    await scene.seen("b")
    await scene.bring(gone("b"))
    assert scene.live("b")["data"] == {"mine": "1"}
