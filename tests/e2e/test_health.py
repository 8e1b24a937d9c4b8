"""Health as people declare it: an Application's own rules judge its objects, and are followed when they change; on the sandbox."""

import asyncio

import pytest

from tests.servers.system import System, config_map

WEB = "/api/v1/applications/trueup/web"


def application(namespace: str, healthy: str) -> str:
    return (
        "apiVersion: trueup.dev/v1alpha1\nkind: Application\nmetadata: {name: web}\n"
        f"spec:\n  sources: [{{git: {{repository: shop, path: apps/web}}}}]\n"
        f"  destination: {{namespace: {namespace}, createNamespace: true}}\n  sync: {{timeout: 2s}}\n"
        f'  health:\n  - {{kind: ConfigMap, healthy: "{healthy}", message: "\'value \' + data.value"}}\n'
    )


@pytest.fixture
async def system(tmp_path, valkey):
    system = System(tmp_path, applications={}, redis_url=valkey.url)
    system._more = application(system.namespace, "data.value == '2'")
    async with system:
        yield system


def declare(system, healthy, timeout="2s"):
    system._more = application(system.namespace, healthy).replace("timeout: 2s", f"timeout: {timeout}")
    system.declare()


async def health(system):
    _, answer = await system.get(WEB)
    return answer.get("health"), [entry["reason"] for entry in answer.get("unhealthy", ())]


async def test_a_commit_waits_for_what_the_rule_says(system):
    late = await system.ended(await system.push({"apps/web/a.yaml": config_map("web", "1")}))
    assert (late["state"], late["message"]) == ("failed", f"{system.namespace}/ConfigMap/web: value 1")
    done = await system.ended(await system.push({"apps/web/a.yaml": config_map("web", "2")}))
    assert done["state"] == "succeeded", done["message"]

    declare(system, "data.value == '3'")

    async def is_judged_anew():
        return await health(system) == ("Progressing", ["value 2"])

    await system.until(is_judged_anew, "the new rule judges what is there, without a commit")
    declare(system, "data.value != '3'")

    async def is_healthy():
        return await health(system) == ("Healthy", [])

    await system.until(is_healthy, "the newest rule judges it healthy")


@pytest.mark.long
async def test_a_rule_that_does_not_fit_its_object_fails_the_sync_at_once_and_says_so(system, monkeypatch):
    monkeypatch.setattr("reconciler.kube.wait.GRACE_SECONDS", 0.2)
    declare(system, "data.value > 1", timeout="5m")
    await asyncio.sleep(1.5)  # declarations are seen within a second
    failed = await system.ended(await system.push({"apps/web/a.yaml": config_map("web", "1")}))
    assert failed["state"] == "failed"
    assert failed["message"].startswith(
        f"{system.namespace}/ConfigMap/web: the health rule of ConfigMap does not fit: `healthy` No such overload"
    )
    assert failed["message"].endswith("mend it in spec.health or TRUEUP_HEALTH_RULES")
