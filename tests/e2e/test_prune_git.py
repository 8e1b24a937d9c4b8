"""What is no longer in Git is deleted, and nothing that Git only does not tell: on a sandbox, with living watches.

Beside every way in which something could be deleted that nobody meant stands the ordinary deletion, so that a prune that never deletes
would be noticed too. The pure rules have their tables in tests/reconciler/plan/test_prune.py.
"""

import dataclasses

import pytest

from reconciler.model.outcome import Action, SyncState
from tests.servers.scene import actions, gone, maps
from tests.servers.system import config_map

pytestmark = [pytest.mark.long, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]


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


@pytest.mark.long
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
