"""Nobody enters a hook: it is registered, delivers, is mended, and what was lost is asked for again."""

import random
import time
from collections import Counter

import pytest

from jobs import hooks, worker
from jobs.forges import hooks as desk
from receiver import front
from tests.servers.system import REPOSITORY, System, config_map
from trueup.demo.example import push_payload

pytestmark = pytest.mark.long


@pytest.fixture
def system(tmp_path, valkey, monkeypatch):
    monkeypatch.setattr(hooks, "LOOK_SECONDS", 1.0)
    monkeypatch.setattr(hooks, "MEND_SECONDS", 0.2)
    monkeypatch.setattr(worker, "HOOKS_SECONDS", 0.1)
    monkeypatch.setattr(front, "SCOPES_SECONDS", 0.02)
    monkeypatch.setattr(desk, "TEST_PAUSE_SECONDS", 0.02)
    system = System(tmp_path, applications={"web": "apps/web"}, redis_url=valkey.url)
    system.webhook = "register: true"
    return system


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


@pytest.fixture
async def running(system):
    async with system:
        yield system


@pytest.mark.parametrize(("lost", "pushes"), [(0.3, 10), (1.0, 4)], ids=["some are lost", "all are lost"])
async def test_every_commit_is_live_within_the_poll_interval_whatever_is_lost(system, monkeypatch, lost, pushes):
    monkeypatch.setattr(worker, "TICK_SECONDS", 1)
    monkeypatch.setattr(hooks, "LOOK_SECONDS", 900.0)  # the poll alone
    system.poll = "2s"
    chance, times, kinds = random.Random(7), [], Counter()
    async with system:
        await state(system, "working")
        await pushed(system, "first")
        await live(system, "first")
        for number in range(pushes):
            system.forge.hooks.is_down = chance.random() < lost
            await pushed(system, str(number))
            started = time.monotonic()
            await live(system, str(number))
            times.append(time.monotonic() - started)
        _, jobs = await system.get("/api/v1/jobs?limit=100")
        kinds.update(job["kind"] for job in jobs["items"])
        told = {job["stages"][0]["detail"] for job in jobs["items"] if job["kind"] == "recovered"}
    assert max(times) < 2 + 1 + 2, "the interval, the look whether it is due, and the sync"
    assert kinds["recovered"] >= pushes * lost * 0.5
    assert told - {""} == {"no webhook had told of it; at most 2 s late"}, "without words: Redis was empty at the start"


async def test_the_life_of_a_hook(running):
    system = running
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


async def test_one_hook_for_many_cares_for_itself(system):
    async with system:
        scope = system.git.url("acme").removeprefix("http://").removesuffix(".git")
        system.webhook = f"register: true, scope: '{scope}'"
        system.declare()

        async def is_shared():
            return (found := await state(system, "working"))["scope"] == scope and found

        found = await system.until(is_shared, "one hook for many works")
        assert found["address"].endswith(f"/webhooks/github/{scope}")
        own, shared = (system.forge.hooks.stored[place] for place in (REPOSITORY, "acme"))
        own.clear()  # that of before, which nobody took out
        assert await pushed(system, "1") == [202]
        await live(system, "1")
        system.forge.hooks.is_down = True
        assert await pushed(system, "2") == [0]
        await state(system, "failing")
        system.forge.hooks.is_down = False
        await live(system, "2")  # nobody polls here
        shared.clear()
        await system.until(lambda: _is(shared), "the hook is made again")
        assert own == []


async def _is(value):
    return bool(value)
