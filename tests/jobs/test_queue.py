"""arq behind its seam, on a real Valkey: jobs start in milliseconds, and the worker outlives every death of Redis."""

import asyncio
import contextlib
import time
from datetime import UTC, datetime

import orjson
import pytest
from arq.constants import in_progress_key_prefix

from jobs import queue as queue_room
from jobs.connection import connect
from jobs.intake import new_job_id
from jobs.queue import AGAIN, FIRST, LEAD_MS, Queue, Wake, Workload, every, work
from jobs.records import JobKind, JobRecord, JobState
from jobs.store.jobs import JobStore


@contextlib.asynccontextmanager
async def working(url, queue, tasks, *, concurrency=10, periodic=()):
    load = Workload(queue=queue, tasks=tasks, context="means", concurrency=concurrency, periodic=periodic)
    task = asyncio.create_task(work(url, load))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(look, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.01)


async def leftovers(redis, keys):
    return sorted([key async for key in redis.scan_iter("arq:*") if b"cron" not in key and keys.instance.encode() in key])


async def test_a_task_gets_the_context_and_its_job(valkey, redis, keys):
    seen = []

    async def begin(context, job_id):
        seen.append((context["context"], job_id))

    async with working(valkey.url, keys.queue, {"begin": begin}):
        await Queue(redis).enqueue(keys.queue, "begin", f"{keys.instance}-1")
        await until(lambda: seen)
    assert seen == [("means", f"{keys.instance}-1")]
    assert await redis.zcard(keys.queue) == 0
    assert await leftovers(redis, keys) == []


async def test_a_waiting_worker_begins_at_once(valkey, redis, keys):
    begun = asyncio.Event()

    async def begin(_, __):
        begun.set()

    queue, seconds = Queue(redis), []
    async with working(valkey.url, keys.queue, {"begin": begin}):
        await queue.enqueue(keys.queue, "begin", "warm")
        await begun.wait()
        for number in range(30):
            await asyncio.sleep(0.02)
            begun.clear()
            began = time.perf_counter()
            await queue.enqueue(keys.queue, "begin", f"job-{number}")
            await begun.wait()
            seconds.append(time.perf_counter() - began)
    assert sorted(seconds)[15] < 0.1, "arq alone would need half a second"


async def test_a_delayed_job_begins_when_it_is_due(valkey, redis, keys):
    begun = []

    async def begin(_, job_id):
        begun.append((job_id, time.monotonic()))

    async with working(valkey.url, keys.queue, {"begin": begin}):
        now = time.monotonic()
        await Queue(redis).enqueue(keys.queue, "begin", "later", delay_seconds=0.5)
        await until(lambda: begun)
    assert 0.45 < begun[0][1] - now < 2.5


async def test_no_more_jobs_run_at_once_than_allowed_and_all_run(valkey, redis, keys):
    running, most, done = 0, 0, set()

    async def begin(_, job_id):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.005)
        running -= 1
        done.add(job_id)

    async with working(valkey.url, keys.queue, {"begin": begin}, concurrency=3):
        await asyncio.gather(*(Queue(redis).enqueue(keys.queue, "begin", f"j{number}") for number in range(60)))
        await until(lambda: len(done) == 60)
    assert most == 3


async def test_a_task_that_raises_hurts_no_other(valkey, redis, keys):
    done = []

    async def begin(_, job_id):
        if job_id == "bad":
            raise ValueError(job_id)
        done.append(job_id)

    async with working(valkey.url, keys.queue, {"begin": begin}) as task:
        for job_id in ("bad", "good"):
            await Queue(redis).enqueue(keys.queue, "begin", job_id)
        await until(lambda: done)
        assert not task.done()


async def test_what_nobody_understands_is_dropped(valkey, redis, keys):
    done = []

    async def begin(_, job_id):
        done.append(job_id)

    queue = Queue(redis)
    await queue.enqueue(keys.queue, "unheard-of", "x")
    broken = Wake(keys.queue, "begin", "y")
    await redis.set(f"arq:job:{broken.id}", b"\x80\x04}q\x00.", ex=60)  # a pickle is not read
    await redis.zadd(keys.queue, {broken.id: 1})
    async with working(valkey.url, keys.queue, {"begin": begin}):
        await queue.enqueue(keys.queue, "begin", "z")
        await until(lambda: done)
        async with asyncio.timeout(5):
            while await redis.zcard(keys.queue):  # noqa: ASYNC110 - no event comes from Redis
                await asyncio.sleep(0.01)
    assert done == ["z"]


async def test_repeated_wake_ups_of_one_job_are_one(redis, keys):
    queue = Queue(redis)
    for _ in range(20):
        await queue.enqueue(keys.queue, "begin", "a", is_repeated=True)
    assert await redis.zcard(keys.queue) == 1
    for _ in range(2):
        await queue.enqueue(keys.queue, "begin", "a")
    assert await redis.zcard(keys.queue) == 3


async def test_a_repeated_wake_up_does_not_wait_for_a_worker_that_died_with_the_last_one(valkey, redis, keys):
    done = []

    async def begin(_, job_id):
        done.append(job_id)

    wake = Wake(keys.queue, "begin", keys.instance, number=AGAIN)
    await redis.set(in_progress_key_prefix + wake.id, "1", ex=3600)
    async with working(valkey.url, keys.queue, {"begin": begin}):
        await Queue(redis).enqueue(keys.queue, "begin", keys.instance, is_repeated=True)
        await until(lambda: done)


async def test_a_wake_up_is_json(redis, keys):
    wake = Wake(keys.queue, "begin", "job-1")
    stored = orjson.loads(wake.payload)
    assert (stored["f"], stored["a"], stored["k"]) == ("begin", ["job-1"], {})
    await Queue(redis).enqueue(keys.queue, "begin", "job-1")
    assert await redis.llen(keys.wake(keys.queue)) == 1


@pytest.mark.long
async def test_periodic_work_runs_once_whatever_the_number_of_workers_and_apart_from_other_instances(valkey, keys):
    runs = {"a": [], "b": []}

    def tick(name):
        async def run(_):
            runs[name].append(time.time())

        return (every(1, run, "tick"),)

    async with contextlib.AsyncExitStack() as stack:
        for name in ("a", "a", "a", "b"):
            await stack.enter_async_context(working(valkey.url, f"{keys.queue}:{name}", {}, periodic=tick(name)))
        await asyncio.sleep(3.5)
    for name, times in runs.items():
        assert 2 <= len(times) <= 4, (name, times)
        assert len({int(moment + 0.5) for moment in times}) == len(times), (name, times)


async def test_being_cancelled_ends_what_runs(valkey, redis, keys):
    ended = asyncio.Event()
    begun = asyncio.Event()

    async def begin(_, __):
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async with working(valkey.url, keys.queue, {"begin": begin}):
        await Queue(redis).enqueue(keys.queue, "begin", "long")
        await begun.wait()
    assert ended.is_set()


async def kill_rounds(server, keys, *, rounds):
    """Two workers under load while the server is killed again and again; every job of the records ends."""
    done, redis = set(), connect(server.url)

    async def begin(_, job_id):
        await asyncio.sleep(0.001)
        done.add(job_id)

    wanted = {f"j{number}" for number in range(40 * rounds)}

    async def insist(job_id):
        """What the reaper does: wake again until it is done."""
        is_repeated = False
        while job_id not in done:
            with contextlib.suppress(Exception):
                await Queue(redis).enqueue(keys.queue, "begin", job_id, is_repeated=is_repeated)
            is_repeated = True
            for _ in range(100):
                if job_id in done:
                    return
                await asyncio.sleep(0.02)

    async with (
        working(server.url, keys.queue, {"begin": begin}) as first,
        working(server.url, keys.queue, {"begin": begin}) as second,
    ):
        senders = [asyncio.create_task(insist(job_id)) for job_id in sorted(wanted)]
        for _ in range(rounds):
            await asyncio.sleep(0.1)
            server.kill()
            await asyncio.sleep(0.1)
            server.start()
        async with asyncio.timeout(40):
            await asyncio.gather(*senders)
        assert not first.done()
        assert not second.done()
    assert done == wanted
    await redis.aclose()


@pytest.mark.long
async def test_workers_outlive_three_deaths_of_redis_under_load(own_valkey, keys):
    await kill_rounds(own_valkey, keys, rounds=3)


@pytest.mark.chaos
async def test_workers_outlive_twenty_deaths_of_redis_under_load(own_valkey, keys):
    await kill_rounds(own_valkey, keys, rounds=20)


def push(scope, kind=JobKind.PUSH):
    now = datetime.now(UTC)
    return JobRecord(id=new_job_id(now), kind=kind, state=JobState.QUEUED, scope=scope, created=now, updated=now)


async def order(redis, keys, records):
    """In which order jobs are begun that come in one after the other."""
    store = JobStore(redis, keys, retention_seconds=60)
    for record in records:
        await store.create(record, Wake.first(keys, record))
        await asyncio.sleep(0.002)  # of one millisecond any may be the first
    found = [entry.decode().partition(":")[0] for entry in await redis.zrange(keys.queue, 0, -1)]
    names = {record.id: f"{record.scope or record.kind}" for record in records}
    return [names[job_id] for job_id in found]


@pytest.mark.parametrize(
    ("records", "wanted"),
    [
        pytest.param([*["a"] * 5, "b"], ["a", "b", "a", "a", "a", "a"], id="a flood, and a push of another"),
        pytest.param(["a", "a", "b", "b"], ["a", "b", "a", "b"], id="two take turns"),
        pytest.param([*["a"] * 3, *["b"] * 3, "c"], ["a", "b", "c", "a", "b", "a", "b"], id="three do"),
    ],
)
async def test_each_repository_has_its_turn(redis, keys, records, wanted):
    assert await order(redis, keys, [push(scope) for scope in records]) == wanted


async def test_what_comes_in_goes_before_periodic_work_also_of_a_flood(redis, keys):
    periodic = [push("", kind) for kind in (JobKind.POLL, JobKind.DRIFT, JobKind.RECOVERED)]
    found = await order(redis, keys, [*periodic, *[push("a") for _ in range(30)]])
    assert found == [*["a"] * 30, "poll", "drift", "recovered"]


async def test_nothing_starves(redis, keys):
    """However many come in, they count as older than they are by a time, and no more."""
    store = JobStore(redis, keys, retention_seconds=60)
    old = push("", JobKind.POLL)
    await store.create(old, Wake.first(keys, old))
    await redis.zincrby(keys.queue, -LEAD_MS - 1, f"{old.id}:begin:{FIRST}")  # it has waited so long
    await store.create_many(
        [store.arguments(record, wake=Wake.first(keys, record)) for record in [push(f"s{n}") for n in range(50)]]
    )
    first = (await redis.zrange(keys.queue, 0, 0))[0].decode()
    assert first == f"{old.id}:begin:{FIRST}"


async def test_ten_thousand_of_one_repository_count_as_no_younger_than_they_are(redis, keys):
    store = JobStore(redis, keys, retention_seconds=60)
    await redis.set(keys.lane("a"), int(time.time() * 1000) + 10**9)  # by a clock that was ahead
    record = push("a")
    await store.create(record, Wake.first(keys, record))
    assert await redis.zscore(keys.queue, f"{record.id}:begin:{FIRST}") <= time.time() * 1000, "it is due at once"
    assert 0 < await redis.pttl(keys.lane("a")) <= LEAD_MS


async def test_who_comes_while_all_places_are_taken_may_be_the_next(valkey, redis, keys):
    begun, go_on = [], asyncio.Event()

    async def begin(_, job_id):
        begun.append(job_id)
        if len(begun) == 1:
            await go_on.wait()

    flood, late = [push("a") for _ in range(50)], push("b")
    store = JobStore(redis, keys, retention_seconds=60)
    await store.create_many([store.arguments(record, wake=Wake.first(keys, record)) for record in flood])
    async with working(valkey.url, keys.queue, {"begin": begin}, concurrency=1):
        await until(lambda: begun)
        await store.create(late, Wake.first(keys, late))
        go_on.set()
        await until(lambda: len(begun) == 51)
    assert begun.index(late.id) <= 2


async def test_who_comes_while_a_flood_is_begun_goes_before_the_rest_of_it(valkey, redis, keys, monkeypatch):
    monkeypatch.setattr(queue_room, "READ_SECONDS", 0.0)
    begun, flood, late = [], [push("a") for _ in range(200)], push("b")
    store = JobStore(redis, keys, retention_seconds=60)
    await store.create_many([store.arguments(record, wake=Wake.first(keys, record)) for record in flood])

    async def begin(_, job_id):
        begun.append(job_id)
        if len(begun) == 1:
            await store.create(late, Wake.first(keys, late))

    async with working(valkey.url, keys.queue, {"begin": begin}, concurrency=1000):
        await until(lambda: len(begun) == 201)
    assert begun.index(late.id) < 100
