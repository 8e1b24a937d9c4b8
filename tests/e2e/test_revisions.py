"""A range of tags, followed by webhooks and polls; a branch and a tag of one name, told apart."""

import pytest

from tests.servers.system import REPOSITORY, System, config_map

pytestmark = pytest.mark.long


@pytest.fixture
async def system(tmp_path, valkey):
    paths = {"web": 'apps/web, revision: "semver:>=1 <2"', "api": "apps/api"}
    async with System(tmp_path, applications=paths, redis_url=valkey.url) as system:
        yield system


async def value(system, name):
    _, answer = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps/{name}")
    return answer.get("data", {}).get("value")


async def tagged(system, tag, text):
    """A commit with a value under a tag, and what the job of its webhook ends as."""
    commit = await system.commit({"apps/web/a.yaml": config_map("web", text), "apps/api/a.yaml": config_map("api", text)})
    await system.git.git(system.git.path(REPOSITORY), "update-ref", tag, commit)
    job = await system.ended(await system.redeliver(commit, ref=tag))
    return job["state"], job["message"]


async def test_the_highest_tag_of_a_range_is_live(system):
    assert (await tagged(system, "refs/tags/v1.0.0", "first"))[0] == "succeeded"
    assert await value(system, "web") == "first"
    assert (await tagged(system, "refs/tags/v1.10.0", "second"))[0] == "succeeded"
    assert await value(system, "web") == "second"
    for other in ("refs/tags/v1.9.0", "refs/tags/v2.0.0", "refs/tags/v1.11.0-rc.1", "refs/heads/v1.20.0", "refs/tags/main"):
        assert (await tagged(system, other, "other"))[0] == "ignored", other
    assert await value(system, "web") == "second"
    _, answer = await system.get("/api/v1/applications/trueup/web")
    assert answer["revision"].startswith("v1.10.0@sha1:")

    file = system.directory / "declarations" / "all.yaml"
    file.write_text(file.read_text().replace("poll: 100000h", "poll: 1s"))
    await system.git.git(system.git.path(REPOSITORY), "update-ref", "-d", "refs/tags/v1.10.0")

    async def is_back():
        return await value(system, "web") == "other"

    await system.until(is_back, "the next highest is live", seconds=20)
    assert (await tagged(system, "refs/tags/v1.10.1", "third"))[0] == "succeeded"
    assert await value(system, "web") == "third"
