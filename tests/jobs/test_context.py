"""What every task needs of its worker: jobs that are made and told, and what receivers are told."""

import pytest
import structlog

from jobs import metrics
from jobs.context import UNTOLD
from jobs.records import JobKind, JobState
from reconciler.model.declared import Name
from tests.servers.held import MAIN, SHOP, held_cluster
from tests.servers.records import COMMIT, application_record, job_record


async def wanted(world):
    return await world.context.redis.hgetall(world.context.keys.open_statuses)


@pytest.mark.parametrize("kind", JobKind)
async def test_a_commit_hears_of_jobs_that_decide_about_it(world, kind):
    repository = world.context.declarations.repositories[Name("trueup", "shop")]
    await world.context.tell_forge(job_record(kind=kind), repository, JobState.RUNNING, "syncing")
    names = [subject.decode().rpartition("|")[2] for subject in await wanted(world)]
    told = (
        world.context.instance.id if kind not in UNTOLD else f"{world.context.instance.id}/plan" if kind is JobKind.PLAN else ""
    )
    assert names == [told][: bool(told)]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (JobState.RUNNING, b"pending"), (JobState.WAITING, b"pending"), (JobState.HELD, b"pending"),
        (JobState.SUCCEEDED, b"success"), (JobState.FAILED, b"failure"), (JobState.SUPERSEDED, b"error"),
    ],
)  # fmt: skip
async def test_a_state_is_one_of_the_forges(world, state, said):
    repository = world.context.declarations.repositories[Name("trueup", "shop")]
    await world.context.tell_forge(job_record(), repository, state, "")
    ((subject, value),) = (await wanted(world)).items()
    assert subject.decode() == f"trueup/shop|{COMMIT}|{world.context.instance.id}"
    assert said in value
    assert str(state).encode() in value, "without a message, its state is said"
    assert world.context.statuses_due.is_set()


async def test_what_is_about_no_commit_or_repository_is_told_nobody(world):
    repository = world.context.declarations.repositories[Name("trueup", "shop")]
    await world.context.tell_forge(job_record(commit=""), repository, JobState.RUNNING, "")
    await world.context.tell_forge(job_record(), None, JobState.RUNNING, "")
    assert await wanted(world) == {}


@pytest.mark.parametrize(
    ("public", "link"),
    [("", ""), ("https://trueup.example", "https://trueup.example/jobs/j"), ("https://x/y/", "https://x/y/jobs/j")],
)
async def test_a_link_is_where_people_reach_it(tmp_path, valkey, keys, public, link):
    async with held_cluster(tmp_path, valkey.url, keys, public_url=public) as world:
        assert world.context.link_to(job_record(id="j")) == link


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        pytest.param({"repository": "trueup/shop"}, True, id="by name"),
        pytest.param({"repository": "", "scope": "SCOPE"}, True, id="by scope"),
        pytest.param({"repository": "trueup/gone", "scope": "SCOPE"}, False, id="a name that is gone"),
        pytest.param({"repository": "", "scope": "git.example/other"}, False, id="another scope"),
        pytest.param({"repository": "", "scope": ""}, False, id="nothing"),
    ],
)
async def test_the_repository_of_a_job(world, fields, found):
    (repository,) = world.context.declarations.repositories.values()
    given = {name: value.replace("SCOPE", repository.scope) for name, value in fields.items()}
    assert (world.context.repository_of(job_record(**given)) is repository) is found


async def test_a_new_job_is_received_now_and_wakes_somebody(world):
    record = world.context.record(JobKind.POLL, SHOP, ref=MAIN, commit=COMMIT, actor="ada")
    assert (record.state, [stage.name for stage in record.stages]) == (JobState.QUEUED, ["received"])
    await world.context.enqueue(record)
    assert await world.context.jobs.load(record.id) == record
    assert await world.context.redis.zcard(world.context.keys.queue) == 1


async def test_receivers_are_told_what_is_declared(world):
    await world.context.applications.put([application_record("gone"), application_record("api", message="known")])
    await world.context.publish()
    records = {record.name: record for record in await world.context.applications.all()}
    assert {name: record.message for name, record in records.items()} == {"trueup/api": "known", "trueup/web": "not synced yet"}
    web = records["trueup/web"]
    assert (web.repository, web.path, web.cluster, web.namespace, web.state) == ("trueup/shop", "web", "in-cluster", "web", None)
    (scope,) = await world.context.applications.scopes()
    assert (scope.provider, scope.repository, scope.generation) == ("github", "trueup/shop", 0)
    assert scope.scope.endswith("/acme/shop")


@pytest.mark.parametrize("state", [state for state in JobState if state.is_final])
async def test_a_job_ends_once_and_is_counted_and_told_once(world, state):
    def counted():
        return metrics.REGISTRY.get_sample_value("trueup_jobs_total", {"kind": "poll", "state": str(state)}) or 0.0

    job, before = world.context.record(JobKind.POLL, SHOP), counted()
    await world.context.enqueue(job)
    with structlog.testing.capture_logs() as lines:
        ended = [await world.context.end(job, state, "why") for _ in range(2)]
    assert (ended, counted() - before) == ([True, False], 1)
    assert [(line["event"], line["job"], line["state"], line["message"]) for line in lines] == [
        ("job.finished", job.id, str(state), "why")
    ]
