"""How applications are between their syncs: told when it changes, and only then."""

import asyncio

import pytest

from jobs.holder import healths as module
from jobs.holder.healths import Healths
from reconciler.model.outcome import HealthStatus
from tests.servers.held import held_cluster, key_of
from tests.servers.patience import until
from tests.servers.system import config_map

FILES = {"web/a.yaml": config_map("a"), "web/b.yaml": config_map("b")}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.05)


@pytest.fixture
async def told(world):
    await world.sync("web", commit=await world.commit(FILES))
    healths = Healths(world.held)
    world.held.cluster.index.listen_health(healths.on_health)
    task = asyncio.create_task(healths.tell_forever())
    yield healths
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def record(world):
    return await world.context.applications.get("trueup/web")


@pytest.mark.usefixtures("told")
async def test_what_goes_missing_and_comes_back_is_told(world):
    await world.kube("DELETE", "/api/v1/namespaces/web/configmaps/a")
    await until(lambda: _is(world, HealthStatus.MISSING))
    assert [(bad.object, bad.reason) for bad in (await record(world)).unhealthy] == [("web/ConfigMap/a", "not there")]
    await world.sync("web", commit=(await record(world)).desired.rpartition(":")[2])
    await until(lambda: _is(world, HealthStatus.HEALTHY))
    assert (await record(world)).unhealthy == ()


async def test_what_is_said_already_is_not_written_again(world, told):
    before = await record(world)
    for _ in range(3):
        told.on_health(key_of("a"))
        await asyncio.sleep(0.1)
    assert await record(world) == before


async def test_what_nobody_declares_is_nobodys_health(world, told):
    before = await record(world)
    told.on_health(key_of("stranger"))
    await asyncio.sleep(0.15)
    assert not told._changed
    assert await record(world) == before


async def test_what_could_not_be_told_is_told_when_redis_is_back(tmp_path, own_valkey, keys):
    async with held_cluster(tmp_path, own_valkey.url, keys) as world:
        world.declare({"web": ""})
        await world.sync("web", commit=await world.commit(FILES))
        healths = Healths(world.held)
        world.held.cluster.index.listen_health(healths.on_health)
        task = asyncio.create_task(healths.tell_forever())
        own_valkey.kill()
        await world.kube("DELETE", "/api/v1/namespaces/web/configmaps/a")
        await asyncio.sleep(0.3)
        own_valkey.start()
        await until(lambda: _is(world, HealthStatus.MISSING), seconds=10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _is(world, health):
    return (await record(world)).health is health
