"""One push, several clusters: each is brought up to it by its own holder, and none waits for another. On two sandboxes."""

import contextlib

import pytest
import yaml

from tests.servers.system import System, config_map
from trueup.sandbox.cluster import SandboxCluster


def application(name, cluster):
    return (
        f"apiVersion: trueup.dev/v1alpha1\nkind: Application\nmetadata: {{name: {name}}}\n"
        f"spec: {{sources: [{{git: {{repository: shop, path: apps/{name}}}}}], "
        f"destination: {{cluster: {cluster}, namespace: shop, createNamespace: true}}, sync: {{timeout: 10s}}}}\n"
    )


def kubeconfig(clusters):
    """One file with a context for every name."""
    merged = {"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": [], "current-context": "east"}
    for name, cluster in clusters.items():
        known = yaml.safe_load(cluster.kubeconfig)
        merged["clusters"].append({"name": name, "cluster": known["clusters"][0]["cluster"]})
        merged["users"].append({"name": name, "user": known["users"][0]["user"]})
        merged["contexts"].append({"name": name, "context": {"cluster": name, "user": name}})
    return yaml.safe_dump(merged)


@pytest.fixture
async def two(tmp_path, valkey):
    """East, also known as orient, and west; `system.sandboxes` by name."""
    async with contextlib.AsyncExitStack() as stack:
        east = await stack.enter_async_context(SandboxCluster(rollout_seconds=0.05))
        west = await stack.enter_async_context(SandboxCluster(rollout_seconds=0.05))
        file = tmp_path / "kubeconfig"
        file.write_text(kubeconfig({"east": east, "west": west, "orient": east}))
        more = [application(name, cluster) for name, cluster in (("web", "east"), ("api", "west"), ("cron", "orient"))]
        system = System(tmp_path, applications={}, kubeconfig=file, redis_url=valkey.url, more="---\n".join(more))
        system.sandboxes = {"east": east, "west": west}
        yield await stack.enter_async_context(system)


FILES = {f"apps/{name}/a.yaml": config_map(name) for name in ("web", "api", "cron")}


async def names(system, cluster):
    system.cluster = system.sandboxes[cluster]
    _, answer = await system.kube("GET", "/api/v1/namespaces/shop/configmaps")
    return sorted(item["metadata"]["name"] for item in answer["items"])


async def test_one_job_brings_each_cluster_up_to_the_commit_and_each_has_its_verdict(two):
    job = await two.ended(await two.push(FILES))
    assert job["state"] == "succeeded", job["message"]
    assert [(s["application"], s["state"]) for s in job["syncs"]] == [
        ("trueup/api", "succeeded"), ("trueup/cron", "succeeded"), ("trueup/web", "succeeded"),
    ]  # fmt: skip
    assert (await names(two, "east"), await names(two, "west")) == (["cron", "web"], ["api"])
    _, answer = await two.get(f"/api/v1/commits/{job['commit']}?wait=10s")
    assert {v["state"] for v in answer["verdicts"]} == {"succeeded"}
    assert "west" in {v["cluster"] for v in answer["verdicts"]}


async def test_what_one_cluster_refuses_does_not_keep_the_other_from_it(two):
    broken = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: api}\ndata: {value: [1]}\n"
    job = await two.ended(await two.push({**FILES, "apps/api/a.yaml": broken}))
    assert job["state"] == "failed"
    assert {s["application"]: s["state"] for s in job["syncs"]} == {
        "trueup/api": "failed", "trueup/cron": "succeeded", "trueup/web": "succeeded",
    }  # fmt: skip
    assert await names(two, "east") == ["cron", "web"]
    mended = await two.ended(await two.push(FILES))
    assert mended["state"] == "succeeded"
    assert await names(two, "west") == ["api"]


async def test_a_cluster_with_two_names_has_one_holder_that_repairs_for_both(two):
    await two.ended(await two.push(FILES))
    two.cluster = two.sandboxes["east"]
    for name in ("web", "cron"):
        status, _ = await two.kube("DELETE", f"/api/v1/namespaces/shop/configmaps/{name}")
        assert status == 200

    async def back():
        return await names(two, "east") == ["cron", "web"]

    await two.until(back, "both are put back")
    watches = [r for r in two.sandboxes["east"].requests if r.verb == "watch" and r.resource == "configmaps"]
    assert len(watches) == 1
