"""Check runs, by way of the statuses that they stand for: one a commit and context, whatever was lost."""

from datetime import UTC, datetime

import pytest
import structlog

from jobs.checks import Checks
from jobs.deployments import Deployments
from jobs.forges.deployers import deployers
from jobs.forges.forge import Status, StatusState
from jobs.forges.github import GitHub
from jobs.forges.github_checks import GitHubChecks
from jobs.forges.tokens import Tokens
from jobs.lease import Heartbeat
from jobs.records import JobKind, JobRecord, JobState, SyncRecord
from jobs.statuses import Statuses
from jobs.store.jobs import JobStore
from reconciler.model.declared import Forge
from reconciler.model.outcome import SyncState
from tests.servers.forge_checks import TOKEN, app_secret
from tests.servers.forges import declared, on_forge
from tests.servers.git_http import GivenSecrets

SHA = "a" * 40
PENDING = Status(StatusState.PENDING, "trueup", "syncing", "https://trueup.example/1")
HELD = Status(StatusState.PENDING, "trueup", "held: approve it")
SUCCESS = Status(StatusState.SUCCESS, "trueup", "live", "https://trueup.example/2")
FAILURE = Status(StatusState.FAILURE, "trueup", "web: app/web.yaml, line 5: no")
BROKEN = "app/web.yaml, line 5: no"


@pytest.fixture
def shop(forge_server):
    return on_forge(forge_server.url)


@pytest.fixture
def jobs(redis, keys):
    return JobStore(redis, keys, retention_seconds=60)


@pytest.fixture
async def statuses(redis, keys, session, jobs):
    await Heartbeat(redis, keys, "w1").beat()
    secrets = GivenSecrets(forge=app_secret(githubAppInstallationID=b"77"))
    told = Checks(redis, keys, GitHubChecks(session), jobs), Deployments(redis, keys, deployers(session), jobs)
    return Statuses(redis, keys, "w1", {Forge.GITHUB: GitHub(session)}, Tokens(secrets, ("http",)), *told)


@pytest.fixture
def say(statuses, shop, redis, keys):
    async def said(*wanted, **more):
        for status in wanted:
            await statuses.want(shop, SHA, status, **more)
            for field in await redis.zrange(keys.statuses, 0, -1):
                await redis.zadd(keys.statuses, {field: 0})
            await statuses.drain(declared(shop))

    return said


async def failed_job(jobs):
    now = datetime.now(UTC)
    sync = SyncRecord(application="trueup/web", cluster="c", revision="main@sha1:a", state=SyncState.FAILED, message=BROKEN)
    record = JobRecord(
        id="0" * 26, kind=JobKind.PUSH, state=JobState.FAILED, repository="trueup/shop", commit=SHA, created=now, updated=now
    )
    await jobs.create(record)
    await jobs.put_syncs(record.id, [sync])


async def test_one_run_is_written_twice_and_no_status_beside_it(say, forge_server, forge_checks):
    await say(PENDING, PENDING, SUCCESS, SUCCESS)
    (run,) = forge_checks.of(SHA)
    assert [(body["status"], body.get("conclusion")) for body in run.writes] == [("in_progress", None), ("completed", "success")]
    assert (run.fields["name"], run.fields["details_url"]) == ("trueup", "https://trueup.example/2")
    assert run.fields["output"] == {"title": "live", "summary": "live"}
    assert forge_server.statuses("acme/shop", SHA) == []
    assert forge_checks.tokens == 1


async def test_a_failure_has_the_line_and_the_summary(say, jobs, forge_checks):
    await say(PENDING)
    await failed_job(jobs)
    await say(FAILURE)
    (run,) = forge_checks.of(SHA)
    assert "| `trueup/web` | failed |" in run.fields["output"]["summary"]
    (line,) = run.annotations
    assert (line["path"], line["start_line"], line["end_line"], line["message"]) == ("app/web.yaml", 5, 5, BROKEN)


@pytest.mark.parametrize("wanted", [[FAILURE], [PENDING, FAILURE]], ids=["made", "written anew"])
async def test_a_commit_is_told_its_end_though_the_forge_takes_no_annotation(say, jobs, forge_checks, wanted):
    forge_checks.takes_annotations = False
    await failed_job(jobs)
    await say(*wanted)
    (run,) = forge_checks.of(SHA)
    assert (run.fields["conclusion"], run.annotations) == ("failure", [])


async def test_annotations_are_not_doubled_by_another_final_word(say, jobs, forge_checks):
    await failed_job(jobs)
    await say(FAILURE, Status(StatusState.ERROR, "trueup", "superseded by abc"))
    (run,) = forge_checks.of(SHA)
    assert [body["conclusion"] for body in run.writes] == ["failure", "cancelled"]
    assert len(run.annotations) == 1


async def test_a_held_commit_stays_in_progress_in_the_same_run(say, forge_checks):
    await say(PENDING, HELD, SUCCESS)
    (run,) = forge_checks.of(SHA)
    assert [body["output"]["title"] for body in run.writes] == ["syncing", "held: approve it", "live"]


async def test_when_a_person_asks_for_more_a_newer_run_stands_over_the_older(say, forge_checks):
    await say(PENDING, FAILURE, PENDING, SUCCESS, may_reopen=True)
    assert [run.fields["conclusion"] for run in forge_checks.of(SHA)] == ["failure", "success"]


async def test_a_run_is_found_again_when_redis_was_lost(say, redis, forge_checks):
    await say(PENDING)
    await redis.flushdb()
    await say(SUCCESS)
    (run,) = forge_checks.of(SHA)
    assert run.fields["conclusion"] == "success"


async def test_a_write_whose_answer_was_lost_is_not_done_twice(say, redis, keys, forge_checks):
    await say(PENDING)
    await redis.delete(keys.check("trueup/shop", SHA, "trueup"), keys.posted("trueup/shop", SHA, "trueup"))
    await say(PENDING)
    assert len(forge_checks.of(SHA)) == 1


async def test_a_run_whose_answer_was_lost_is_neither_written_nor_annotated_again(say, jobs, forge_server, forge_checks):
    await say(PENDING)
    await failed_job(jobs)
    forge_server.losing = 1
    await say(FAILURE, FAILURE)
    (run,) = forge_checks.of(SHA)
    assert (len(run.writes), len(run.annotations)) == (2, 1)
    await say(PENDING, may_reopen=True)
    assert len(forge_checks.of(SHA)) == 2, "that it is completed is known"


async def test_a_run_that_the_forge_has_no_more_is_made_anew(say, forge_checks):
    await say(PENDING)
    forge_checks.runs.clear()
    await say(SUCCESS)
    assert [run.fields["conclusion"] for run in forge_checks.of(SHA)] == ["success"]


async def test_runs_of_others_by_the_same_name_are_left(say, session, shop, forge_checks):
    async with session.post(
        f"{shop.api}/repos/acme/shop/check-runs", json={"name": "trueup", "head_sha": SHA, "external_id": "x", "status": "queued"},
        headers={"Authorization": f"Bearer {TOKEN}"},
    ) as response:  # fmt: skip
        assert response.status == 201
    await say(SUCCESS)
    assert [run.fields["status"] for run in forge_checks.of(SHA)] == ["queued", "completed"]


async def test_an_app_that_may_not_write_checks_is_told_what_it_needs(say, forge_server):
    await say(PENDING)
    forge_server.failures = [(403, {}), (403, {})]
    with structlog.testing.capture_logs() as lines:
        await say(SUCCESS)
    assert "needs the permission `checks: write`, which the GitHub App must have" in lines[-1]["error"]


async def test_what_is_left_in_progress_is_found(say, statuses, shop, forge_server):
    forge_server.commits["acme/shop"] = [SHA, "b" * 40]
    await say(PENDING)
    assert await statuses.left_pending(shop, "refs/heads/main", "trueup") == [SHA]
    await say(SUCCESS)
    assert await statuses.left_pending(shop, "refs/heads/main", "trueup") == []
