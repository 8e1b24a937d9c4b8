"""The atomic step: one delivery is one job, what was accepted is on disk, and what cannot be accepted is said so in time."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

import pytest

from jobs.connection import connect
from jobs.intake import BACKLOG, Arrival, Intake, is_job_id, new_job_id, received
from jobs.records import JobKind, JobRecord, JobState
from jobs.store.jobs import JobStore
from reconciler.errors import StoreUnavailable


def record(**fields):
    now = datetime.now(UTC)
    known = {"id": new_job_id(now), "kind": JobKind.PUSH, "state": JobState.QUEUED, "created": now, "updated": now}
    return JobRecord(**{**known, "repository": "trueup/shop", "commit": "c" * 40, **fields})


@contextlib.asynccontextmanager
async def open_intake(redis, keys):
    intake = Intake(redis, JobStore(redis, keys, retention_seconds=60), keys, durable_seconds=2.0)
    task = asyncio.create_task(intake.flush_forever())
    try:
        yield intake
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def intake(redis, keys):
    async with open_intake(redis, keys) as intake:
        yield intake


async def test_an_arrival_is_a_record_and_a_wake_up(intake, redis, keys):
    arrival = Arrival(record(), "github:d-1")
    accepted = await intake.accept(arrival, timeout_seconds=5)
    assert (accepted.job_id, accepted.is_new) == (arrival.record.id, True)
    assert await JobStore(redis, keys, retention_seconds=60).load(accepted.job_id) == arrival.record
    assert await redis.zcard(keys.queue) == 1
    assert await redis.llen(keys.wake(keys.queue)) == 1


async def test_fifty_equal_deliveries_at_once_are_one_job(intake, redis, keys):
    arrivals = [Arrival(record(), "github:d-1") for _ in range(50)]
    accepted = await asyncio.gather(*(intake.accept(arrival, timeout_seconds=5) for arrival in arrivals))
    assert len({one.job_id for one in accepted}) == 1
    assert sum(one.is_new for one in accepted) == 1
    assert await redis.zcard(keys.jobs) == 1
    assert await redis.zcard(keys.queue) == 1


async def test_fifty_equal_deliveries_at_two_receivers_are_one_job(intake, valkey, keys):
    other = connect(valkey.url)
    async with open_intake(other, keys) as second:
        both = [intake, second] * 25
        accepted = await asyncio.gather(*(one.accept(Arrival(record(), "github:d"), timeout_seconds=5) for one in both))
    await other.aclose()
    assert len({one.job_id for one in accepted}) == 1


async def test_the_same_id_of_another_provider_and_no_id_at_all_are_new_jobs(intake):
    arrivals = [Arrival(record(), "github:d"), Arrival(record(), "gitlab:d"), Arrival(record()), Arrival(record())]
    accepted = await asyncio.gather(*(intake.accept(arrival, timeout_seconds=5) for arrival in arrivals))
    assert [one.is_new for one in accepted] == [True] * 4


async def test_more_arrivals_than_fit_one_step_each_get_their_own_answer(intake):
    arrivals = [Arrival(record(), f"github:{number}") for number in range(500)]
    accepted = await asyncio.gather(*(intake.accept(arrival, timeout_seconds=10) for arrival in arrivals))
    assert [one.job_id for one in accepted] == [arrival.record.id for arrival in arrivals]


async def test_what_came_in_together_is_stored_together_and_known_again(intake, redis, keys):
    arrivals = [Arrival(record(ref=f"refs/heads/{number}"), f"bitbucket:d{number or ''}") for number in range(200)]
    beside = [intake.accept(Arrival(record()), timeout_seconds=10) for _ in range(5)]
    accepted, *others = await asyncio.gather(intake.accept_all(arrivals, timeout_seconds=10), *beside)
    assert [one.job_id for one in accepted] == [arrival.record.id for arrival in arrivals]
    assert len({one.job_id for one in others}) == 5
    again = [Arrival(record(), arrival.delivery) for arrival in arrivals]
    assert [(one.job_id, one.is_new) for one in await intake.accept_all(again, timeout_seconds=10)] == [
        (one.job_id, False) for one in accepted
    ]
    assert await redis.zcard(keys.jobs) == 205


async def test_what_came_in_together_is_one_step_of_redis(intake, redis, keys):
    seen = []

    async def watch():
        while not seen or seen[-1] < 100:
            seen.append(await redis.zcard(keys.jobs))

    arrivals = [Arrival(record(), f"bitbucket:d{number}") for number in range(100)]
    await asyncio.gather(watch(), intake.accept_all(arrivals, timeout_seconds=10))
    assert set(seen) <= {0, 100}


async def test_a_delivery_that_is_ignored_wakes_nobody(intake, redis, keys):
    await intake.accept(Arrival(record(state=JobState.IGNORED), "github:d"), timeout_seconds=5)
    assert await redis.exists(keys.queue, keys.wake(keys.queue), keys.active) == 0


async def test_who_gave_up_waiting_stops_nobody_else(intake):
    hasty = asyncio.create_task(intake.accept(Arrival(record()), timeout_seconds=5))
    await asyncio.sleep(0)
    hasty.cancel()
    assert (await intake.accept(Arrival(record()), timeout_seconds=5)).is_new


async def test_too_many_that_wait_are_turned_away(redis, keys):
    idle = Intake(redis, JobStore(redis, keys, retention_seconds=60), keys, durable_seconds=1.0)
    waiting = [asyncio.create_task(idle.accept(Arrival(record()), timeout_seconds=60)) for _ in range(BACKLOG)]
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable, match="wait for Redis already"):
        await idle.accept(Arrival(record()), timeout_seconds=60)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_silent_redis_is_given_up_in_time(redis, keys):
    idle = Intake(redis, JobStore(redis, keys, retention_seconds=60), keys, durable_seconds=1.0)
    with pytest.raises(StoreUnavailable, match=r"within 0\.05 s"):
        await idle.accept(Arrival(record()), timeout_seconds=0.05)


async def test_a_redis_that_died_is_said_so_and_used_again_when_it_is_back(own_valkey, keys):
    redis = connect(own_valkey.url)
    async with open_intake(redis, keys) as intake:
        assert (await intake.accept(Arrival(record(), "github:1"), timeout_seconds=5)).is_new
        own_valkey.kill()
        with pytest.raises(StoreUnavailable):
            await intake.accept(Arrival(record(), "github:2"), timeout_seconds=5)
        own_valkey.start()
        assert not (await intake.accept(Arrival(record(), "github:1"), timeout_seconds=5)).is_new, "what was accepted is there"
        assert (await intake.accept(Arrival(record(), "github:2"), timeout_seconds=5)).is_new
    await redis.aclose()


async def test_without_an_append_only_file_arrivals_are_accepted_all_the_same(own_valkey, keys):
    redis = connect(own_valkey.url)
    await redis.config_set("appendonly", "no")
    async with open_intake(redis, keys) as intake:
        for number in range(3):
            assert (await intake.accept(Arrival(record(), f"github:{number}"), timeout_seconds=5)).is_new
        assert intake._no_aof_until > 0
    await redis.aclose()


async def test_what_a_server_lost_before_it_was_on_disk_is_not_taken_for_stored_by_the_next_one(own_valkey, keys, monkeypatch):
    """A server that is killed after it answered, and before its file is written: the next one has nothing to wait for."""
    redis = connect(own_valkey.url)
    store = JobStore(redis, keys, retention_seconds=60)
    create_many, answers = store.create_many, []

    async def lost_once(arrivals, *, client):
        found = await create_many(arrivals, client=client)
        answers.append(found)
        if len(answers) == 1:
            own_valkey.kill()
            own_valkey.lose()
            own_valkey.start()
        return found

    monkeypatch.setattr(store, "create_many", lost_once)
    intake = Intake(redis, store, keys, durable_seconds=2.0)
    task = asyncio.create_task(intake.flush_forever())
    accepted = await intake.accept(Arrival(record(), "github:1"), timeout_seconds=5)
    assert await store.load(accepted.job_id)
    assert len(answers) == 2
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await redis.aclose()


async def test_of_a_thousand_arrivals_no_accepted_one_is_lost_when_the_server_is_killed_meanwhile(own_valkey, keys):
    redis = connect(own_valkey.url)
    accepted, refused = set(), 0

    async def send(number):
        nonlocal refused
        for _ in range(200):
            try:
                accepted.add((await intake.accept(Arrival(record(), f"github:{number}"), timeout_seconds=5)).job_id)
            except StoreUnavailable:
                refused += 1
                await asyncio.sleep(0.02)
            else:
                return

    async with open_intake(redis, keys) as intake:
        senders = []
        for number in range(1000):
            senders.append(asyncio.create_task(send(number)))
            if number in (300, 700):
                await asyncio.sleep(0.02)
                own_valkey.kill()
                await asyncio.sleep(0.05)
                own_valkey.start()
        await asyncio.gather(*senders)
    store = JobStore(redis, keys, retention_seconds=60)
    known = {job_id.decode() for job_id in await redis.zrange(keys.active, 0, -1)}
    assert len(accepted) == 1000
    assert accepted == known, "each delivery is one job, and none is gone"
    assert None not in await store._load_many(sorted(accepted))
    assert await redis.zcard(keys.queue) == 1000
    await redis.aclose()


def test_job_ids_sort_by_age_and_nobody_guesses_them():
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    ids = [new_job_id(begin + timedelta(milliseconds=number)) for number in range(1000)]
    assert ids == sorted(ids)
    assert len({new_job_id(begin)[10:] for _ in range(1000)}) == 1000
    assert all(is_job_id(one) for one in ids)


@pytest.mark.parametrize("text", ["", "x", "a" * 25, "a" * 27, "I" * 26, "../" * 9, "é" * 26], ids=repr)
def test_what_is_no_job_id_is_told_apart(text):
    assert not is_job_id(text)


def test_the_first_stage_is_that_it_was_received():
    job = record()
    assert [(stage.name, stage.at) for stage in received(job).stages] == [("received", job.created)]
