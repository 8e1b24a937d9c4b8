"""What is held until somebody approves it, and what is not deleted since something went wrong before: on a sandbox."""

import asyncio

import pytest

from reconciler.model.declared import Name
from reconciler.model.objects import Kinds
from reconciler.model.outcome import SyncState
from reconciler.model.policy import SyncPolicy
from tests.servers.scene import Scene, gone, many, maps
from tests.servers.system import config_map

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n"


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


async def test_deletions_of_all_applications_of_a_commit_are_counted_together(two):
    await two.bring({**maps(*many(30)), **maps(*many(30, 100), path="apps/api")})
    reports = await two.bring({**gone(*many(5)), **gone(*many(5, 100), path="apps/api")})
    assert {(r.state, *(hold.guard for hold in r.holds)) for r in reports.values()} == {(SyncState.HELD, "blast-radius")}
    assert len(two.names()) == 60


# What went wrong before the deletion.


async def test_nothing_is_deleted_when_an_object_is_not_what_its_kind_allows(scene):
    await scene.bring(maps("a", "b"))
    reports = await scene.bring({"apps/web/b.yaml": None, "apps/web/c.yaml": config_map("c").replace("'1'", "{no: text}")})
    assert reports["web"].state is SyncState.FAILED
    assert scene.names() == {"a", "b"}


async def test_nothing_is_deleted_when_the_server_refused_an_object(scene):
    frozen = config_map("frozen") + "immutable: true\n"
    await scene.bring({**maps("a", "b"), "apps/web/frozen.yaml": frozen})
    reports = await scene.bring({"apps/web/b.yaml": None, "apps/web/frozen.yaml": frozen.replace("'1'", "'2'")})
    assert [step.key.name for step in reports["web"].steps if step.error] == ["frozen"]
    assert reports["web"].state is SyncState.FAILED
    assert scene.names() == {"a", "b", "frozen"}


async def test_nothing_is_deleted_while_the_new_is_not_healthy(scene):
    scene.policies["web"] = SyncPolicy(timeout_seconds=0.3)
    await scene.bring(maps("a", "b"))
    waits = SERVICE.replace("spec: {", "spec: {type: LoadBalancer, ")
    reports = await scene.bring({"apps/web/b.yaml": None, "apps/web/service.yaml": waits})
    if reports["web"].state is SyncState.SUCCEEDED:
        pytest.fail("the sandbox made it healthy; the scenario shows nothing")
    assert scene.names() == {"a", "b"}


@pytest.mark.long
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


async def test_nothing_is_deleted_by_what_was_rendered_before_the_cluster_told_what_it_serves(scene):
    """A chart leaves out what the cluster does not seem to know; the look for a kind that is missing tells all of them."""
    await scene.bring(maps("a", "b"))
    kinds = scene.cluster.kinds
    scene.cluster.kinds = Kinds((k for k in kinds if k.kind != "Service"), failed=["metrics.k8s.io"], version=kinds.version)
    reports = await scene.bring({**gone("b"), "apps/web/service.yaml": SERVICE})
    assert (reports["web"].state, scene.cluster.kinds.is_complete) == (SyncState.WAITING, True)
    assert scene.names() == {"a", "b"}
    assert (await scene.sync())["web"].state is SyncState.SUCCEEDED
    assert scene.names() == {"a"}


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


class Slow:
    """Applies of the object `slow` take their time; what is sent is noted in its order."""

    def __init__(self, client, meanwhile=None):
        self._client, self._apply, self._delete = client, client.apply, client.delete
        self._meanwhile = meanwhile
        self.sent = []

    def __enter__(self):
        self._client.apply, self._client.delete = self._slowly, self._noted
        return self.sent

    def __exit__(self, *_):
        self._client.apply, self._client.delete = self._apply, self._delete

    async def _slowly(self, kind, manifest, **options):
        if manifest.key.name == "slow":
            await asyncio.sleep(0.3)
            if self._meanwhile is not None:
                self._meanwhile.set()
        answer = await self._apply(kind, manifest, **options)
        self.sent.append(f"apply {manifest.key.name}")
        return answer

    async def _noted(self, kind, key, **options):
        self.sent.append(f"delete {key.name}")
        return await self._delete(kind, key, **options)


async def test_nothing_is_deleted_before_every_application_of_the_commit_has_applied(two):
    await two.bring({**maps("a", "b"), **maps("x", path="apps/api")})
    with Slow(two.cluster.client) as sent:
        await two.bring({**gone("b"), **maps("slow", path="apps/api")})
    assert sent == ["apply slow", "delete b"]


async def test_nothing_is_deleted_for_a_commit_that_was_overtaken_meanwhile(two):
    await two.bring({**maps("a", "b"), **maps("x", path="apps/api")})
    await two.commit({**gone("b"), **maps("slow", path="apps/api")})
    newer = asyncio.Event()
    with Slow(two.cluster.client, newer) as sent:
        reports = await two.sync(preempted={Name("trueup", "web"): newer})
    assert (reports["web"].state, sent) == (SyncState.SUPERSEDED, ["apply slow"])
    assert two.names() >= {"a", "b"}


async def test_a_sync_of_single_objects_deletes_nothing(scene):
    await scene.bring(maps("a", "b"))
    await scene.commit({**gone("b"), **maps("a", value="2")})
    await scene.sync(only=("ConfigMap/a",))
    assert scene.names() == {"a", "b"}
