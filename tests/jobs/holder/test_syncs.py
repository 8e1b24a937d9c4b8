"""A part of a job, done on a held cluster: what is synced, overtaken, approved, tried again, and concluded."""

import pytest

from jobs.holder.removals import Removals
from jobs.holder.syncs import Syncs
from jobs.records import JobKind, JobState
from jobs.store.parts import Part
from jobs.verdicts import conclude
from reconciler.model.outcome import SyncState
from tests.servers.held import MAIN, SHOP, held_cluster
from tests.servers.records import sync_record
from tests.servers.system import config_map

FILES = {"web/a.yaml": config_map("a"), "web/b.yaml": config_map("b"), "api/c.yaml": config_map("c")}
LATER = "later"


async def test_a_job_is_done_when_its_applications_are(world):
    commit = await world.commit(FILES)
    job = await world.sync("web", "api", commit=commit)
    assert (job.state, job.message) == (JobState.SUCCEEDED, "2 applications healthy, 3 objects changed")
    assert [(sync.application, sync.state, sync.revision) for sync in job.syncs] == [
        ("trueup/api", SyncState.SUCCEEDED, f"main@sha1:{commit}"),
        ("trueup/web", SyncState.SUCCEEDED, f"main@sha1:{commit}"),
    ]
    assert [stage.name for stage in job.stages][-1] == "finished"
    assert {name: await world.value(name) for name in "abc"} == dict.fromkeys("abc", "1")


async def test_the_same_part_again_changes_nothing(world):
    commit = await world.commit(FILES)
    first = await world.sync("web", commit=commit)
    assert await world.take(first.id) == first


@pytest.mark.parametrize("ref", [MAIN, ""], ids=["of a push", "of a person, who named no commit"])
async def test_an_older_commit_is_never_applied_after_a_newer_one(world, ref):
    older = await world.commit(FILES)
    newer = await world.commit({"web/a.yaml": config_map("a", "2")})
    job = await world.sync("web", commit=older if ref else "", kind=JobKind.PUSH if ref else JobKind.MANUAL)
    if ref:
        assert (job.state, job.superseded_by) == (JobState.SUPERSEDED, newer)
        assert await world.value("a") is None
    else:
        assert (job.state, job.commit) == (JobState.SUCCEEDED, newer)
        assert await world.value("a") == "2"


async def test_what_a_person_asked_for_is_found_by_its_commit(world):
    commit = await world.commit(FILES)
    job = await world.sync("web", kind=JobKind.MANUAL)
    listed = await world.context.redis.zrange(world.context.keys.jobs_of("commit", commit), 0, -1)
    assert listed == [job.id.encode()]


async def test_a_ref_that_nobody_has_seen_is_waited_for(world):
    await world.commit(FILES, is_observed=False)
    job = await world.sync("web", kind=JobKind.MANUAL)
    assert job.state is JobState.WAITING
    assert "has no branch or tag 'main', as far as is known" in job.message


async def test_what_is_declared_no_more_is_said_so(world):
    commit = await world.commit(FILES)
    job = await world.job(JobKind.PUSH, "web", "gone", commit=commit)
    world.declare({"api": ""})
    job = await world.take(job.id)
    assert (job.state, job.message) == (JobState.FAILED, "none of trueup/web, trueup/gone is declared for this cluster any more")


async def test_a_failure_is_told_and_what_can_be_done_is_done(world):
    commit = await world.commit({**FILES, "api/c.yaml": "kind: ConfigMap\n"})
    job = await world.sync("web", "api", commit=commit)
    assert job.state is JobState.FAILED
    assert job.message.startswith("1 of 2 applications healthy; api: ")
    assert await world.value("a") == "1"


async def test_an_approval_deletes_exactly_what_was_held_and_is_used_once(world):
    await world.sync("web", commit=await world.commit(FILES))
    held = await world.sync("web", commit=await world.commit({"web/a.yaml": None, "web/b.yaml": None}))
    assert held.state is JobState.HELD
    digest = held.syncs[0].held_digest
    wrong = await world.sync("web", kind=JobKind.APPROVAL, approves="another", commit=held.commit, actor="ada")
    assert wrong.state is JobState.HELD
    assert await world.value("a") == "1"
    right = await world.sync("web", kind=JobKind.APPROVAL, approves=digest, commit=held.commit, actor="ada")
    assert right.state is JobState.SUCCEEDED
    assert await world.value("a") is None
    intents = await world.held.cluster.records.intents()
    assert all(intent.approval is None for intent in intents.values())


async def test_a_look_changes_nothing_and_says_what_would_be_done(world):
    commit = await world.commit(FILES)
    job = await world.sync("web", kind=JobKind.DIFF)
    assert (job.state, job.commit, job.message) == (JobState.SUCCEEDED, commit, "would create 2; 0 as desired")
    assert [step.action for step in job.syncs[0].steps] == ["create", "create"]
    assert await world.value("a") is None


@pytest.mark.parametrize(
    ("other", "state"),
    [
        pytest.param(None, JobState.RUNNING, id="it has not begun"),
        pytest.param(SyncState.RUNNING, JobState.RUNNING, id="it is at work"),
        pytest.param(SyncState.SUCCEEDED, JobState.SUCCEEDED, id="it is done"),
        pytest.param(SyncState.FAILED, JobState.FAILED, id="it failed"),
        pytest.param(SyncState.HELD, JobState.HELD, id="it is held"),
        pytest.param(SyncState.WAITING, JobState.WAITING, id="it waits"),
    ],
)
async def test_a_job_ends_when_the_last_of_its_clusters_does(world, other, state):
    commit = await world.commit(FILES)
    record = await world.job(JobKind.PUSH, "web", LATER, commit=commit)
    if other is not None:
        sync = sync_record(other, application=f"trueup/{LATER}", cluster="elsewhere", message="there")
        await world.context.jobs.put_syncs(record.id, [sync])
    job = await world.take(record.id)
    assert job.state is state
    if job.state.is_final:
        assert job.message == conclude(job.syncs)[1]


async def test_what_redis_was_in_the_way_of_is_done_when_it_is_back(tmp_path, own_valkey, keys, monkeypatch):
    monkeypatch.setattr("jobs.holder.syncs.REDIS_SECONDS", 0.05)
    async with held_cluster(tmp_path, own_valkey.url, keys) as world:
        world.declare({"web": ""})
        job = await world.job(JobKind.PUSH, "web", commit=await world.commit(FILES))
        own_valkey.kill()
        await Syncs(world.held, Removals(world.held)).take({}, job.id)
        own_valkey.start()
        await world.context.redis.set(world.context.keys.worker(world.context.worker), "1")
        assert (await world.take(job.id)).state is JobState.SUCCEEDED


async def test_a_part_of_another_worker_is_left_to_it(world):
    commit = await world.commit(FILES)
    job = await world.job(JobKind.PUSH, "web", commit=commit)
    await world.context.redis.set(world.context.keys.worker("other"), "1")
    assert await world.context.parts.claim(Part(job.id, world.held.cluster.uid), "other")
    assert (await world.take(job.id)).state is JobState.QUEUED
    assert await world.value("a") is None
    assert (await world.context.heads.head(SHOP, MAIN)) == commit
