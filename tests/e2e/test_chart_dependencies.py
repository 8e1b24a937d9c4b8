"""A chart in Git that needs another one, on the whole way: fetched by its lock, on the sandbox; a new lock; one that cannot be had."""

import pytest

from tests.e2e.test_submodules import values
from tests.servers.registry import Registry, chart
from tests.servers.system import System, config_map
from tests.tools.build import find

pytestmark = [pytest.mark.long, pytest.mark.tool("helm")]

TEMPLATE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: sub}\ndata: {value: {{ .Chart.Version }}}\n"


@pytest.fixture
async def system(tmp_path, valkey):
    async with Registry() as registry:
        spec = f"{{url: '{registry.url}/charts', type: helm}}"
        more = f"apiVersion: trueup.dev/v1alpha1\nkind: Repository\nmetadata: {{name: stable}}\nspec: {spec}\n"
        applications = {"web": "web", "plain": "plain"}
        settings = {"helm": find("helm")}
        async with System(tmp_path, applications=applications, redis_url=valkey.url, more=more, settings=settings) as system:
            system.registry = registry
            yield system


def locked(system, version):
    return {"web/Chart.lock": f"dependencies: [{{name: sub, version: {version}, repository: '{system.registry.url}/charts'}}]\n"}


async def test_a_dependency_is_what_is_locked(system):
    for version in ("1.0.0", "1.1.0"):
        system.registry.add_chart("sub", version, chart("sub", version, TEMPLATE))
    needs = f"dependencies: [{{name: sub, version: ^1, repository: '{system.registry.url}/charts'}}]\n"
    files = {"web/Chart.yaml": f"apiVersion: v2\nname: web\nversion: 1.0.0\n{needs}", "plain/a.yaml": config_map("plain")}
    job = await system.ended(await system.push(files | locked(system, "1.0.0")))
    assert job["state"] == "succeeded", job
    assert await values(system) == {"sub": "1.0.0", "plain": "1"}

    job = await system.ended(await system.push(locked(system, "1.1.0")))
    assert (job["state"], job["applications"]) == ("succeeded", ["trueup/web"])
    assert await values(system) == {"sub": "1.1.0", "plain": "1"}

    job = await system.ended(await system.push(locked(system, "1.7.0")))
    assert job["state"] == "failed"
    assert "web/Chart.yaml: dependency sub: trueup/stable: chart sub has no version '1.7.0'" in job["message"]
    assert "helm dependency update" in job["message"]
    assert await values(system) == {"sub": "1.1.0", "plain": "1"}
