"""Objects of kinds that the cluster does not serve yet: the rest is applied, and they follow as soon as an operator brings their kind."""

import asyncio
import time
from datetime import datetime

import pytest

from reconciler.kube import appearances
from tests.servers.system import System, config_map
from trueup.sandbox import discovery

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def system(tmp_path, valkey, request, monkeypatch):
    monkeypatch.setattr(appearances, "ASKED_SECONDS", (0.05, 0.1, 0.3))
    async with System(
        tmp_path, applications={"web": "apps/web"}, redis_url=valkey.url, timeout=getattr(request, "param", "10s")
    ) as system:
        yield system


in_a_hurry = pytest.mark.parametrize("system", ["1s"], indirect=True)


def definition(scope="Namespaced", group="example.com"):
    schema = {"type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"},
            "scope": scope,
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }


WIDGET = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\nspec: {size: 1}\n"


def in_wave(text, wave):
    return text.replace("metadata: {name", f"metadata: {{annotations: {{trueup.dev/wave: '{wave}'}}, name", 1)


def tree(**texts):
    return {f"apps/web/{name}.yaml": text for name, text in texts.items()}


async def names(system):
    _, answer = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps")
    return sorted(item["metadata"]["name"] for item in answer.get("items", []))


async def operate(system, **of):
    status, answer = await system.kube("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition(**of))
    assert status == 201, answer


async def widget(system, namespace=None):
    place = f"namespaces/{system.namespace}/" if namespace is None else ""
    status, found = await system.kube("GET", f"/apis/example.com/v1/{place}widgets/w")
    return found if status == 200 else None


@pytest.fixture
def discoveries(monkeypatch):
    """One entry for every time that discovery was asked."""
    asked = []

    def aggregated(kinds, *, is_core, silent):
        if not is_core:
            asked.append(time.monotonic())
        return answer(kinds, is_core=is_core, silent=silent)

    answer = discovery.aggregated
    monkeypatch.setattr(discovery, "aggregated", aggregated)
    return asked


async def has(system, *wanted):
    return set(wanted) <= set(await names(system))


async def test_the_rest_is_applied_and_what_was_deferred_follows_at_once(system):
    job_id = await system.push(tree(a=WIDGET, b=config_map("web")))
    await system.until(lambda: has(system, "web"), "the rest is applied")
    await asyncio.sleep(0.2)
    _, job = await system.get(f"/api/v1/jobs/{job_id}")
    assert job["state"] == "running"
    began = time.time()
    await operate(system)
    job = await system.ended(job_id)
    assert job["state"] == "succeeded", job["message"]
    (sync,) = job["syncs"]
    assert [(step["action"], step["object"].partition("/")[2]) for step in sync["steps"]] == [
        ("create", "ConfigMap/web"), ("create", "Widget.example.com/w"),
    ]  # fmt: skip
    assert datetime.fromisoformat(sync["applied"]).timestamp() - began < 5


@pytest.mark.long
@in_a_hurry
async def test_a_kind_that_comes_later_is_waited_for_without_a_request_and_then_goes_on(system, discoveries):
    job_id = await system.push(tree(a=WIDGET, b=config_map("web")))

    async def waits():
        _, job = await system.get(f"/api/v1/jobs/{job_id}")
        return job if job["state"] == "waiting" else None

    job = await system.until(waits, "the job waits")
    assert "Widget.example.com/w: the cluster does not serve example.com/v1 Widget yet" in job["message"]
    assert job["syncs"][0]["awaits"] == ["v1 Widget.example.com"]
    await asyncio.sleep(1.5)  # until nothing is asked for any more
    before = len(system.cluster.requests), len(discoveries)
    await asyncio.sleep(1)
    assert (len(system.cluster.requests), len(discoveries)) == before
    began = time.time()
    await operate(system)
    job = await system.ended(job_id)
    assert job["state"] == "succeeded", job["message"]
    assert datetime.fromisoformat(job["syncs"][0]["applied"]).timestamp() - began < 5
    assert await widget(system) is not None


async def test_an_object_of_the_cluster_is_placed_anew_once_its_kind_is_known(system):
    job_id = await system.push(tree(a=WIDGET))
    await asyncio.sleep(0.3)
    await operate(system, scope="Cluster")
    job = await system.ended(job_id)
    assert job["state"] == "succeeded", job["message"]
    assert await widget(system, namespace="") is not None
    again = await system.ended(await system.push({"apps/web/b.yaml": config_map("web")}))
    assert (again["state"], len(again["syncs"][0]["steps"])) == ("succeeded", 1)


async def test_a_wave_is_complete_only_with_what_was_deferred_in_it(system):
    job_id = await system.push(tree(a=WIDGET, b=config_map("web"), c=in_wave(config_map("later"), 1)))
    await system.until(lambda: has(system, "web"), "the rest of the wave is applied")
    await asyncio.sleep(0.3)
    assert await names(system) == ["web"]
    await operate(system)
    assert (await system.ended(job_id))["state"] == "succeeded"
    assert await names(system) == ["later", "web"]


async def test_a_definition_in_the_same_tree_comes_first(system):
    job = await system.ended(await system.push(tree(a=WIDGET, b=config_map("web"), c=str(definition()).replace("True", "true"))))
    assert job["state"] == "succeeded", job["message"]
    assert await widget(system) is not None


async def test_a_newer_commit_does_not_wait_for_a_kind(system):
    old = await system.push(tree(a=WIDGET, b=config_map("web")))
    await system.until(lambda: has(system, "web"), "the rest is applied")
    new = await system.ended(await system.push({"apps/web/a.yaml": None}))
    assert new["state"] == "succeeded"
    assert (await system.ended(old))["state"] == "superseded"


@pytest.mark.long
async def test_other_definitions_cost_nothing(system, discoveries):
    job_id = await system.push(tree(a=WIDGET, b=config_map("web")))
    await system.until(lambda: has(system, "web"), "the rest is applied")
    await asyncio.sleep(1.5)
    before = len(discoveries)
    await operate(system, group="other.org")
    await asyncio.sleep(0.5)
    assert len(discoveries) == before
    await operate(system)
    assert (await system.ended(job_id))["state"] == "succeeded"
    assert len(discoveries) - before <= 2
