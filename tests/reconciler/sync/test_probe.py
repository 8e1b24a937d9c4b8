"""Objects of others that are made only where they are missing: the sweep finds that they are gone, at one request each."""

import pytest

from reconciler.model.outcome import Action, SyncState
from reconciler.sync.probe import probe
from tests.servers.scene import maps
from tests.servers.system import System, config_map

THEIRS = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: theirs, annotations: {trueup.dev/apply: if-absent}}\ndata: {value: ours}\n"
)


def requests(cluster):
    return len(cluster.requests)


@pytest.mark.asyncio(loop_scope="module")
async def test_each_costs_one_request_and_what_is_gone_is_named_once(scene):
    await scene.kube("POST", "/api/v1/namespaces", {"metadata": {"name": scene.space}})
    await scene.kube("POST", "configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs"}})
    await scene.bring({**maps("a"), "apps/web/theirs.yaml": THEIRS})
    environment, cluster = scene.environment, scene.theatre.cluster
    before = requests(cluster)
    assert (await probe(environment)).changed == []
    assert requests(cluster) - before == 1

    await scene.kube("DELETE", "configmaps/theirs")
    found = await probe(environment)
    assert ([key.name for key in found.changed], found.looked_at) == (["theirs"], 1)
    assert (await probe(environment)).looked_at == 0, "it is ours to make now"

    await scene.bring(maps("a", value="2"))
    assert scene.live("theirs")["data"] == {"value": "ours"}


@pytest.mark.asyncio(loop_scope="module")
async def test_what_nobody_desires_any_more_costs_nothing(scene):
    await scene.kube("POST", "/api/v1/namespaces", {"metadata": {"name": scene.space}})
    await scene.kube("POST", "configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs"}})
    await scene.bring({**maps("a"), "apps/web/theirs.yaml": THEIRS})
    await scene.bring({"apps/web/theirs.yaml": None})
    assert (await probe(scene.environment)).looked_at == 0
    assert scene.environment.others == set()
    assert "theirs" in scene.names()


async def test_the_sweep_has_them_made_without_a_push(tmp_path, valkey):
    settings = {"sweep": 0.3}
    async with System(tmp_path, applications={"web": "apps/web"}, redis_url=valkey.url, settings=settings) as system:
        path = f"/api/v1/namespaces/{system.namespace}/configmaps"
        await system.kube("POST", "/api/v1/namespaces", {"metadata": {"name": system.namespace}})
        await system.kube("POST", path, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs"}})
        await system.ended(await system.push({"apps/web/a.yaml": config_map("a"), "apps/web/theirs.yaml": THEIRS}))
        await system.kube("DELETE", f"{path}/theirs")

        async def is_made():
            status, found = await system.kube("GET", f"{path}/theirs")
            return status == 200 and found["data"] == {"value": "ours"}

        await system.until(is_made, "it is made")


GROUP = "aggregated.example.com"
DEFINITION = (
    f"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: things.{GROUP}}}\n"
    f"spec:\n  group: {GROUP}\n  scope: Namespaced\n  names: {{plural: things, singular: thing, kind: Thing, listKind: ThingList}}\n"
    "  versions:\n    - name: v1\n      served: true\n      storage: true\n"
    "      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}\n"
)


def thing(size=1):
    return f"apiVersion: {GROUP}/v1\nkind: Thing\nmetadata: {{name: one}}\nspec: {{size: {size}}}\n"


@pytest.fixture
def bare(stage, monkeypatch):
    """Of one group the server keeps no record of fields, as some aggregated APIs do not."""
    store = stage.cluster.store
    put = store.put

    def without(collection, document):
        if collection[0] == GROUP:
            kept = {name: value for name, value in document["metadata"].items() if name != "managedFields"}
            document = {**document, "metadata": kept}
        return put(collection, document)

    monkeypatch.setattr(store, "put", without)


@pytest.mark.usefixtures("bare")
@pytest.mark.asyncio(loop_scope="module")
async def test_an_api_that_keeps_no_record_of_fields_is_followed_by_its_values(scene):
    await scene.bring({**maps("a"), "apps/web/crd.yaml": DEFINITION, "apps/web/one.yaml": thing()})
    first = await scene.sync()
    assert (first["web"].state, first["web"].steps) == (SyncState.SUCCEEDED, ()), first["web"].message
    environment, cluster = scene.environment, scene.theatre.cluster
    assert "managedFields" not in scene.live("one", "things", GROUP)["metadata"]
    assert [key.name for key in environment.unrecorded] == ["one"]

    before = requests(cluster)
    found = await probe(environment)
    assert (found.looked_at, found.changed, requests(cluster) - before) == (1, [], 1), "at rest a GET each"

    path = f"/apis/{GROUP}/v1/namespaces/{scene.space}/things/one"
    await scene.kube("PATCH", path, {"spec": {"size": 7}}, content="application/merge-patch+json")
    (key,) = (await probe(environment)).changed
    (drift,) = environment.unrecorded[key].drift
    assert [(field.path, field.desired, field.found) for field in drift.fields] == [("spec.size", "1", "7")]
    repaired = (await scene.sync())["web"]
    assert [(step.action, step.key.name) for step in repaired.steps] == [(Action.UPDATE, "one")]
    assert scene.live("one", "things", GROUP)["spec"] == {"size": 1}
    assert (await scene.sync())["web"].steps == ()

    changed = (await scene.bring({"apps/web/one.yaml": thing(2)}))["web"]
    assert [(step.action, step.reason) for step in changed.steps] == [(Action.UPDATE, "content changed")]

    await scene.open()  # a restart knows nothing of it, and learns it from its marks, without a write
    met = (await scene.sync())["web"]
    assert [(step.action, step.key.name) for step in met.steps] == [(Action.SKIP, "one")]
    await scene.bring({"apps/web/one.yaml": None})
    assert scene.live("one", "things", GROUP), "what nobody can prove to be ours is never deleted"
