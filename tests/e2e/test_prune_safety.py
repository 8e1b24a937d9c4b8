"""What must not be deleted is not: named scenarios, each told to the end on a sandbox, with living watches.

Beside every way in which something could be deleted that nobody meant stands the ordinary deletion, so that a prune that never deletes
would be noticed too. The pure rules have their tables in tests/reconciler/plan/test_prune.py.
"""

import dataclasses
from collections import Counter

import pytest
import pytest_asyncio

from reconciler.kube.client import Listing
from reconciler.model.declared import SyncPolicy
from reconciler.model.objects import Kinds
from reconciler.model.outcome import Action, SyncState
from tests.servers.scene import Scene, actions, theatre
from tests.servers.system import config_map

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: "web:1"}]}}
"""
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory):
    async with theatre(tmp_path_factory.mktemp("theatre")) as stage:
        yield stage


@pytest_asyncio.fixture(loop_scope="module")
async def scene(stage):
    async with Scene(stage) as scene:
        yield scene


@pytest_asyncio.fixture(loop_scope="module")
async def two(stage):
    async with Scene(stage, {"web": "apps/web", "api": "apps/api"}) as scene:
        yield scene


def maps(*names, path="apps/web", value="1"):
    return {f"{path}/{name}.yaml": config_map(name, value) for name in names}


def gone(*names, path="apps/web"):
    return {f"{path}/{name}.yaml": None for name in names}


def many(count, first=0):
    return [f"m{number}" for number in range(first, first + count)]


# The ordinary deletion, and what looks like one in Git and is none.


async def test_what_left_git_is_deleted_and_nothing_else(scene):
    await scene.bring(maps("a", "b", "c"))
    reports = await scene.bring(gone("b"))
    assert actions(reports["web"]) == {"b": Action.DELETE}
    assert scene.names() == {"a", "c"}


IN_GIT = {
    "moved to another file": {"apps/web/b.yaml": None, "apps/web/elsewhere.yaml": config_map("b")},
    "moved into a directory beneath": {"apps/web/b.yaml": None, "apps/web/below/b.yaml": config_map("b")},
    "moved into a List": {
        "apps/web/b.yaml": None,
        "apps/web/list.yaml": "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}]\n",
    },
    "moved into one file of many documents": {
        "apps/web/a.yaml": config_map("a") + "---\n" + config_map("b"), "apps/web/b.yaml": None,
    },
    "written as JSON": {
        "apps/web/b.yaml": None, "apps/web/b.json": '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b"}}',
    },
    "written with its namespace": {
        "apps/web/b.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, namespace: SPACE}\n",
    },
    "made by a kustomization from now on": {
        "apps/web/kustomization.yaml": "resources: [a.yaml, b.yaml, c.yaml]\n",
    },
}  # fmt: skip


@pytest.mark.parametrize("files", IN_GIT.values(), ids=IN_GIT.keys())
async def test_an_object_is_the_same_wherever_it_stands_in_git(scene, files):
    await scene.bring(maps("a", "b", "c"))
    uid = scene.live("b")["metadata"]["uid"]
    reports = await scene.bring({path: text and text.replace("SPACE", scene.space) for path, text in files.items()})
    assert reports["web"].state is SyncState.SUCCEEDED, reports["web"].message
    assert scene.live("b")["metadata"]["uid"] == uid


async def test_another_version_of_its_kind_is_the_same_object(scene):
    hpa = (
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: h}\n"
        "spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}\n"
    )
    await scene.bring({**maps("a"), "apps/web/h.yaml": hpa})
    uid = scene.live("h", "horizontalpodautoscalers", "autoscaling")["metadata"]["uid"]
    await scene.bring({"apps/web/h.yaml": hpa.replace("autoscaling/v2", "autoscaling/v1")})
    assert scene.live("h", "horizontalpodautoscalers", "autoscaling")["metadata"]["uid"] == uid


# What Git does not say, because it cannot be read.

UNREADABLE = {
    "a document that is no YAML": {"apps/web/b.yaml": "a: [b\n"},
    "a document without a kind": {"apps/web/b.yaml": "apiVersion: v1\nmetadata: {name: b}\n"},
    "an object that is declared twice": {"apps/web/again.yaml": config_map("a"), "apps/web/b.yaml": None},
    "a kustomization that does not build": {"apps/web/kustomization.yaml": "resources: [nothing.yaml]\n"},
    "a kustomization of another host": {"apps/web/kustomization.yaml": "resources: ['https://example.com/x?ref=1']\n"},
    "an alias bomb": {"apps/web/b.yaml": "a: &a [1,1,1,1,1,1,1,1]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 8)}]\n" for n in range(9)
    )},
    "a binary file": {"apps/web/b.yaml": "\x00\x01\x02"},
}  # fmt: skip


@pytest.mark.parametrize("files", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_nothing_is_deleted_by_a_commit_that_cannot_be_rendered(scene, files):
    await scene.bring(maps("a", "b", "c"))
    reports = await scene.bring({"apps/web/c.yaml": None, **files})
    assert reports["web"].state is SyncState.FAILED
    assert scene.names() == {"a", "b", "c"}


async def test_a_commit_that_cannot_be_fetched_deletes_nothing(scene):
    await scene.bring(maps("a", "b"))
    scene._commit = "0" * 39 + "1"
    reports = await scene.sync()
    assert reports["web"].state in (SyncState.FAILED, SyncState.WAITING)
    assert scene.names() == {"a", "b"}


async def test_a_repository_that_is_gone_deletes_nothing(scene):
    await scene.bring(maps("a", "b"))
    repositories = scene.environment.workshop.repositories
    name, repository = next(iter(repositories.items()))
    moved = {name: dataclasses.replace(repository, url=repository.url.replace("acme", "nobody"))}
    scene.environment.workshop = dataclasses.replace(scene.environment.workshop, repositories=moved)
    scene._commit = "0" * 39 + "2"
    reports = await scene.sync()
    assert reports["web"].state in (SyncState.FAILED, SyncState.WAITING)
    assert scene.names() == {"a", "b"}


async def test_what_another_application_of_the_push_may_want_is_left_when_that_cannot_be_rendered(two):
    await two.bring({**maps("a", "moves"), **maps("x", path="apps/api")})
    reports = await two.bring({"apps/web/moves.yaml": None, "apps/api/moves.yaml": config_map("moves") + "---\nnot: [yaml\n"})
    assert reports["api"].state is SyncState.FAILED
    assert "moves" in two.names()


# Guards.


async def test_an_emptied_directory_is_held(scene):
    await scene.bring(maps("a", "b"))
    reports = await scene.bring({**gone("a", "b"), "apps/web/.keep": ""})
    assert (reports["web"].state, [hold.guard for hold in reports["web"].holds]) == (SyncState.HELD, ["empty-render"])
    assert scene.names() == {"a", "b"}


async def test_a_directory_that_vanished_is_held(scene):
    await scene.bring({**maps("a", "b"), "README.md": "x"})
    reports = await scene.bring(gone("a", "b"))
    assert reports["web"].state is SyncState.HELD
    assert scene.names() == {"a", "b"}


async def test_a_directory_that_never_was_is_refused(stage):
    async with Scene(stage, {"web": "apps/wbe"}) as scene:
        reports = await scene.bring(maps("a"))
        assert reports["web"].state is SyncState.FAILED


async def test_files_that_are_all_excluded_are_held(scene):
    await scene.bring(maps("a", "b"))
    reports = await scene.bring({**gone("a", "b"), "apps/web/a.txt": config_map("a")})
    assert reports["web"].state is SyncState.HELD
    assert scene.names() == {"a", "b"}


@pytest.mark.parametrize(
    ("had", "removed", "is_held"),
    [
        pytest.param(6, 2, False, id="two of six"),
        pytest.param(4, 3, False, id="three of four: no more than three"),
        pytest.param(7, 4, True, id="four of seven"),
        pytest.param(30, 21, True, id="twenty-one in one job"),
    ],
)
async def test_most_of_an_application_is_held(scene, had, removed, is_held):
    await scene.bring({**maps(*many(had))})
    reports = await scene.bring(gone(*many(removed)))
    assert (reports["web"].state is SyncState.HELD) is is_held
    assert len(scene.names()) == (had if is_held else had - removed)


async def test_everything_under_another_name_is_held(scene):
    await scene.bring(
        {**maps(*many(5)), "apps/web/kustomization.yaml": f"resources: [{', '.join(f'{n}.yaml' for n in many(5))}]\n"}
    )
    kustomization = f"namePrefix: new-\nresources: [{', '.join(f'{n}.yaml' for n in many(5))}]\n"
    reports = await scene.bring({"apps/web/kustomization.yaml": kustomization})
    assert reports["web"].state is SyncState.HELD
    assert set(many(5)) <= scene.names()


async def test_everything_under_another_name_is_held_also_when_the_new_objects_are_there_already(scene):
    await scene.bring(
        {**maps(*many(5)), "apps/web/kustomization.yaml": f"resources: [{', '.join(f'{n}.yaml' for n in many(5))}]\n"}
    )
    kustomization = f"namePrefix: new-\nresources: [{', '.join(f'{n}.yaml' for n in many(5))}]\n"
    await scene.bring({"apps/web/kustomization.yaml": kustomization})
    await scene.open()
    reports = await scene.sync()
    assert reports["web"].state is SyncState.HELD
    assert set(many(5)) <= scene.names()


PROTECTED = {
    "a Namespace": ("Namespace", "namespaces", "{}"),
    "a claim": (
        "PersistentVolumeClaim", "persistentvolumeclaims", "{accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}",
    ),
    "a volume": (
        "PersistentVolume", "persistentvolumes",
        "{capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /x}}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("is_allowed", [False, True], ids=["without leave", "with leave"])
@pytest.mark.parametrize(("kind", "plural", "spec"), PROTECTED.values(), ids=PROTECTED.keys())
async def test_what_takes_data_along_is_held(scene, kind, plural, spec, is_allowed):
    scene.policies["web"] = SyncPolicy(timeout_seconds=0.3)
    name = f"{scene.space}-{'free' if is_allowed else 'kept'}"
    leave = ", annotations: {trueup.dev/prune: allow}" if is_allowed else ""
    document = f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}{leave}}}\nspec: {spec}\n"
    await scene.bring({**maps("a", "b"), "apps/web/kept.yaml": document})
    reports = await scene.bring({"apps/web/kept.yaml": None})
    where = scene.space if kind == "PersistentVolumeClaim" else ""
    assert (name in scene.names(plural, space=where)) is not is_allowed, reports["web"].message


async def test_a_definition_is_held_and_so_are_its_objects(scene):
    group = f"{scene.space}.example.com"
    definition = (
        f"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: things.{group}}}\n"
        f"spec:\n  group: {group}\n  scope: Namespaced\n  names: {{plural: things, singular: thing, kind: Thing, listKind: ThingList}}\n"
        "  versions:\n    - name: v1\n      served: true\n      storage: true\n"
        "      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}\n"
    )
    thing = f"apiVersion: {group}/v1\nkind: Thing\nmetadata: {{name: one}}\n"
    first = await scene.bring({**maps("a"), "apps/web/crd.yaml": definition, "apps/web/thing.yaml": thing})
    assert first["web"].state is SyncState.SUCCEEDED, first["web"].message
    reports = await scene.bring({"apps/web/crd.yaml": None})
    assert reports["web"].state is SyncState.HELD
    assert scene.live("one", "things", group)


@pytest.mark.parametrize("word", ["never", "disabled"])
async def test_what_people_keep_is_left(scene, word):
    kept = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: b, annotations: {{trueup.dev/prune: {word}}}}}\n"
    await scene.bring({**maps("a"), "apps/web/b.yaml": kept})
    await scene.bring({"apps/web/b.yaml": None})
    assert scene.names() == {"a", "b"}


async def test_an_application_that_does_not_prune_deletes_nothing(scene):
    scene.policies["web"] = SyncPolicy(timeout_seconds=2, prune=False)
    await scene.bring(maps("a", "b"))
    await scene.bring(gone("b"))
    assert scene.names() == {"a", "b"}


async def test_only_the_approved_set_is_deleted_and_only_once(scene):
    await scene.bring(maps("a", "b"))
    held = (await scene.bring({**gone("a", "b"), "apps/web/.keep": ""}))["web"]
    assert (await scene.sync(approved={"web": "another"}))["web"].state is SyncState.HELD
    assert scene.names() == {"a", "b"}
    assert (await scene.sync(approved={"web": held.held_digest}))["web"].state is SyncState.SUCCEEDED
    assert scene.names() == set()


async def test_an_approval_of_less_than_is_held_by_now_deletes_nothing(scene):
    await scene.bring(maps(*many(9)))
    held = (await scene.bring(gone(*many(5))))["web"]
    await scene.commit(gone("m5"))
    assert (await scene.sync(approved={"web": held.held_digest}))["web"].state is SyncState.HELD
    assert len(scene.names()) == 9


# What went wrong before the deletion.


async def test_nothing_is_deleted_when_an_object_was_refused(scene):
    await scene.bring(maps("a", "b"))
    reports = await scene.bring({"apps/web/b.yaml": None, "apps/web/c.yaml": config_map("c").replace("'1'", "{no: text}")})
    assert reports["web"].state is SyncState.FAILED
    assert scene.names() == {"a", "b"}


async def test_nothing_is_deleted_while_the_new_is_not_healthy(scene):
    scene.policies["web"] = SyncPolicy(timeout_seconds=0.3)
    await scene.bring(maps("a", "b"))
    waits = SERVICE.replace("spec: {", "spec: {type: LoadBalancer, ")
    reports = await scene.bring({"apps/web/b.yaml": None, "apps/web/service.yaml": waits})
    if reports["web"].state is SyncState.SUCCEEDED:
        pytest.fail("the sandbox made it healthy; the scenario shows nothing")
    assert scene.names() == {"a", "b"}


async def test_nothing_is_deleted_while_a_kind_is_not_served(scene):
    await scene.bring(maps("a", "b"))
    thing = "apiVersion: nobody.example.com/v1\nkind: Thing\nmetadata: {name: one}\n"
    reports = await scene.bring({"apps/web/b.yaml": None, "apps/web/thing.yaml": thing})
    assert reports["web"].state is not SyncState.SUCCEEDED
    assert scene.names() == {"a", "b"}


async def test_nothing_is_deleted_while_the_cluster_does_not_tell_what_it_serves(scene):
    await scene.bring(maps("a", "b"))
    kinds = scene.cluster.kinds
    scene.cluster.kinds = Kinds(kinds, failed=["metrics.k8s.io"], version=kinds.version)
    await scene.bring(gone("b"))
    assert scene.names() == {"a", "b"}


async def test_nothing_is_deleted_while_a_watch_is_not_synced(scene):
    await scene.bring(maps("a", "b"))
    index = scene.cluster.index
    follow, index.follow = index.follow, nothing
    next(iter(index._synced.values())).clear()
    await scene.bring(gone("b"))
    index.follow = follow
    assert scene.names() == {"a", "b"}


async def nothing(_):
    """Nobody waits for the watch."""


async def test_a_newer_commit_in_the_way_of_health_deletes_nothing(two):
    await two.bring({**maps("a", "b"), **maps("x", path="apps/api")})
    await two.commit({**gone("b"), "apps/api/x.yaml": config_map("x", "2").replace("'2'", "{no: text}")})
    reports = await two.sync()
    assert reports["api"].state is SyncState.FAILED
    assert two.names() >= {"a", "x"}


# Whose it is.


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


# A view that is behind: what is decided from it meets the preconditions.


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
