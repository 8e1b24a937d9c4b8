"""Submodules on the whole way: a webhook, a job, objects from a submodule on the sandbox; its next commit; one that is refused."""

import pytest

from tests.e2e.test_plans import told
from tests.reconciler.git.test_whole import link, modules
from tests.servers.git_http import Remote
from tests.servers.system import REPOSITORY, System, config_map
from trueup.sandbox.forge_pulls import StoredPull

pytestmark = pytest.mark.long

SUBMODULES = ", submodules: true"
KUSTOMIZATION = "resources: [../../vendor/lib/base]\n"


def declare(system, fields=""):
    """Fields of the Repository's spec, beside its own."""
    system.declare()
    file = system.directory / "declarations" / "all.yaml"
    file.write_text(file.read_text().replace("poll: 100000h", f"poll: 500ms{fields}"))


async def values(system):
    _, found = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps")
    return {item["metadata"]["name"]: item["data"]["value"] for item in found.get("items", [])}


async def becomes(system, wanted):
    async def look():
        return await values(system) == wanted

    await system.until(look, f"the values are {wanted}")


def base(value):
    return {"base/kustomization.yaml": "resources: [a.yaml]\n", "base/a.yaml": config_map("lib", value), "other/b.yaml": "b"}


@pytest.fixture
async def system(tmp_path, valkey):
    async def prepare(system):
        declare(system, SUBMODULES)

    applications = {"web": "apps/web", "plain": "apps/plain"}
    async with System(tmp_path, applications=applications, redis_url=valkey.url, prepare=prepare) as system:
        yield system


@pytest.fixture
async def without(tmp_path, valkey):
    async def prepare(system):
        declare(system)

    async with System(tmp_path, applications={"plain": "vendor"}, redis_url=valkey.url, prepare=prepare) as system:
        yield system


async def test_a_submodule_goes_live_with_the_commit_that_records_it(system):
    shop, lib = Remote(system.git, REPOSITORY), Remote(system.git, "acme/lib")
    files = {
        "apps/web/kustomization.yaml": f"namePrefix: web-\n{KUSTOMIZATION}", "apps/plain/a.yaml": config_map("plain"),
        ".gitmodules": modules(vendor__lib="../lib.git"),
    }  # fmt: skip
    first = await link(shop, {"vendor/lib": await lib.commit(base("first"))}, files)
    job = await system.ended(await system.redeliver(first))
    assert (job["state"], job["applications"]) == ("succeeded", ["trueup/plain", "trueup/web"])
    assert await values(system) == {"plain": "1", "web-lib": "first"}

    second = await link(shop, {"vendor/lib": await lib.commit(base("second"))}, {})
    job = await system.ended(await system.redeliver(second))
    assert (job["state"], job["applications"]) == ("succeeded", ["trueup/web"])
    assert await values(system) == {"plain": "1", "web-lib": "second"}

    beside = await link(shop, {"vendor/lib": await lib.commit({"other/b.yaml": "c"})}, {})
    job = await system.ended(await system.redeliver(beside))
    assert (job["state"], job["applications"]) == ("succeeded", [])

    elsewhere = {".gitmodules": modules(vendor__lib="https://elsewhere.example/acme/lib.git")}
    hostile = await link(shop, {}, elsewhere | {"apps/plain/a.yaml": config_map("plain", "2")})
    job = await system.ended(await system.redeliver(hostile))
    assert (job["state"], job["applications"]) == ("failed", ["trueup/plain", "trueup/web"])
    assert "submodule 'vendor/lib' at vendor/lib: 'https://elsewhere.example/acme/lib.git' is elsewhere than" in job["message"]
    assert await values(system) == {"plain": "2", "web-lib": "second"}

    mended = await link(shop, {}, {".gitmodules": modules(vendor__lib="../lib.git")})
    assert (await system.ended(await system.redeliver(mended)))["state"] == "succeeded"
    assert await values(system) == {"plain": "2", "web-lib": "second"}


async def test_asking_for_submodules_renders_what_is_live_anew_and_so_does_asking_no_more(without):
    system = without
    shop, lib = Remote(system.git, REPOSITORY), Remote(system.git, "acme/lib")
    files = {"vendor/a.yaml": config_map("plain"), ".gitmodules": modules(vendor__lib="../lib.git")}
    commit = await link(shop, {"vendor/lib": await lib.commit({"l.yaml": config_map("lib")})}, files)
    assert (await system.ended(await system.redeliver(commit)))["state"] == "succeeded"
    assert await values(system) == {"plain": "1"}
    declare(system, SUBMODULES)
    await becomes(system, {"plain": "1", "lib": "1"})
    declare(system)
    await becomes(system, {"plain": "1"})


async def test_a_pull_request_is_planned_with_its_submodules_and_one_of_a_fork_without(system):
    shop, lib = Remote(system.git, REPOSITORY), Remote(system.git, "acme/lib")
    files = {
        "apps/web/kustomization.yaml": f"namePrefix: web-\n{KUSTOMIZATION}",
        "apps/plain/a.yaml": config_map("plain"),
        ".gitmodules": modules(vendor__lib="../lib.git"),
    }
    first = await link(shop, {"vendor/lib": await lib.commit(base("first"))}, files)
    assert (await system.ended(await system.redeliver(first)))["state"] == "succeeded"

    async def planned(number, fork=""):
        bare = system.git.path(REPOSITORY)
        await system.git.git(bare, "update-ref", f"refs/heads/topic{number}", first)
        edit = {"apps/web/kustomization.yaml": f"namePrefix: web-\ncommonAnnotations: {{a: '{number}'}}\n{KUSTOMIZATION}"}
        commit = await system.git.commit(REPOSITORY, edit, message="topic", branch=f"topic{number}")
        await system.git.git(bare, "update-ref", f"refs/pull/{number}/head", commit)
        pull = system.forge.pulls.open(REPOSITORY, StoredPull(number, commit, f"topic{number}", fork=fork))
        return await told(system, pull)

    assert (await planned(7))["state"] == "succeeded"
    job = await planned(8, "mallory/shop")
    assert job["state"] == "failed"
    assert "is not fetched for a commit of people who may not write to the repository" in job["syncs"][0]["message"]
