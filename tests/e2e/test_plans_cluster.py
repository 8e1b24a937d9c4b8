"""The plan of a pull request on a real API server: what it refuses, what it warns of, and what nobody is shown."""

import pytest

from tests.e2e.test_plans import branch, comment_of, told
from tests.servers.system import DEPLOYMENT, System

pytestmark = pytest.mark.cluster

SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{password: '{}'}}\n"
ENDPOINTS = "apiVersion: v1\nkind: Endpoints\nmetadata: {name: e}\nsubsets: []\n"
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n"


@pytest.fixture
async def system(tmp_path, valkey, control_plane):
    name = {"web": "apps/web"}
    system = System(tmp_path, applications=name, redis_url=valkey.url, kubeconfig=control_plane.kubeconfig, timeout="1s")
    async with system:
        files = {
            "apps/web/web.yaml": DEPLOYMENT.replace("replicas: 1", "replicas: 0"),
            "apps/web/s.yaml": SECRET.format("hunter2"),
        }
        await system.ended(await system.push({**files, "apps/web/svc.yaml": SERVICE}))
        yield system


async def test_what_the_server_refuses_and_warns_of_is_told(system):
    text = DEPLOYMENT.replace("replicas: 1", "replicas: 0").replace("app: web", "app: other")
    job = await told(system, await branch(system, {"apps/web/web.yaml": text, "apps/web/e.yaml": ENDPOINTS}))
    assert job["state"] == "failed", job
    said = (await comment_of(system)).body
    assert "would be refused: apply" in said
    assert "spec.selector" in said
    assert "v1 Endpoints is deprecated" in said


async def test_a_secret_is_named_and_not_shown(system):
    job = await told(system, await branch(system, {"apps/web/s.yaml": SECRET.format("s3cret")}))
    assert job["state"] == "succeeded", job
    said = (await comment_of(system)).body
    assert f"~ {system.namespace}/Secret/s" in said
    for value in ("hunter2", "s3cret", "aHVudGVyMg==", "czNjcmV0"):
        assert value not in said
        assert value not in str(job)


async def test_defaults_of_the_server_are_no_change(system):
    text = SERVICE.replace("port: 80", "port: 81")
    job = await told(system, await branch(system, {"apps/web/svc.yaml": text}))
    assert job["message"] == "1 to change, in 1 application"
    changed = [line.strip() for line in (await comment_of(system)).body.splitlines() if line.startswith("    ")]
    assert all(line.startswith("spec.ports") for line in changed), changed
    assert changed
