"""What an application is rendered with beside Git: when a ConfigMap or Secret is another, it is rendered again, and only it."""

import asyncio

import pytest

from tests.servers.system import REPOSITORY, System, config_map

DECLARED = """
apiVersion: trueup.dev/v1alpha1
kind: Repository
metadata: {name: quick}
spec: {url: 'URL', forge: generic, poll: 500ms}
---
apiVersion: trueup.dev/v1alpha1
kind: Application
metadata: {name: painted}
spec:
  sources: [{git: {repository: quick, path: apps/painted}}]
  destination: {namespace: NAMESPACE, createNamespace: true}
  render: {substitute: {from: [{kind: Secret, name: colours}]}}
"""


async def value(system, name):
    status, found = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps/{name}")
    return found["data"]["value"] if status == 200 else None


@pytest.mark.long
async def test_a_secret_that_is_another_or_there_at_last_renders_who_needs_it(tmp_path, valkey):
    async with System(tmp_path, applications={"web": "apps/web"}, redis_url=valkey.url) as system:
        await system.commit({"apps/web/a.yaml": config_map("plain"), "apps/painted/a.yaml": config_map("painted", "${COLOUR}")})
        declared = DECLARED.replace("URL", system.git.url(REPOSITORY)).replace("NAMESPACE", system.namespace)
        (system.directory / "declarations" / "more.yaml").write_text(declared)

        async def has_failed():
            _, found = await system.get("/api/v1/jobs?repository=trueup/quick&state=failed")
            return found["items"]

        failed = await system.until(has_failed, "the first job fails")
        assert "there is no Secret trueup/colours" in str(failed)
        secret = system.directory / "secrets" / "colours"
        secret.mkdir()
        (secret / "COLOUR").write_text("red")
        await system.until(lambda: _is(system, "red"), "it is rendered once the Secret is there")
        (secret / "COLOUR").write_text("blue")
        await system.until(lambda: _is(system, "blue"), "it is rendered when the Secret is another")
        before = await _jobs(system)
        await asyncio.sleep(1.5)
        assert await _jobs(system) == before


async def _jobs(system):
    _, found = await system.get("/api/v1/jobs?repository=trueup/quick")
    return [job["id"] for job in found["items"]]


async def _is(system, colour):
    return await value(system, "painted") == colour
