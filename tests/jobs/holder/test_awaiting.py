"""Being woken by what happens to jobs and applications; on a real Valkey."""

import asyncio

import pytest

from jobs.connection import connect
from jobs.holder.awaiting import Awaiting
from jobs.keys import Keys
from jobs.store.jobs import JobStore


@pytest.fixture
async def redis(valkey):
    client = connect(valkey.url)
    yield client
    await client.aclose()


@pytest.fixture
def keys():
    return Keys("awaiting")


@pytest.fixture
def awaiting(redis, keys):
    return Awaiting(JobStore(redis, keys, retention_seconds=60))


async def publish(redis, keys, about):
    await redis.publish(keys.events, f'{{"type": "application", "id": "{about}", "state": "", "detail": ""}}')


async def woken(event):
    async with asyncio.timeout(5):
        await event.wait()
    event.clear()


async def test_only_who_waits_for_it_is_woken(awaiting, redis, keys):
    async with (
        awaiting.noticed(["t/db"]) as db,
        awaiting.noticed(["t/web", "t/db"]) as both,
        awaiting.noticed(["t/api"]) as other,
    ):
        for event in (db, both, other):
            await woken(event)  # the subscription is made: look
        await publish(redis, keys, "t/db")
        await woken(db)
        await woken(both)
        await publish(redis, keys, "t/web")
        await woken(both)
        assert not db.is_set()
        assert not other.is_set()


async def test_nobody_listens_when_nobody_waits(awaiting, redis, keys):
    async with awaiting.noticed(["t/db"]) as db:
        await woken(db)
    for _ in range(500):
        if not (await redis.pubsub_numsub(keys.events))[0][1]:
            break
        await asyncio.sleep(0.01)
    else:
        raise AssertionError("somebody listens")
    async with awaiting.noticed(["t/db"]) as db:
        await woken(db)
        await publish(redis, keys, "t/db")
        await woken(db)


async def test_everybody_looks_again_after_the_connection_broke(awaiting, redis):
    async with awaiting.noticed(["t/db"]) as db:
        await woken(db)
        await redis.client_kill_filter(_type="pubsub")
        await woken(db)
