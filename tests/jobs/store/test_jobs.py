"""Job records on a real Valkey: what is final stays so, nobody's work is lost, and nothing is left behind."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis

from jobs.intake import new_job_id
from jobs.queue import Wake
from jobs.records import JobKind, JobRecord, JobState, SyncRecord
from jobs.store import scripts
from jobs.store.jobs import JobFilter, JobStore
from reconciler.model.outcome import SyncState
from tests.servers.patience import until

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
COMMIT = "c" * 40


def job(*, at=NOW, **fields):
    known = {"id": new_job_id(at), "kind": JobKind.PUSH, "state": JobState.QUEUED, "repository": "trueup/shop", "commit": COMMIT}
    return JobRecord(created=at, updated=at, **{**known, **fields})


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
def store(redis, keys, clock):
    return JobStore(redis, keys, retention_seconds=60, now=clock)


async def test_a_job_reads_back_as_it_was_created(store):
    record = job(ref="refs/heads/main", actor="ada", applications=("trueup/web",))
    await store.create(record)
    assert await store.load(record.id) == record
    assert await store.load(new_job_id()) is None


async def test_a_job_is_listed_under_its_commit_when_that_becomes_known(store, clock):
    newer, record = job(commit="", at=NOW + timedelta(seconds=1)), job(commit="")
    await store.create(newer)
    await store.create(record)
    clock.forward(9)
    for each in (newer, record):
        await store.update(each.id, commit=COMMIT)
    await store.update(new_job_id(), commit=COMMIT)
    found, _ = await store.find(JobFilter(commit=COMMIT), limit=9)
    assert [entry.id for entry in found] == [newer.id, record.id]


async def test_what_happens_to_a_job_stands_over_its_record(store, clock):
    record = job(commit="")
    await store.create(record)
    clock.forward(1)
    await store.transition(record.id, JobState.RUNNING, "syncing")
    await store.update(record.id, commit="d" * 40, ref="refs/heads/main")
    await store.set_applications(record.id, ["trueup/web"])
    await store.add_stage(record.id, "fetched", "main")
    sync = SyncRecord(application="trueup/web", cluster="in-cluster", revision="main@sha1:d", state=SyncState.RUNNING)
    await store.put_syncs(record.id, [sync])
    found = await store.load(record.id)
    assert (found.state, found.message, found.commit, found.ref) == (JobState.RUNNING, "syncing", "d" * 40, "refs/heads/main")
    assert found.applications == ("trueup/web",)
    assert [(stage.name, stage.at, stage.detail) for stage in found.stages] == [("fetched", clock.now, "main")]
    assert found.syncs == (sync,)
    assert found.updated == clock.now


@pytest.mark.parametrize("final", [JobState.SUCCEEDED, JobState.FAILED, JobState.SUPERSEDED, JobState.IGNORED])
async def test_a_final_state_is_never_left_and_its_record_expires(store, final):
    record = job()
    await store.create(record)
    assert await store.transition(record.id, final, "so it is")
    assert not await store.transition(record.id, JobState.RUNNING, "again")
    found = await store.load(record.id)
    assert (found.state, found.message, found.finished) == (final, "so it is", NOW)
    assert 0 < await store.redis.ttl(store.keys.job(record.id)) <= 60
    assert await store.redis.zcard(store.keys.active) == 0


async def test_a_held_job_is_not_final(store):
    record = job()
    await store.create(record)
    await store.transition(record.id, JobState.HELD, "2 deletions")
    assert await store.transition(record.id, JobState.SUPERSEDED, "overtaken", superseded_by="d" * 40)
    assert (await store.load(record.id)).superseded_by == "d" * 40


async def test_a_job_that_was_final_when_it_came_wakes_nobody_and_expires(store):
    record = job(state=JobState.IGNORED)
    await store.create(record)
    assert await store.redis.zcard(store.keys.active) == 0
    assert 0 < await store.redis.ttl(store.keys.job(record.id)) <= 60


async def test_a_stage_keeps_its_first_time_and_is_told_once(store, clock):
    record = job()
    await store.create(record)
    async with store.redis.pubsub() as channel:
        await channel.subscribe(store.keys.events)
        await store.add_stage(record.id, "applied")
        clock.forward(5)
        await store.add_stage(record.id, "applied")
        heard = []
        while message := await channel.get_message(timeout=0.2):
            heard += [message] if message["type"] == "message" else []
    assert [stage.at for stage in (await store.load(record.id)).stages] == [NOW]
    assert len(heard) == 1


async def test_writing_to_a_job_whose_record_is_gone_leaves_nothing_behind(store):
    sync = SyncRecord(application="trueup/web", cluster="c", revision="r", state=SyncState.RUNNING)
    await store.add_stage("gone", "applied")
    await store.put_syncs("gone", [sync])
    await store.update("gone", commit=COMMIT)
    await store.set_applications("gone", ["trueup/web"])
    assert not await store.transition("gone", JobState.FAILED, "")
    assert [key async for key in store.redis.scan_iter(f"{store.keys.job('')}*")] == []


async def test_many_jobs_are_read_without_their_syncs_in_the_order_that_was_asked(store):
    records = [job(at=NOW + timedelta(seconds=number)) for number in range(3)]
    for record in records:
        await store.create(record)
    sync = SyncRecord(application="trueup/web", cluster="c", revision="r", state=SyncState.RUNNING)
    await store.put_syncs(records[0].id, [sync])
    await store.transition(records[2].id, JobState.RUNNING, "")
    found = await store.load_brief([records[2].id, new_job_id(), records[0].id])
    assert [(one.id, one.state, one.syncs) for one in found] == [
        (records[2].id, JobState.RUNNING, ()),
        (records[0].id, JobState.QUEUED, ()),
    ]


async def test_the_jobs_about_a_commit_are_told_oldest_first_and_in_brief(store):
    unknown = job(at=NOW + timedelta(seconds=1), repository="")
    newest, other = job(at=NOW + timedelta(seconds=2)), job(repository="trueup/other")
    for record in (newest, other, job(commit="d" * 40), unknown):
        await store.create(record)
    revision = f"main@sha1:{COMMIT}"
    sync = SyncRecord(application="trueup/web", cluster="in-cluster", revision=revision, state=SyncState.RUNNING)
    await store.put_syncs(newest.id, [sync])
    assert await store.about("trueup/shop", COMMIT) == [unknown, newest]


async def test_the_active_jobs_of_a_repository_are_its_own_and_not_over(store):
    mine, over, other = job(), job(), job(repository="trueup/other")
    for record in (mine, over, other):
        await store.create(record)
    await store.transition(over.id, JobState.SUCCEEDED, "")
    assert [one.id for one in await store.active_of("trueup/shop")] == [mine.id]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param(JobFilter(), "fedcba", id="all"),
        pytest.param(JobFilter(repository="trueup/other"), "b", id="repository"),
        pytest.param(JobFilter(commit="d" * 40), "dc", id="commit"),
        pytest.param(JobFilter(application="trueup/web"), "e", id="application"),
        pytest.param(JobFilter(state="failed"), "fa", id="state"),
        pytest.param(JobFilter(commit=COMMIT, state="failed"), "fa", id="commit and state"),
        pytest.param(JobFilter(application="trueup/none"), "", id="nothing"),
    ],
)
async def test_jobs_are_found_newest_first(store, wanted, expected):
    special = {"b": {"repository": "trueup/other"}, "c": {"commit": "d" * 40}, "d": {"commit": "d" * 40}}
    names = {}
    for number, letter in enumerate("abcdef"):
        record = job(at=NOW + timedelta(seconds=number), **special.get(letter, {}))
        names[record.id] = letter
        await store.create(record)
        if letter in "af":
            await store.transition(record.id, JobState.FAILED, "")
        if letter == "e":
            await store.set_applications(record.id, ["trueup/web"])
    found, following = await store.find(wanted, limit=50)
    assert "".join(names[record.id] for record in found) == expected
    assert following == ""


async def test_pages_neither_repeat_nor_skip_while_new_jobs_come(store):
    records = [job(at=NOW + timedelta(milliseconds=number // 3)) for number in range(20)]
    for record in records:
        await store.create(record)
    seen, before = [], ""
    while True:
        page, before = await store.find(JobFilter(), limit=3, before=before)
        seen += [record.id for record in page]
        if not before:
            break
        assert before.isdigit()
        await store.create(job(at=NOW + timedelta(minutes=1, seconds=len(seen))))
    assert sorted(seen) == sorted(record.id for record in records)


@pytest.mark.parametrize("before", ["0", "9" * 30, "1"], ids=["zero", "far too large", "before all"])
async def test_a_page_that_nobody_gave_out_does_no_harm(store, before):
    await store.create(job())
    found, _ = await store.find(JobFilter(), limit=5, before=before)
    assert len(found) <= 1


async def test_indexes_are_trimmed(store, monkeypatch):
    monkeypatch.setattr(scripts, "CREATE", scripts.CREATE.replace("-10001", "-6"))
    store = JobStore(store.redis, store.keys, retention_seconds=60)
    records = [job(at=NOW + timedelta(seconds=number)) for number in range(9)]
    await store.create_many([store.arguments(record, wake=None) for record in records])
    for index in (store.keys.jobs, store.keys.jobs_of("repository", "trueup/shop"), store.keys.jobs_of("commit", COMMIT)):
        assert [i.decode() for i in await store.redis.zrange(index, 0, -1)] == [record.id for record in records[-5:]]
    assert await store.redis.zcard(store.keys.active) == 9, "what remains to be done is never trimmed"
    assert await store.redis.ttl(store.keys.jobs) == -1
    assert 0 < await store.redis.ttl(store.keys.jobs_of("repository", "trueup/shop")) <= 60


async def test_a_delivery_that_is_known_answers_with_its_first_job(store):
    first, second = job(), job()
    key = store.keys.delivery("github", "d-1")
    answers = await store.create_many([
        store.arguments(record, delivery_key=key, wake=Wake(store.keys.queue, "begin", record.id)) for record in (first, second)
    ])  # fmt: skip
    assert [tuple(answer) for answer in answers] == [(first.id.encode(), 1), (first.id.encode(), 0)]
    assert await store.load(second.id) is None
    assert await store.redis.zcard(store.keys.queue) == 1


async def _listeners(store):
    return (await store.redis.pubsub_numsub(store.keys.events))[0][1]


async def test_who_listens_hears_every_change_in_order(store):
    heard = []

    async def listen():
        async for event in store.subscribe():
            heard.append((event["type"], event["id"], event["state"]))
            if event["state"] == "failed":
                return

    task = asyncio.create_task(listen())
    await until(lambda: _listeners(store))
    async with asyncio.timeout(5):
        record = job()
        await store.create(record)
        await store.transition(record.id, JobState.RUNNING, "")
        await store.add_stage(record.id, "fetched")
        await store.transition(record.id, JobState.FAILED, "")
        await task
    assert heard == [("job", record.id, state) for state in ("queued", "running", "stage", "failed")]


async def test_who_listens_through_a_quiet_time_is_not_disconnected(valkey, keys):
    impatient = Redis.from_url(valkey.url, socket_timeout=0.1)
    store = JobStore(impatient, keys, retention_seconds=60)

    async def first():
        async for event in store.subscribe():
            return event
        return None

    async def listeners():
        return [client["id"] for client in await impatient.client_list("pubsub") if client["sub"] == "1"]

    task = asyncio.create_task(first())
    before = await until(listeners)
    await asyncio.sleep(0.4)
    assert await listeners() == before
    record = job()
    await store.create(record)
    async with asyncio.timeout(5):
        assert (await task)["id"] == record.id
    await impatient.aclose()


async def test_a_job_whose_commit_is_learned_later_is_found_by_it(store, redis, keys):
    record, older = job(commit="", repository=""), job(at=NOW - timedelta(minutes=1))
    for one in (record, older):
        await store.create(one)
    await store.update(record.id, commit=COMMIT, repository="trueup/shop", ref="refs/heads/main")
    for wanted in (JobFilter(commit=COMMIT), JobFilter(repository="trueup/shop")):
        assert [one.id for one in (await store.find(wanted, limit=10))[0]] == [record.id, older.id]
    assert 0 < await redis.ttl(keys.jobs_of("commit", COMMIT)) <= 60
