"""Waves on a real control plane: each is complete before the next, and gone before the next when it goes the other way."""

import json

import pytest

from tests.servers.system import config_map

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]


def in_wave(text, wave):
    return text.replace("metadata: {name", f"metadata: {{annotations: {{trueup.dev/wave: '{wave}'}}, name", 1)


def job(name, image, wave):
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": image}]}
    metadata = {"name": name, "annotations": {"trueup.dev/wave": str(wave)}}
    return json.dumps(
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"backoffLimit": 0, "template": {"spec": pod}}}
    )


def tree(**texts):
    return {f"apps/web/{name}.yaml": text for name, text in texts.items()}


async def names(kubelet, system):
    _, found = await kubelet.request("GET", f"/api/v1/namespaces/{system.namespace}/configmaps")
    return {item["metadata"]["name"] for item in found["items"]} - {"kube-root-ca.crt"}


async def test_a_wave_is_complete_before_the_next_begins(system, kubelet):
    job_id = await system.push(tree(a=job("first", "tool:slow", -1), b=config_map("web"), c=in_wave(config_map("last"), 1)))

    async def runs():
        path = f"/apis/batch/v1/namespaces/{system.namespace}/jobs/first"
        status, found = await kubelet.request("GET", path)
        return status == 200 and found["status"].get("active")

    await system.until(runs, "the first wave runs")
    assert await names(kubelet, system) == set()
    kubelet.is_slow = False
    done = await system.ended(job_id)
    assert done["state"] == "succeeded", done["message"]
    assert [step["object"].rpartition("/")[2] for step in done["syncs"][0]["steps"]] == ["first", "web", "last"]


async def test_a_wave_that_fails_stops_the_later_ones(system, kubelet):
    done = await system.ended(await system.push(tree(a=job("first", "tool:failing", -1), b=config_map("web"))))
    assert done["state"] == "failed"
    assert "Job/first" in done["message"]
    assert "1 object not applied" in done["message"]
    assert await names(kubelet, system) == set()


async def test_what_is_of_a_higher_wave_is_gone_before_the_next_is_deleted(system, kubelet):
    kept = {f"k{n}": config_map(f"k{n}") for n in range(20)}
    await system.ended(await system.push(tree(a=in_wave(config_map("user"), 1), b=config_map("operator"), **kept)))
    path = f"/api/v1/namespaces/{system.namespace}/configmaps/user"
    await kubelet.request("PATCH", path, {"metadata": {"finalizers": ["example.com/x"]}}, "application/merge-patch+json")
    job_id = await system.push(tree(a=None, b=None))

    async def is_going():
        _, found = await kubelet.request("GET", path)
        return "deletionTimestamp" in found["metadata"]

    await system.until(is_going, "the user is being deleted")
    assert "operator" in await names(kubelet, system)
    await kubelet.request("PATCH", path, {"metadata": {"finalizers": []}}, "application/merge-patch+json")
    done = await system.ended(job_id)
    assert done["state"] == "succeeded", done["message"]
    assert not {"user", "operator"} & await names(kubelet, system)
