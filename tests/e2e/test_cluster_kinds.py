"""Deferred kinds on a real control plane, whose discovery answers a little later than its watches tell."""

import asyncio
import json
import secrets
import time
from datetime import datetime

import pytest

from tests.e2e.test_kinds import definition
from tests.servers.system import config_map

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

ROUNDS = 5


@pytest.fixture
def group():
    return f"g{secrets.token_hex(3)}.example.com"


def widget(group, name="w"):
    return f"apiVersion: {group}/v1\nkind: Widget\nmetadata: {{name: {name}}}\nspec: {{size: 1}}\n"


def tree(**texts):
    return {f"apps/web/{name}.yaml": text for name, text in texts.items()}


async def is_there(kubelet, system, path):
    status, _ = await kubelet.request("GET", path.replace("NS", system.namespace))
    return status == 200


async def test_what_was_deferred_follows_as_soon_as_its_kind_appears(system, kubelet, request):
    seconds = []
    for number in range(ROUNDS):
        group = f"r{number}.{secrets.token_hex(3)}.example.com"
        job_id = await system.push(tree(a=widget(group), b=config_map("web", str(number))))

        async def waits(job_id=job_id):
            _, job = await system.get(f"/api/v1/jobs/{job_id}")
            return any(step["action"] == "defer" for sync in job["syncs"] for step in sync["steps"])

        await system.until(waits, "the rest is applied")
        began = time.time()
        status, answer = await kubelet.request(
            "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition(group=group)
        )
        assert status == 201, answer
        job = await system.ended(job_id)
        assert job["state"] == "succeeded", job["message"]
        assert await is_there(kubelet, system, f"/apis/{group}/v1/namespaces/NS/widgets/w")
        seconds.append(datetime.fromisoformat(job["syncs"][0]["applied"]).timestamp() - began)
    figures = ", ".join(f"{each:.3f}" for each in sorted(seconds))
    request.config.get_terminal_writer().line(f"\nfrom a definition to its object: {figures} s")
    assert max(seconds) < 10


async def test_a_definition_and_its_objects_in_one_tree_go_live_in_one_sync(system, kubelet, group):
    files = tree(a=widget(group), b=config_map("web"), c=json.dumps(definition(group=group)))
    job = await system.ended(await system.push(files))
    assert job["state"] == "succeeded", job["message"]
    assert await is_there(kubelet, system, f"/apis/{group}/v1/namespaces/NS/widgets/w")
    (sync,) = job["syncs"]
    assert [step["action"] for step in sync["steps"]] == ["create"] * 3


async def test_an_api_service_that_is_down_withholds_deletions_until_it_is_mended(system, kubelet, group, monkeypatch):
    monkeypatch.setattr("jobs.holder.withheld.ASKED_SECONDS", 0.5)
    await system.ended(await system.push(tree(a=config_map("a"), b=config_map("b"), c=config_map("c"))))
    service = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"v1.{group}"},
        "spec": {
            "group": group,
            "version": "v1",
            "service": {"name": "away", "namespace": "default"},
            "insecureSkipTLSVerify": True,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
        },
    }
    path = "/apis/apiregistration.k8s.io/v1/apiservices"
    assert (await kubelet.request("POST", path, service))[0] == 201
    try:
        await asyncio.sleep(2)  # discovery takes it up
        await system.stop()
        await system.start()
        job = await system.ended(await system.push({"apps/web/c.yaml": None}))
        assert job["message"].endswith("1 deletion waits: the cluster does not tell all that it serves"), job["message"]
        assert group in job["syncs"][0]["notices"][0]
        assert await is_there(kubelet, system, "/api/v1/namespaces/NS/configmaps/c")
    finally:
        await kubelet.request("DELETE", f"{path}/v1.{group}")

    async def is_gone():
        return not await is_there(kubelet, system, "/api/v1/namespaces/NS/configmaps/c")

    await system.until(is_gone, "c is gone")
