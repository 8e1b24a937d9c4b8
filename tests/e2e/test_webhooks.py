"""Nobody enters a hook: it is registered, delivers, is mended, and what was lost is asked for again."""

import pytest

from jobs import hooks, worker
from jobs.forges import hooks as desk
from receiver import front
from tests.servers.system import REPOSITORY, System, config_map
from trueup.demo.example import push_payload

pytestmark = pytest.mark.long


@pytest.fixture
async def system(tmp_path, valkey, monkeypatch):
    monkeypatch.setattr(hooks, "LOOK_SECONDS", 1.0)
    monkeypatch.setattr(hooks, "MEND_SECONDS", 0.2)
    monkeypatch.setattr(worker, "HOOKS_SECONDS", 0.1)
    monkeypatch.setattr(front, "SCOPES_SECONDS", 0.02)
    monkeypatch.setattr(desk, "TEST_PAUSE_SECONDS", 0.02)
    system = System(tmp_path, applications={"web": "apps/web"}, redis_url=valkey.url)
    system.webhook = "register: true"
    async with system:
        yield system


async def pushed(system, value):
    """Commit and let the forge tell of it; the codes that it got."""
    commit = await system.commit({"apps/web/a.yaml": config_map("a", value)})
    return await system.forge.hooks.push(REPOSITORY, push_payload(commit, "0" * 40, system.git.url(REPOSITORY)))


async def live(system, value):
    async def is_live():
        status, found = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps/a")
        return status == 200 and found["data"]["value"] == value

    await system.until(is_live, f"{value} is live")


async def state(system, wanted):
    async def is_so():
        _, answer = await system.get("/api/v1/webhooks")
        return next((item for item in answer["items"] if item["state"] == wanted), None)

    return await system.until(is_so, f"the hook is {wanted}")


async def test_the_life_of_a_hook(system):
    stored = system.forge.hooks.stored[REPOSITORY]
    await state(system, "working")
    assert await pushed(system, "1") == [202]
    await live(system, "1")
    system.forge.hooks.is_down = True
    assert await pushed(system, "2") == [0]
    found = await state(system, "failing")
    assert "failed to connect to host" in found["message"]
    system.forge.hooks.is_down = False
    await live(system, "2")  # nobody polls here: the forge was asked for the delivery again
    await state(system, "working")
    stored.clear()
    await system.until(lambda: _is(stored), "the hook is made again")
    before = dict(stored[0].secrets)
    system.webhook = "register: true, generation: 1"
    system.declare()
    await system.until(lambda: _is(stored[0].secrets != before), "the forge has the new secret")
    assert await pushed(system, "3") == [202]
    await live(system, "3")


async def _is(value):
    return bool(value)
