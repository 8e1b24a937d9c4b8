"""Deployments, by way of the statuses that they stand beside: one a commit and environment, written twice, at each forge that has them."""

from datetime import UTC, datetime, timedelta

import pytest

from jobs.checks import Checks
from jobs.deployments import Deployments
from jobs.forges.clients import clients
from jobs.forges.deployers import deployers
from jobs.forges.forge import Status, StatusState
from jobs.forges.github_checks import GitHubChecks
from jobs.forges.tokens import Tokens
from jobs.lease import Heartbeat
from jobs.records import JobKind, JobRecord, JobState
from jobs.statuses import Statuses
from jobs.store.jobs import JobStore
from reconciler.model.declared import Forge
from tests.servers.forges import TOKEN, declared, on_forge
from tests.servers.git_http import GivenSecrets

SHA = "a" * 40
PENDING = Status(StatusState.PENDING, "trueup/prod", "syncing", "https://trueup.example/jobs/1")
HELD = Status(StatusState.PENDING, "trueup/prod", "held: approve it")
SUCCESS = Status(StatusState.SUCCESS, "trueup/prod", "live" * 100, "https://trueup.example/jobs/1")
FAILURE = Status(StatusState.FAILURE, "trueup/prod", "web: refused")
OVERTAKEN = Status(StatusState.ERROR, "trueup/prod", "superseded by abc")

WORDS = {
    Forge.GITHUB: ["pending", "success", "failure", "inactive"],
    Forge.GITLAB: ["running", "success", "failed", "canceled"],
}


@pytest.fixture(params=WORDS)
def forge(request):
    return request.param


@pytest.fixture
def shop(forge_server, forge):
    return on_forge(forge_server.url, forge, deployments=True)


@pytest.fixture
def said(forge):
    """Our words for the forge's."""
    return dict(zip(WORDS[forge], ["pending", "success", "failure", "overtaken"], strict=True))


@pytest.fixture
async def statuses(redis, keys, session):
    await Heartbeat(redis, keys, "w1").beat()
    jobs = JobStore(redis, keys, retention_seconds=60)
    now = datetime.now(UTC)
    about = {"repository": "trueup/shop", "commit": SHA, "ref": "refs/heads/main", "created": now, "updated": now}
    await jobs.create(JobRecord(id="0" * 26, kind=JobKind.PUSH, state=JobState.RUNNING, **about))
    checks, told = Checks(redis, keys, GitHubChecks(session), jobs), Deployments(redis, keys, deployers(session), jobs)
    tokens = Tokens(GivenSecrets(forge={"token": TOKEN.encode()}), ())
    return Statuses(redis, keys, "w1", clients(session), tokens, checks, told)


@pytest.fixture
def say(statuses, shop, redis, keys):
    async def say(*wanted, **more):
        for status in wanted:
            await statuses.want(shop, SHA, status, **more)
            for field in await redis.zrange(keys.statuses, 0, -1):
                await redis.zadd(keys.statuses, {field: 0})
            await statuses.drain(declared(shop))

    return say


@pytest.fixture
def states(forge_deployments, said):
    return lambda: [[said[state] for state in found.states] for found in forge_deployments.all]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ([PENDING, SUCCESS], [["pending", "success"]]),
        ([PENDING, PENDING, HELD, SUCCESS, SUCCESS], [["pending", "success"]]),
        ([FAILURE], [["pending", "failure"]]),
        ([PENDING, OVERTAKEN], [["pending", "overtaken"]]),
        ([OVERTAKEN], []),
        ([HELD], [["pending"]]),
    ],
    ids=["success", "held", "at once", "overtaken", "overtaken at once", "waiting"],
)
async def test_two_writes_at_most(say, states, wanted, told):
    await say(*wanted)
    assert states() == told


async def test_it_is_told_where_and_what_and_beside_the_status(say, forge, forge_deployments, forge_server):
    await say(PENDING, SUCCESS)
    (found,) = forge_deployments.all
    assert (found.commit, found.environment) == (SHA, "trueup/prod")
    if forge is Forge.GITLAB:
        assert (found.body["ref"], found.body["tag"]) == ("main", False)
    else:
        assert found.last["log_url"] == SUCCESS.target_url
    assert [status.state for status in forge_server.statuses("acme/shop", SHA)] == ["pending", "success"]


async def test_it_is_of_the_branch_that_was_pushed_and_not_of_its_pull_request(say, forge, forge_deployments, redis, keys):
    later = datetime.now(UTC) + timedelta(seconds=1)
    about = {"repository": "trueup/shop", "commit": SHA, "ref": "refs/pull/7/head", "created": later, "updated": later}
    plan = JobRecord(id="1" * 26, kind=JobKind.PLAN, state=JobState.SUCCEEDED, **about)
    await JobStore(redis, keys, retention_seconds=60).create(plan)
    await say(PENDING, SUCCESS)
    assert forge_deployments.all[0].body["ref"] == ("main" if forge is Forge.GITLAB else SHA)


async def test_when_a_person_asks_for_more_there_is_another(say, states):
    await say(PENDING, FAILURE, PENDING, SUCCESS, may_reopen=True)
    assert states() == [["pending", "failure"], ["pending", "success"]]


async def test_it_is_found_again_when_redis_was_lost(say, states, redis):
    await say(PENDING)
    await redis.flushdb()
    await say(SUCCESS)
    assert states() == [["pending", "success"]]


async def test_a_last_word_whose_answer_was_lost_is_no_harm(say, redis, forge_deployments):
    await say(PENDING, SUCCESS)
    await redis.delete(*[key async for key in redis.scan_iter(match="*posted*")])
    await say(SUCCESS)
    assert len(forge_deployments.all) == 1


async def test_what_was_taken_and_its_answer_lost_is_not_said_again(say, states, forge_server):
    for status in (PENDING, FAILURE, PENDING, SUCCESS):
        forge_server.losing = 2
        await say(status, status, may_reopen=True)
    assert states() == [["pending", "failure"], ["pending", "success"]]


async def test_a_plan_is_no_deployment(say, states, forge_server):
    await say(PENDING, SUCCESS, deploys=False)
    assert states() == []
    assert len(forge_server.statuses("acme/shop", SHA)) == 2


async def test_where_they_are_not_wanted_there_are_none(statuses, forge_server, forge, forge_deployments):
    shop = on_forge(forge_server.url, forge)
    await statuses.want(shop, SHA, SUCCESS)
    await statuses.drain(declared(shop))
    assert forge_deployments.all == []
    assert len(forge_server.statuses("acme/shop", SHA)) == 1


async def test_a_token_that_may_not_is_told_so_and_the_status_is_posted(say, states, forge_server):
    forge_server.failures = [(403, {})]
    await say(PENDING)
    assert states() in ([], [["pending"]])
    assert len(forge_server.requests) >= 2
