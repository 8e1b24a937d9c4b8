"""A file that Git LFS keeps, on the whole way: a webhook, a job, its content on the sandbox; a new one; one that is missing."""

import pytest

from tests.e2e.test_submodules import becomes, declare, values
from tests.servers.lfs import LfsServer, pointer
from tests.servers.system import System, config_map

pytestmark = pytest.mark.long

LFS = ", lfs: true"


@pytest.fixture
async def system(tmp_path, valkey):
    async with LfsServer() as lfs:

        async def prepare(system):
            system.lfs, system.git.instead = lfs, lfs.answer
            declare(system, LFS)

        applications = {"web": "apps/web", "plain": "apps/plain"}
        async with System(tmp_path, applications=applications, redis_url=valkey.url, prepare=prepare) as system:
            yield system


async def test_what_a_pointer_stands_for_goes_live(system):
    files = {"apps/web/a.yaml": system.lfs.add(config_map("web", "first").encode()), "apps/plain/a.yaml": config_map("plain")}
    job = await system.ended(await system.push(files))
    assert job["state"] == "succeeded", job
    assert await values(system) == {"web": "first", "plain": "1"}

    job = await system.ended(await system.push({"apps/web/a.yaml": system.lfs.add(config_map("web", "second").encode())}))
    assert (job["state"], job["applications"]) == ("succeeded", ["trueup/web"])
    assert await values(system) == {"web": "second", "plain": "1"}

    job = await system.ended(await system.push({"apps/web/a.yaml": pointer(b"nobody has it")}))
    assert job["state"] == "failed"
    assert "apps/web/a.yaml: trueup/shop: LFS: " in job["message"]
    assert await values(system) == {"web": "second", "plain": "1"}


async def test_asking_for_lfs_is_noticed(system):
    declare(system)
    text = system.lfs.add(config_map("web", "large").encode())
    kustomization = "configMapGenerator: [{name: web, files: [value=a.txt], options: {disableNameSuffixHash: true}}]\n"
    files = {"apps/web/kustomization.yaml": kustomization, "apps/web/a.txt": text, "apps/plain/a.yaml": config_map("plain")}
    await system.ended(await system.push(files))
    await becomes(system, {"web": text, "plain": "1"})
    declare(system, LFS)
    await becomes(system, {"web": config_map("web", "large"), "plain": "1"})
