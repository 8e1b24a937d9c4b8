"""What a worker notices with each beat."""

import asyncio
from types import SimpleNamespace

import pytest

from jobs import worker as room
from jobs.connection import connect
from jobs.lease import Heartbeat
from jobs.worker import Worker


@pytest.fixture
async def watched(own_valkey, keys, monkeypatch):
    """Two workers on one Redis, and the names of those that began to recover."""
    recovered = []

    async def recover(context):
        recovered.append(context.worker)

    async def wake_lost(_):
        pass

    monkeypatch.setattr(room, "recover", recover)
    monkeypatch.setattr(room, "wake_lost", wake_lost)
    redis = connect(own_valkey.url)
    declared = asyncio.Event()
    workers = [
        Worker(SimpleNamespace(redis=redis, keys=keys, worker=name, declared=declared), Heartbeat(redis, keys, name), "")
        for name in ("w1", "w2")
    ]
    yield redis, workers, declared, recovered
    await redis.aclose()


async def test_one_worker_recovers_when_redis_lost_everything_and_only_then(watched):
    redis, workers, declared, recovered = watched

    async def beat():
        await asyncio.gather(*(worker._beat() for worker in workers))

    await beat()
    assert recovered == [], "before anything is declared there is nothing to look at"
    declared.set()
    await beat()
    await beat()
    assert len(recovered) == 1
    await redis.flushall()
    await beat()
    await beat()
    assert len(recovered) == 2
