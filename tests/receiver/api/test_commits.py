"""Is this commit live? What is said of it, and waiting until it is decided."""

import asyncio

import pytest

from jobs.records import JobState
from reconciler.model.outcome import SyncState
from tests.servers.patience import until
from tests.servers.records import COMMIT, job_record, sync_record

ADDRESS = f"/api/v1/commits/{COMMIT}"


async def decided(door, state, sync_state, **fields):
    record = job_record(**fields)
    await door.front.jobs.create(record)
    await door.front.jobs.put_syncs(record.id, [sync_record(sync_state, message=f"web is {state}")])
    await door.front.jobs.transition(record.id, state, f"web is {state}")
    return record


@pytest.mark.parametrize(
    ("state", "sync_state", "verdict"),
    [
        (JobState.SUCCEEDED, SyncState.SUCCEEDED, "succeeded"),
        (JobState.FAILED, SyncState.FAILED, "failed"),
        (JobState.HELD, SyncState.HELD, "held"),
        (JobState.SUPERSEDED, SyncState.SUPERSEDED, "superseded"),
        (JobState.RUNNING, SyncState.RUNNING, "pending"),
        (JobState.WAITING, SyncState.WAITING, "pending"),
    ],
)
async def test_one_verdict_per_repository_and_cluster_and_all_jobs(door, state, sync_state, verdict):
    record = await decided(door, state, sync_state)
    answer = (await door.ask("GET", ADDRESS)).json
    assert answer["verdicts"] == [
        {
            "repository": "trueup/shop", "instance": door.front.settings.instance, "cluster": "in-cluster", "commit": COMMIT,
            "state": verdict, "message": f"web is {state}",
        }
    ]  # fmt: skip
    assert [job["id"] for job in answer["jobs"]] == [record.id]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param("", ["trueup/docs", "trueup/shop"], id="of all"),
        pytest.param("?repository=trueup/docs", ["trueup/docs"], id="of one"),
        pytest.param("?repository=docs", ["trueup/docs"], id="by its short name"),
        pytest.param("?repository=other/docs", [], id="of another namespace"),
    ],
)
async def test_one_repository_may_be_asked_for(door, query, found):
    for repository in ("trueup/shop", "trueup/docs"):
        await decided(door, JobState.SUCCEEDED, SyncState.SUCCEEDED, repository=repository)
    assert [verdict["repository"] for verdict in (await door.ask("GET", ADDRESS + query)).json["verdicts"]] == found


@pytest.mark.parametrize("sha", ["a" * 40, "a" * 64], ids=["SHA-1", "SHA-256"])
async def test_a_commit_that_nobody_heard_of_has_no_verdict(door, sha):
    answer = await door.ask("GET", f"/api/v1/commits/{sha}")
    assert (answer.status, answer.json) == (200, {"verdicts": [], "jobs": []})


async def test_a_commit_may_be_written_in_capitals(door):
    await decided(door, JobState.SUCCEEDED, SyncState.SUCCEEDED)
    assert (await door.ask("GET", ADDRESS.replace(COMMIT, COMMIT.upper()))).json["verdicts"]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("abc", "git rev-parse HEAD"), ("main", "git rev-parse HEAD"), ("g" * 40, "full hash"), ("%D9%A3" * 40, "full hash"),
        (f"{COMMIT}?wait=soon", "no duration"), (f"{COMMIT}?wait=", "no duration"), (f"{COMMIT}?wait=-1s", "no duration"),
    ],
)  # fmt: skip
async def test_nonsense_is_refused(door, path, told):
    answer = await door.ask("GET", f"/api/v1/commits/{path}")
    assert answer.status == 400
    assert told in answer.json["detail"]


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED, JobState.HELD, JobState.SUPERSEDED])
async def test_who_waits_is_answered_as_soon_as_it_is_decided(door, state):
    record = job_record()
    await door.front.jobs.create(record)
    waiting = asyncio.create_task(door.ask("GET", f"{ADDRESS}?wait=30s"))
    await asyncio.sleep(0.1)
    await door.front.jobs.add_stage(record.id, "fetched")
    await asyncio.sleep(0.1)
    assert not waiting.done(), "not by every event"
    await door.front.jobs.put_syncs(record.id, [sync_record(SyncState(state))])
    await door.front.jobs.transition(record.id, state, "decided")
    async with asyncio.timeout(2):
        answer = await waiting
    assert [verdict["state"] for verdict in answer.json["verdicts"]] == [state]


async def test_who_waits_for_a_commit_that_is_not_pushed_yet_hears_of_it(door):
    waiting = asyncio.create_task(door.ask("GET", f"{ADDRESS}?wait=30s"))
    await asyncio.sleep(0.1)
    await decided(door, JobState.SUCCEEDED, SyncState.SUCCEEDED)
    async with asyncio.timeout(2):
        assert (await waiting).json["verdicts"][0]["state"] == "succeeded"


async def test_what_is_not_decided_in_time_is_told_as_it_is(door):
    await door.front.jobs.create(job_record())
    began = asyncio.get_running_loop().time()
    answer = await door.ask("GET", f"{ADDRESS}?wait=300ms")
    assert 0.3 <= asyncio.get_running_loop().time() - began < 2
    assert [verdict["state"] for verdict in answer.json["verdicts"]] == ["pending"]


async def test_a_missed_event_costs_a_few_seconds_only(door, monkeypatch):
    monkeypatch.setattr("receiver.api.commits.LOOK_SECONDS", 0.2)
    record = job_record()
    await door.front.jobs.create(record)
    waiting = asyncio.create_task(door.ask("GET", f"{ADDRESS}?wait=30s"))
    await asyncio.sleep(0.1)
    door.front.listeners.clear()
    await door.front.jobs.transition(record.id, JobState.FAILED, "decided")
    async with asyncio.timeout(2):
        assert (await waiting).json["verdicts"][0]["state"] == "failed"


async def test_who_waits_and_leaves_is_forgotten(door):
    waiting = asyncio.create_task(door.ask("GET", f"{ADDRESS}?wait=30s"))
    await asyncio.sleep(0.1)
    assert len(door.front.listeners) == 1
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await door.front.jobs.create(job_record())
    await until(lambda: not door.front.listeners)
