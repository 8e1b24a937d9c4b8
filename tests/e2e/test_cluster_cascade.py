"""What a cluster deletes along with an object, on a real control plane: its garbage collector and its namespaces ask nobody.

What is to stay is never taken along without a person's word, whichever annotation the object has that goes.
"""

import asyncio

import pytest

from tests.servers.kubelet import Kubelet
from tests.servers.system import System, config_map

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

ALLOWED = "annotations: {trueup.dev/prune: allow}"
SEEN_SECONDS = 2.0
"""How long a garbage collector gets that has nothing to do."""


@pytest.fixture
async def system(tmp_path, valkey, control_plane):
    applications, kubeconfig = {"web": "apps/web", "api": "apps/api"}, control_plane.kubeconfig
    async with System(tmp_path, applications=applications, redis_url=valkey.url, kubeconfig=kubeconfig) as system:
        yield system


@pytest.fixture
async def person(control_plane, system):
    """Who looks, edits and cleans up."""
    async with Kubelet(control_plane, system.namespace) as person:
        person.made = []
        yield person
        await system.stop()
        for path in person.made:
            await person.request("DELETE", path)
        for path in person.made:
            await system.until(lambda p=path: is_gone(person, p), f"{path} is gone", seconds=60, pause=0.2)


async def is_gone(person, path):
    return (await person.request("GET", path))[0] == 404


async def uid(person, path):
    status, found = await person.request("GET", path)
    return found["metadata"]["uid"] if status == 200 else None


async def synced(system, **files):
    return await system.ended(await system.push({f"apps/{name.replace('_', '/')}.yaml": text for name, text in files.items()}))


async def held_by(job):
    """The guards that hold a job, once a garbage collector has had its time."""
    await asyncio.sleep(SEEN_SECONDS)
    return [hold["guard"] for sync in job["syncs"] for hold in sync["holds"]]


async def all_seen(system, person, path):
    """Wait until Trueup knows what was done to ConfigMaps before: what a person changes after it is put back."""
    change = {"data": {"value": "9"}}
    await person.request("PATCH", f"{path}?fieldManager=kubectl-edit", change, "application/merge-patch+json")

    async def is_back():
        return (await person.request("GET", path))[1]["data"]["value"] == "1"

    await system.until(is_back, "what came later is put back")


def in_namespace(text, name):
    return text.replace("metadata: {", f"metadata: {{namespace: {name}, ")


async def test_what_an_operator_made_from_an_object_that_goes_and_git_has_taken_over(system, person):
    """As from a SealedSecret to the plain Secret: its ownerReference stays, and the garbage collector deletes it with its owner."""
    await synced(
        system,
        web_sealed=config_map("sealed"),
        web_other=config_map("other"),
        web_plain=config_map("plain"),
        api_x=config_map("x"),
    )
    path = f"/api/v1/namespaces/{system.namespace}/configmaps"
    sealed, plain = await uid(person, f"{path}/sealed"), await uid(person, f"{path}/plain")
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "sealed", "uid": sealed}
    change = {"metadata": {"ownerReferences": [owner]}}
    await person.request("PATCH", f"{path}/plain?fieldManager=sealed-secrets", change, "application/merge-patch+json")
    await all_seen(system, person, f"{path}/other")
    job = await synced(system, web_sealed=None)
    guards = await held_by(job)
    assert await uid(person, f"{path}/plain") == plain, "it was deleted with its owner"
    assert (job["state"], guards) == ("held", ["takes-along"])
    assert "ConfigMap/sealed would take along" in job["message"]

    free = {"metadata": {"ownerReferences": None}}
    await person.request("PATCH", f"{path}/plain?fieldManager=sealed-secrets", free, "application/merge-patch+json")
    await all_seen(system, person, f"{path}/other")
    done = await synced(system, web_other=config_map("other", "2"))
    assert done["state"] == "succeeded", done["message"]
    await system.until(lambda: is_gone(person, f"{path}/sealed"), "its owner is gone")
    await asyncio.sleep(SEEN_SECONDS)
    assert await uid(person, f"{path}/plain") == plain


async def test_what_another_application_has_in_a_namespace_that_goes(system, person):
    name = f"{system.namespace}-2"
    person.made.append(f"/api/v1/namespaces/{name}")
    namespace = f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, {ALLOWED}}}\n"
    await synced(system, web_a=config_map("a"), web_space=namespace, api_b=in_namespace(config_map("b"), name))
    before = await uid(person, f"/api/v1/namespaces/{name}/configmaps/b")
    assert before
    job = await synced(system, web_space=None)
    guards = await held_by(job)
    assert await uid(person, f"/api/v1/namespaces/{name}/configmaps/b") == before
    assert (job["state"], guards) == ("held", ["takes-along"])


async def test_what_is_kept_in_a_namespace_that_goes(system, person):
    name = f"{system.namespace}-3"
    person.made.append(f"/api/v1/namespaces/{name}")
    namespace = f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, {ALLOWED}}}\n"
    kept = in_namespace(config_map("kept").replace("name: kept", "name: kept, annotations: {trueup.dev/prune: never}"), name)
    await synced(system, web_a=config_map("a"), web_space=namespace, web_kept=kept, api_b=config_map("b"))
    before = await uid(person, f"/api/v1/namespaces/{name}/configmaps/kept")
    assert before
    job = await synced(system, web_space=None, web_kept=None)
    guards = await held_by(job)
    assert await uid(person, f"/api/v1/namespaces/{name}/configmaps/kept") == before
    assert (job["state"], guards) == ("held", ["takes-along"])


async def test_what_another_application_has_of_a_kind_that_goes(system, person):
    group = f"{system.namespace}.example.com"
    person.made.append(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.{group}")
    definition = (
        f"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: things.{group}, {ALLOWED}}}\n"
        f"spec:\n  group: {group}\n  scope: Namespaced\n  names: {{plural: things, singular: thing, kind: Thing, listKind: ThingList}}\n"
        "  versions:\n    - name: v1\n      served: true\n      storage: true\n"
        "      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}\n"
    )
    thing = f"apiVersion: {group}/v1\nkind: Thing\nmetadata: {{name: one}}\nspec: {{}}\n"
    first = await synced(system, web_a=config_map("a"), web_crd=definition, api_one=thing)
    assert first["state"] == "succeeded", first["message"]
    before = await uid(person, f"/apis/{group}/v1/namespaces/{system.namespace}/things/one")
    assert before
    job = await synced(system, web_crd=None)
    guards = await held_by(job)
    assert await uid(person, f"/apis/{group}/v1/namespaces/{system.namespace}/things/one") == before
    assert (job["state"], guards) == ("held", ["takes-along"])
