"""Jobs survive the loss of Redis, and of the worker that did them."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from redis.exceptions import ConnectionError as Disconnected

from jobs.intake import new_job_id
from jobs.lease import Heartbeat
from jobs.queue import Queue
from jobs.records import JobKind, JobRecord, JobState
from jobs.store.jobs import JobStore
from jobs.store.parts import Part, PartStore
from jobs.tasks import guarded, wake_lost


@pytest.fixture
async def context(redis, keys):
    store = JobStore(redis, keys, retention_seconds=60)
    await Heartbeat(redis, keys, "w1").beat()
    told = []

    async def tell_forge(_job, _repository, state, message):
        told.append((state, message))

    return SimpleNamespace(
        end=lambda job, state, message: store.transition(job.id, state, message),
        jobs=store, parts=PartStore(redis, keys, store), queue=Queue(redis), keys=keys, redis=redis,
        worker="w1", running=set(), told=told, tell_forge=tell_forge, repository_of=lambda _: None,
    )  # fmt: skip


@pytest.fixture
async def job(context):
    now = datetime.now(UTC)
    record = JobRecord(id=new_job_id(now), kind=JobKind.PUSH, state=JobState.QUEUED, created=now, updated=now)
    await context.jobs.create(record)
    return record


async def test_a_job_that_met_a_restart_of_redis_is_not_failed_but_begun_again(context, job):
    async def blip(*_):
        raise Disconnected("Connection closed by server.")

    with pytest.raises(Disconnected):
        await guarded(context, Part(job.id), blip)
    assert (await context.jobs.load(job.id)).state is JobState.QUEUED
    await wake_lost(context)
    assert await context.redis.zcard(context.keys.queue) == 1


async def test_a_job_whose_task_was_cancelled_is_begun_again_by_the_living_worker(context, job):
    begun = asyncio.Event()

    async def hang(*_):
        begun.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(guarded(context, Part(job.id), hang))
    await begun.wait()
    await wake_lost(context)
    assert await context.redis.zcard(context.keys.queue) == 0, "it is being done"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await wake_lost(context)
    assert await context.redis.zcard(context.keys.queue) == 1


async def test_a_bug_ends_its_job_and_says_so(context, job):
    async def bug(*_):
        raise KeyError("x")

    await guarded(context, Part(job.id), bug)
    found = await context.jobs.load(job.id)
    assert found.state is JobState.FAILED
    assert "Trueup itself" in found.message
    assert context.told == [(JobState.FAILED, found.message)]
    assert context.running == set()


async def test_a_job_is_done_once_at_a_time(context, job):
    running, most = 0, 0

    async def work(*_):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1

    await asyncio.gather(*(guarded(context, Part(job.id), work) for _ in range(10)))
    assert most == 1
