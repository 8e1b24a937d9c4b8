"""One commit is one unit, also where its applications are in several clusters: dependencies in order, all applies before any deletion."""

import asyncio
import contextlib
from datetime import datetime

import pytest

from tests.e2e.test_clusters import kubeconfig, names
from tests.servers.system import System, config_map
from trueup.sandbox.cluster import SandboxCluster

pytestmark = pytest.mark.timeout(60)


def application(name, cluster, *depends):
    return (
        f"apiVersion: trueup.dev/v1alpha1\nkind: Application\nmetadata: {{name: {name}}}\n"
        f"spec: {{sources: [{{git: {{repository: shop, path: apps/{name}}}}}], "
        f"destination: {{cluster: {cluster}, namespace: shop, createNamespace: true}}, sync: {{timeout: 10s}}, "
        f"dependsOn: [{', '.join(f'{{name: {each}}}' for each in depends)}]}}\n"
    )


@pytest.fixture
async def two(tmp_path, valkey):
    """The store in the east, and the web in the west, which depends on it; beside them one that depends on nothing in each."""
    async with contextlib.AsyncExitStack() as stack:
        sandboxes = {name: await stack.enter_async_context(SandboxCluster(rollout_seconds=0.05)) for name in ("east", "west")}
        file = tmp_path / "kubeconfig"
        file.write_text(kubeconfig(sandboxes))
        more = "---\n".join([
            application("store", "east"), application("web", "west", "store"), application("cron", "east"), application("api", "west"),
        ])  # fmt: skip
        system = System(tmp_path, applications={}, kubeconfig=file, redis_url=valkey.url, more=more)
        system.sandboxes, system.namespace = sandboxes, "shop"
        yield await stack.enter_async_context(system)


def deployment(name, image="app:1"):
    return (
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  selector: {{matchLabels: {{app: {name}}}}}\n"
        f"  template: {{metadata: {{labels: {{app: {name}}}}}, spec: {{containers: [{{name: c, image: '{image}'}}]}}}}\n"
    )


FILES = {f"apps/{name}/a.yaml": config_map(name) for name in ("store", "web", "cron", "api")}
FILES |= {f"apps/{name}/old.yaml": config_map(f"old-{name}") for name in ("store", "cron")}
FILES |= {"apps/store/b.yaml": deployment("store")}


def sync_of(job, name):
    return next(sync for sync in job["syncs"] if sync["application"] == f"trueup/{name}")


def at(sync, moment):
    return datetime.fromisoformat(sync[moment])


async def test_what_depends_on_another_cluster_is_applied_when_that_is_healthy_and_deletions_come_after_it(two):
    job = await two.ended(await two.push(FILES))
    assert job["state"] == "succeeded", job["message"]
    assert at(sync_of(job, "store"), "healthy") <= at(sync_of(job, "web"), "applied")
    second = {
        "apps/store/b.yaml": deployment("store", "app:2"),
        "apps/store/old.yaml": None,
        "apps/web/a.yaml": config_map("web", "2"),
    }
    job = await two.ended(await two.push(second))
    assert job["state"] == "succeeded", job["message"]
    store, web = sync_of(job, "store"), sync_of(job, "web")
    assert ("delete", "shop/ConfigMap/old-store") in [(step["action"], step["object"]) for step in store["steps"]]
    assert at(store, "healthy") <= at(web, "applied") <= at(store, "finished")
    assert (at(web, "applied") - at(store, "healthy")).total_seconds() < 5  # looked at again without an event: after a minute
    assert "old-store" not in await names(two, "east")


async def test_what_fails_in_one_cluster_stops_those_that_depend_on_it_in_another(two):
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: 1}\n"
    job_id = await two.push({**FILES, "apps/store/c.yaml": service})
    assert (await two.ended(job_id))["state"] == "failed"

    async def told():
        _, job = await two.get(f"/api/v1/jobs/{job_id}")
        return "waits for trueup/store, which is failed: apps/store/c.yaml" in sync_of(job, "web")["message"]

    await two.until(told, "what waited in vain says why")
    assert await names(two, "west") == ["api"]
    mended = await two.ended(await two.push({**FILES, "apps/store/c.yaml": None}))
    assert mended["state"] == "succeeded", mended["message"]
    assert await names(two, "west") == ["api", "web"]


HOOK = (
    "apiVersion: batch/v1\nkind: Job\nmetadata: {name: slow, annotations: {trueup.dev/hook: pre-sync}}\n"
    "spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: 'tool:broken'}]}}}\n"
)


async def test_nothing_is_deleted_before_everything_is_applied_in_the_other_cluster(two):
    await two.ended(await two.push(FILES))
    job_id = await two.push({"apps/cron/old.yaml": None, "apps/cron/a.yaml": config_map("cron", "2"), "apps/api/hook.yaml": HOOK})
    two.cluster = two.sandboxes["west"]
    path = "/apis/batch/v1/namespaces/shop/jobs/slow"

    async def runs():
        status, _ = await two.kube("GET", path)
        return status == 200

    await two.until(runs, "the hook in the west runs")

    async def healthy():
        _, job = await two.get(f"/api/v1/jobs/{job_id}")
        return any(sync["application"] == "trueup/cron" and sync["healthy"] for sync in job["syncs"])

    await two.until(healthy, "the east is healthy")
    await asyncio.sleep(0.3)
    assert "old-cron" in await names(two, "east")
    two.cluster = two.sandboxes["west"]
    done = {"conditions": [{"type": "Complete", "status": "True"}], "succeeded": 1}
    status, answer = await two.kube("PATCH", f"{path}/status", {"status": done}, "application/merge-patch+json")
    assert status == 200, answer
    job = await two.ended(job_id)
    assert job["state"] == "succeeded", job["message"]
    assert "old-cron" not in await names(two, "east")
