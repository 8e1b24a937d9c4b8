"""Who does which part of a job, on a real Valkey: nobody's work is lost, nothing is done by two, and one cluster waits for no other."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from arq.constants import in_progress_key_prefix

from jobs.intake import new_job_id
from jobs.keys import WORKER_SECONDS
from jobs.lease import Heartbeat
from jobs.queue import AGAIN, FIRST
from jobs.records import JobKind, JobRecord, JobState
from jobs.store.jobs import JobStore
from jobs.store.parts import GRACE_MS, PAGE, Part, PartStore, begun_by

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OVERDUE = GRACE_MS / 1000 + 0.1


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now

    def forward(self, seconds):
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def jobs(redis, keys, clock):
    return JobStore(redis, keys, retention_seconds=60, now=clock)


@pytest.fixture
def parts(redis, keys, jobs):
    return PartStore(redis, keys, jobs)


@pytest.fixture
def create(jobs):
    async def create(*, at=NOW, work=b"", state=JobState.QUEUED):
        record = JobRecord(id=new_job_id(at), kind=JobKind.PUSH, state=state, repository="trueup/shop", created=at, updated=at)
        await jobs.create(record, work=work)
        return record.id

    return create


@pytest.fixture
def beat(redis, keys):
    async def beat(*workers):
        for worker in workers:
            await Heartbeat(redis, keys, worker).beat()

    return beat


@pytest.fixture
def dies(redis, keys):
    async def dies(worker):
        await redis.delete(keys.worker(worker))

    return dies


async def test_one_worker_has_a_part_until_it_dies_or_gives_it_up(jobs, parts, create, beat, dies):
    part = Part(await create())
    await beat("w1", "w2")
    assert await parts.claim(part, "w1")
    assert not await parts.claim(part, "w2")
    await dies("w1")
    assert await parts.claim(part, "w2")
    await parts.release(part.job)
    assert await parts.claim(part, "w3")
    assert (await jobs.load(part.job)).attempts == 3


async def test_of_fifty_who_claim_a_part_at_once_one_has_it(parts, create, beat):
    part = Part(await create())
    workers = [f"w{number}" for number in range(50)]
    await beat(*workers)
    assert sum(await asyncio.gather(*(parts.claim(part, worker) for worker in workers))) == 1


async def test_what_just_came_is_not_lost_but_what_nobody_begins_is(parts, create, clock):
    part = Part(await create())
    assert await parts.lost() == []
    clock.forward(OVERDUE)
    assert await parts.lost() == [part]
    assert await parts.lost() == [], "it is told to one caller"
    clock.forward(OVERDUE)
    assert await parts.lost() == [part], "who was told may have died"


@pytest.mark.parametrize("number", [FIRST, AGAIN])
async def test_what_stands_in_a_long_queue_is_late_and_not_lost(parts, create, clock, keys, number):
    part = Part(await create())
    redis, wake = parts._redis, f"{part.job}:begin:{number}"
    await redis.zadd(keys.queue, {wake: 1})
    clock.forward(OVERDUE)
    assert await parts.lost() == []
    await redis.set(f"{in_progress_key_prefix}{wake}", "1")
    assert await parts.lost() == [part], "somebody took it out, and died before it was theirs"


async def test_what_a_holder_has_in_its_queue_is_not_lost_either(parts, create, clock, redis, keys):
    job_id = await create()
    await parts.hand_over(job_id, ["uid"], due_seconds=0)
    await redis.zadd(keys.cluster_queue("uid"), {f"{job_id}:sync:{AGAIN}": 1})
    clock.forward(OVERDUE)
    assert await parts.lost() == []
    await redis.delete(keys.cluster_queue("uid"))
    assert await parts.lost() == [Part(job_id, "uid")]


async def test_what_is_put_off_is_nobodys_until_then_and_what_is_begun_is_not_put_off(jobs, parts, create, beat, clock):
    part = Part(await create())
    assert await parts.postpone(part.job, due_seconds=60)
    clock.forward(OVERDUE)
    assert await parts.lost() == []
    clock.forward(60)
    assert await parts.lost() == [part]
    await beat("w1")
    assert await parts.claim(part, "w1")
    assert not await parts.postpone(part.job, due_seconds=60)
    await jobs.transition(part.job, JobState.SUPERSEDED, "")
    assert not await parts.postpone(part.job, due_seconds=60), "it is over"
    assert not await parts.postpone("gone", due_seconds=60)


async def test_what_a_dead_worker_had_is_lost_at_once(parts, create, beat, redis, keys):
    part = Part(await create())
    await beat("w1")
    await parts.claim(part, "w1")
    assert await parts.lost() == []
    assert await redis.pttl(keys.worker("w1")) <= WORKER_SECONDS * 1000
    await redis.delete(keys.worker("w1"))
    assert await parts.lost() == [part]
    assert await parts.claim(part, "w2")


async def test_what_was_given_up_is_lost_only_when_it_is_overdue(parts, create, clock):
    part = Part(await create())
    await parts.claim(part, "w1")
    await parts.release(part.job, due_seconds=30)
    clock.forward(31)
    assert await parts.lost() == []
    clock.forward(2)
    assert await parts.lost() == [part]


async def test_what_a_worker_owns_and_does_not_run_is_lost(parts, create, beat):
    ran, orphan = Part(await create()), Part(await create())
    for part in (ran, orphan):
        await parts.claim(part, "w1")
    await beat("w1", "w2")
    assert await parts.lost("w2", set()) == []
    assert await parts.lost("w1", {ran}) == [orphan]
    assert await parts.claim(orphan, "w2")


async def test_two_clusters_do_their_parts_side_by_side_and_each_is_lost_by_itself(parts, create, beat, dies):
    job = await create()
    await beat("w1", "w2")
    await parts.claim(Part(job), "w1")
    await parts.hand_over(job, ["east", "west"], due_seconds=5)
    assert not await parts.claim(Part(job), "w2"), "the beginning is over"
    assert await parts.claim(Part(job, "east"), "w1")
    assert await parts.claim(Part(job, "west"), "w2")
    await dies("w2")
    assert await parts.lost("w1", {Part(job, "east")}) == [Part(job, "west")]
    await parts.end(Part(job, "east"), "w1")
    assert not await parts.claim(Part(job, "east"), "w2"), "it is done"


async def test_a_part_that_nobody_takes_up_is_lost_while_another_is_done(parts, create, beat, clock):
    job = await create()
    await beat("w1")
    await parts.hand_over(job, ["east", "west"], due_seconds=5)
    await parts.claim(Part(job, "east"), "w1")
    clock.forward(5 + OVERDUE)
    assert await parts.lost("w1", {Part(job, "east")}) == [Part(job, "west")]


async def test_a_job_whose_parts_have_ended_without_an_end_is_begun_again(parts, create, beat, clock):
    job = await create()
    await beat("w1")
    await parts.hand_over(job, ["east"], due_seconds=5)
    await parts.claim(Part(job, "east"), "w1")
    await parts.end(Part(job, "east"), "w1")
    clock.forward(OVERDUE)
    assert await parts.lost() == [Part(job)]


async def test_a_part_that_another_took_over_is_not_ended_by_the_first(parts, create, beat, dies):
    part = Part(await create())
    await beat("w1", "w2")
    await parts.claim(part, "w1")
    await dies("w1")
    await parts.claim(part, "w2")
    await parts.end(part, "w1")
    await beat("w1")
    assert not await parts.claim(part, "w1")


async def test_a_job_that_is_begun_as_it_is_created_has_its_owner(parts, create, beat, dies):
    job = await create(work=begun_by({"east": "w1"}), state=JobState.RUNNING)
    await beat("w1", "w2")
    assert not await parts.claim(Part(job, "east"), "w2")
    assert not await parts.claim(Part(job), "w2")
    await dies("w1")
    assert await parts.lost() == [Part(job, "east")]


@pytest.mark.parametrize("final", [JobState.SUCCEEDED, JobState.FAILED, JobState.SUPERSEDED, JobState.IGNORED])
async def test_nothing_of_a_job_that_is_over_is_claimed_or_lost(jobs, parts, create, clock, final):
    job = await create()
    await parts.hand_over(job, ["east"], due_seconds=0)
    await jobs.transition(job, final, "")
    clock.forward(OVERDUE)
    assert not await parts.claim(Part(job), "w1")
    assert not await parts.claim(Part(job, "east"), "w1")
    assert await parts.lost() == []


async def test_held_jobs_are_not_lost_and_do_not_hide_others(jobs, parts, create):
    for number in range(PAGE + 20):
        held = await create(at=NOW - timedelta(hours=1, seconds=number))
        await jobs.transition(held, JobState.HELD, "")
    part = Part(await create())
    await parts.claim(part, "dead")
    assert await parts.lost() == [part]


async def test_records_that_expired_leave_the_active_ones(parts, create, redis, keys):
    gone = [await create() for _ in range(3)]
    kept = await create()
    await redis.delete(*(keys.job(job) for job in gone))
    await parts.lost()
    assert await redis.zrange(keys.active, 0, -1) == [kept.encode()]


async def test_a_job_whose_record_is_gone_gets_no_parts(parts, redis, keys):
    await parts.release("gone", due_seconds=1)
    await parts.hand_over("gone", ["east"], due_seconds=1)
    await parts.end(Part("gone"), "w1")
    assert not await parts.claim(Part("gone"), "w1")
    assert [key async for key in redis.scan_iter(f"{keys.job('')}*")] == []
