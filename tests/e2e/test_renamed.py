"""A repository that is renamed at its forge: its pushes are known, what to mend is said, and once that is done all goes on."""

import pytest
from aiohttp import web

from jobs import worker
from receiver import front
from tests.servers.system import REPOSITORY, System, config_map
from trueup.demo.example import push_payload

pytestmark = pytest.mark.long

STORE = "acme/store"


@pytest.fixture
async def system(tmp_path, valkey, monkeypatch):
    monkeypatch.setattr(worker, "HOOKS_SECONDS", 0.1)
    monkeypatch.setattr(front, "SCOPES_SECONDS", -1.0)  # nothing that was read before is believed
    async with System(tmp_path, applications={"web": "apps/web"}, redis_url=valkey.url) as system:
        yield system


def rename(system):
    """The repository has another name from now on; who asks for the old one is sent there, as forges do."""
    system.git.path(REPOSITORY).rename(system.git.path(STORE))

    async def redirect(request):
        here = f"/{REPOSITORY}.git"
        moved = request.path_qs.replace(here, f"/{STORE}.git")
        return web.Response(status=301, headers={"Location": moved}) if request.path.startswith(here) else None

    system.git.instead = redirect


async def pushed(system, value, name, *, hook=REPOSITORY, repository_id=1):
    """Commit and tell of it by a hook, with the name that the repository has; the job, once it is final."""
    commit = await system.git.commit(name, {"apps/web/a.yaml": config_map("a", value)}, message="change")
    payload = push_payload(commit, "0" * 40, system.git.url(name))
    payload["repository"]["id"] = repository_id
    status, answer = await system.send("push", payload, repository=hook)
    assert status == 202, answer
    return await system.ended(answer["id"])


async def known(system, look):
    async def is_known():
        _, answer = await system.get("/api/v1/repositories")
        return next((item for item in answer["items"] if look(item)), None)

    return await system.until(is_known, "the repository is known so")


async def test_a_push_after_a_rename_is_known_and_says_what_to_mend(system):
    await system.ended(await system.redeliver(await system.commit({"apps/web/a.yaml": config_map("a", "1")})))
    await known(system, lambda item: item["id"] == "1")

    async def is_published():
        return [s.repository_id for s in await system.scopes()] == ["1"]

    await system.until(is_published, "receivers know the id")
    rename(system)
    job = await pushed(system, "2", STORE)
    assert (job["repository"], job["state"]) == ("trueup/shop", "failed")
    assert "write the address it redirects to in spec.url" in job["message"]
    store = system.git.url(STORE).removeprefix("http://").removesuffix(".git")
    assert job["delivery"]["renamed"] == store
    message = (await known(system, lambda item: item["renamed"] == store))["message"]
    assert message.endswith(f"is {store} at the forge by now; write its new address in spec.url")
    assert [stage["detail"] for stage in job["stages"] if stage["name"] == "started"] == [message]

    declarations = system.directory / "declarations" / "all.yaml"
    declarations.write_text(declarations.read_text().replace(system.git.url(REPOSITORY), system.git.url(STORE)))
    scope = store

    async def is_declared():
        return [s.scope for s in await system.scopes()] == [scope]

    await system.until(is_declared, "the new address is declared")
    assert (await pushed(system, "3", STORE, hook=STORE))["state"] == "succeeded"
    assert (await known(system, lambda item: item["scope"] == scope))["message"] == ""


async def test_another_repository_that_takes_the_name_is_noticed(system):
    await system.ended(await system.redeliver(await system.commit({"apps/web/a.yaml": config_map("a", "1")})))
    await known(system, lambda item: item["id"] == "1")
    system.git.path(REPOSITORY).rename(system.git.path("acme/gone"))
    job = await pushed(system, "2", REPOSITORY, repository_id=2)
    assert job["state"] == "succeeded", "it is what spec.url names by now"
    told = await known(system, lambda item: item["replaced"] == "1")
    assert "is another repository than before (its id is 2, and was 1)" in told["message"]
    assert [stage["detail"] for stage in job["stages"] if stage["name"] == "started"] == [told["message"]]
