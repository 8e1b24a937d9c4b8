"""Wanted and posted statuses: at most one pending and one final write, in that order, whatever the forge and the workers do."""

import asyncio
import itertools
import time

import pytest
import structlog

from jobs import errands
from jobs.checks import Checks
from jobs.deployments import Deployments
from jobs.forges.forge import Status, StatusState
from jobs.forges.github import GitHub
from jobs.forges.github_checks import GitHubChecks
from jobs.forges.tokens import Tokens
from jobs.lease import Heartbeat
from jobs.statuses import AT_ONCE_EACH, REFUSED_SECONDS, REFUSED_TRIES, Statuses, Subject
from jobs.store.jobs import JobStore
from reconciler.errors import Stalled
from reconciler.model.declared import Declarations, Forge, SecretRef
from tests.servers.forges import TOKEN, declared, on_forge
from tests.servers.git_http import GivenSecrets
from trueup.sandbox.forge import ForgeServer

SHA = "a" * 40
PENDING = Status(StatusState.PENDING, "trueup", "syncing")
HELD = Status(StatusState.PENDING, "trueup", "held: approve it")
SUCCESS = Status(StatusState.SUCCESS, "trueup", "live")
FAILURE = Status(StatusState.FAILURE, "trueup", "web: refused")


@pytest.fixture
def shop(forge_server):
    return on_forge(forge_server.url)


@pytest.fixture
async def make(redis, keys, session):
    await asyncio.gather(*(Heartbeat(redis, keys, f"w{number}").beat() for number in range(10)))
    numbers = itertools.count()

    def statuses(**secret: bytes) -> Statuses:
        secrets = GivenSecrets(forge=secret or {"token": TOKEN.encode()})
        jobs = JobStore(redis, keys, retention_seconds=60)
        checks, deployments = Checks(redis, keys, GitHubChecks(session), jobs), Deployments(redis, keys, {}, jobs)
        return Statuses(
            redis, keys, f"w{next(numbers)}", {Forge.GITHUB: GitHub(session)}, Tokens(secrets, ("http",)), checks, deployments
        )

    return statuses


@pytest.fixture
def statuses(make):
    return make()


@pytest.fixture
def states(forge_server):
    return lambda: [status.state for status in forge_server.statuses("acme/shop", SHA)]


async def make_due(redis, keys):
    for field in await redis.zrange(keys.statuses, 0, -1):
        await redis.zadd(keys.statuses, {field: 0})


async def test_that_it_is_pending_is_said_once_whatever_job_says_so(statuses, shop, states):
    for job in ("1", "2"):
        await statuses.want(shop, SHA, Status(StatusState.PENDING, "trueup", "syncing", f"https://t/jobs/{job}"))
        await statuses.drain(declared(shop))
    assert states() == ["pending"]
    await statuses.want(shop, SHA, HELD)
    await statuses.drain(declared(shop))
    assert states() == ["pending", "pending"], "why it is held is news"


async def test_one_pending_and_one_final(statuses, shop, states):
    await statuses.want(shop, SHA, PENDING)
    await statuses.drain(declared(shop))
    await statuses.want(shop, SHA, PENDING)
    await statuses.drain(declared(shop))
    await statuses.want(shop, SHA, SUCCESS)
    assert await statuses.drain(declared(shop)) is None
    await statuses.want(shop, SHA, SUCCESS)
    await statuses.drain(declared(shop))
    assert states() == ["pending", "success"]


async def test_a_final_one_that_comes_first_leaves_no_pending_to_post(statuses, shop, states):
    await statuses.want(shop, SHA, PENDING)
    await statuses.want(shop, SHA, SUCCESS)
    await statuses.drain(declared(shop))
    assert states() == ["success"]


@pytest.mark.parametrize("is_posted", [False, True])
async def test_never_pending_after_final(statuses, shop, states, is_posted):
    await statuses.want(shop, SHA, SUCCESS)
    if is_posted:
        await statuses.drain(declared(shop))
    await statuses.want(shop, SHA, PENDING)
    await statuses.drain(declared(shop))
    assert states() == ["success"]


async def test_a_person_may_open_it_again(statuses, shop, states):
    for status in (FAILURE, PENDING, SUCCESS):
        await statuses.want(shop, SHA, status, may_reopen=True)
        await statuses.drain(declared(shop))
    assert states() == ["failure", "pending", "success"]


async def test_a_held_commit_says_so_while_it_stays_pending(statuses, shop, forge_server):
    for status in (PENDING, HELD):
        await statuses.want(shop, SHA, status)
        await statuses.drain(declared(shop))
    assert [s.description for s in forge_server.statuses("acme/shop", SHA)] == ["syncing", "held: approve it"]


@pytest.mark.parametrize(("status", "least"), [(500, 0.5), (429, 59)])
async def test_a_forge_in_trouble_is_tried_again_as_it_asks(statuses, shop, forge_server, redis, keys, states, status, least):  # noqa: PLR0917
    forge_server.failures = [(status, {})]
    await statuses.want(shop, SHA, PENDING)
    seconds = await statuses.drain(declared(shop))
    assert least <= seconds <= 61
    await redis.delete(keys.limited(shop.api, "trueup/forge"))
    await make_due(redis, keys)
    assert await statuses.drain(declared(shop)) is None
    assert states() == ["pending"]


async def test_the_final_one_does_not_wait_for_a_pending_one_that_failed(statuses, shop, forge_server, states):
    forge_server.failures = [(500, {})]
    await statuses.want(shop, SHA, PENDING)
    await statuses.drain(declared(shop))
    await statuses.want(shop, SHA, SUCCESS)
    assert await statuses.drain(declared(shop)) is None
    assert states() == ["success"]


@pytest.mark.parametrize("more", [{}, {"Retry-After": "60"}], ids=["429", "with Retry-After"])
async def test_while_a_forge_wants_nothing_it_is_sent_nothing(make, shop, forge_server, redis, keys, states, more):  # noqa: PLR0917
    one, other = make(), make()
    forge_server.failures = [(429, more)]
    await one.want(shop, SHA, PENDING)
    await one.drain(declared(shop))
    await one.want(shop, SHA, SUCCESS)
    await one.want(shop, "b" * 40, SUCCESS)
    assert 55 < await other.drain(declared(shop)) <= 60
    assert len(forge_server.requests) == 1
    await redis.delete(keys.limited(shop.api, "trueup/forge"))
    await make_due(redis, keys)
    assert await one.drain(declared(shop)) is None
    assert states() == ["success"]


async def test_another_token_is_not_limited(make, shop, forge_server):
    statuses, other = make(), on_forge(shop.api, name="other", secret=SecretRef("team", "forge"))
    forge_server.failures = [(429, {})]
    await statuses.want(shop, SHA, SUCCESS)
    await statuses.drain(declared(shop, other))
    await statuses.want(other, SHA, SUCCESS)
    await statuses.drain(declared(shop, other))
    assert len(forge_server.statuses("acme/other", SHA)) == 1


async def test_a_status_whose_answer_was_lost_is_not_posted_again(statuses, shop, forge_server, redis, keys, states):  # noqa: PLR0917
    for status in (PENDING, SUCCESS):
        forge_server.losing = 1
        await statuses.want(shop, SHA, status)
        assert await statuses.drain(declared(shop)) is not None, "nobody knows that it was taken"
        await make_due(redis, keys)
        assert await statuses.drain(declared(shop)) is None
    assert states() == ["pending", "success"]
    assert not await redis.exists(keys.status_attempts)


async def test_what_a_worker_died_over_before_it_heard_the_answer_is_not_posted_again(make, shop, forge_server, states):
    dying, other = make(), make()
    await dying.want(shop, SHA, SUCCESS)
    forge_server.late = asyncio.Event()
    posting = asyncio.create_task(dying.drain(declared(shop)))
    while not states():  # noqa: ASYNC110 - a server on another task
        await asyncio.sleep(0.01)
    posting.cancel()
    await dying.close()
    forge_server.late.set()
    assert await other.drain(declared(shop)) is None
    assert states() == ["success"]


async def test_a_token_that_may_not_read_statuses_still_writes_them(statuses, shop, forge_server, redis, keys, states):  # noqa: PLR0917
    forge_server.failures = [(500, {}), (403, {})]
    await statuses.want(shop, SHA, SUCCESS)
    await statuses.drain(declared(shop))
    await make_due(redis, keys)
    assert await statuses.drain(declared(shop)) is None
    assert states() == ["success"]


async def test_a_forge_that_does_not_answer_takes_no_place_of_others(statuses, shop, forge_server, monkeypatch):
    monkeypatch.setattr(errands, "PATIENCE_SECONDS", 0.1)
    async with ForgeServer() as silent:
        silent.silent = asyncio.Event()
        hanging = on_forge(silent.url, name="hanging")
        await asyncio.gather(*(statuses.want(hanging, f"{number:040}", SUCCESS) for number in range(600)))
        await statuses.drain(declared(hanging, shop))
        started = time.monotonic()
        await statuses.want(shop, SHA, SUCCESS)
        await statuses.drain(declared(hanging, shop))
        assert len(forge_server.statuses("acme/shop", SHA)) == 1
        assert time.monotonic() - started < 1.5
        assert len(silent.requests) == AT_ONCE_EACH
        await statuses.close()
        silent.silent.set()


async def test_one_forge_in_trouble_does_not_keep_others_waiting(statuses, shop, forge_server, states):
    broken = [on_forge("http://127.0.0.1:1", name=f"broken{number}") for number in range(5)]
    for repository in [*broken, shop]:
        await statuses.want(repository, SHA, SUCCESS)
    await statuses.drain(declared(*broken, shop))
    assert states() == ["success"]
    assert forge_server.requests


async def test_a_final_one_wanted_while_the_pending_one_is_under_way_comes_after_it(make, shop, forge_server, states):
    one, other = make(), make()
    forge_server.silent = asyncio.Event()
    await one.want(shop, SHA, PENDING)
    posting = asyncio.create_task(one.drain(declared(shop)))
    while not forge_server.requests:  # noqa: ASYNC110 - a server on another task
        await asyncio.sleep(0.01)
    await other.want(shop, SHA, SUCCESS)
    assert await other.drain(declared(shop)) == 0.0
    forge_server.silent.set()
    await posting
    await other.drain(declared(shop))
    assert states() == ["pending", "success"]


async def test_many_workers_post_each_status_once(make, shop, states):
    workers = [make() for _ in range(5)]
    await workers[0].want(shop, SHA, SUCCESS)
    await asyncio.gather(*(worker.drain(declared(shop)) for worker in workers))
    assert states() == ["success"]


async def test_a_worker_that_died_while_posting_does_not_keep_it(statuses, shop, redis, keys, states):
    await statuses.want(shop, SHA, SUCCESS)
    await redis.set(keys.posting("trueup/shop", SHA, "trueup"), "w9")
    await statuses.drain(declared(shop))
    assert states() == [], "w9 lives"
    await redis.delete(keys.worker("w9"))
    await statuses.drain(declared(shop))
    assert states() == ["success"]


@pytest.mark.parametrize(
    "secret",
    [{"password": b"x"}, {"token": b""}, {"token": b"a\nb"}, {"token": b"\xff"}],
    ids=["no-key", "empty", "lines", "bytes"],
)
async def test_a_token_that_is_none_is_reported_and_asked_for_again(make, shop, secret):
    statuses = make(**secret)
    await statuses.want(shop, SHA, SUCCESS)
    assert await statuses.drain(declared(shop)) == pytest.approx(REFUSED_SECONDS, abs=5)
    with pytest.raises(Stalled, match=r"Secret forge.* key `token` "):
        await statuses.left_pending(shop, "refs/heads/main", "trueup")


async def test_what_a_forge_refuses_for_a_day_is_dropped(statuses, shop, forge_server, redis, keys):
    await statuses.want(shop, SHA, SUCCESS)
    await redis.hset(keys.status_attempts, str(Subject("trueup/shop", SHA, "trueup")), REFUSED_TRIES - 1)
    forge_server.failures = [(422, {}), (422, {})]
    assert await statuses.drain(declared(shop)) is None
    assert not await redis.exists(keys.statuses, keys.open_statuses, keys.status_attempts)


async def test_what_a_forge_takes_no_more_of_is_said_once_and_not_tried_for_a_day(statuses, shop, forge_server, redis, keys):
    forge_server.failures = [(422, {})]
    forge_server.message = "This SHA and context has reached the maximum number of statuses."
    with structlog.testing.capture_logs() as lines:
        for status in (PENDING, SUCCESS):
            await statuses.want(shop, SHA, status)
            assert await statuses.drain(declared(shop)) is None
    assert len(forge_server.requests) == 1
    assert [line["event"] for line in lines] == ["status.dropped"]
    assert 86000 < await redis.ttl(keys.full("trueup/shop", SHA, "trueup")) <= 86400
    await redis.delete(keys.full("trueup/shop", SHA, "trueup"))
    await statuses.want(shop, SHA, FAILURE)
    await statuses.drain(declared(shop))
    assert [status.state for status in forge_server.statuses("acme/shop", SHA)] == ["failure"]


async def test_before_anything_is_declared_nothing_is_forgotten(statuses, shop, states):
    await statuses.want(shop, SHA, SUCCESS)
    assert await statuses.drain(Declarations()) is None
    await statuses.drain(declared(shop))
    assert states() == ["success"]


async def test_a_repository_that_is_no_longer_declared_is_forgotten(statuses, shop, redis, keys, states):
    await statuses.want(shop, SHA, SUCCESS)
    assert await statuses.drain(declared(on_forge(shop.api, name="other"))) is None
    assert states() == []
    assert not await redis.exists(keys.statuses, keys.open_statuses)


@pytest.mark.parametrize(
    ("forge", "policy"), [(Forge.GITHUB, {"enabled": False}), (Forge.GITHUB, {"secret": None}), (Forge.GENERIC, {})]
)
async def test_where_statuses_are_off_nothing_is_stored(statuses, forge_server, redis, keys, forge, policy):  # noqa: PLR0917
    repository = on_forge(forge_server.url, forge, **policy)
    await statuses.want(repository, SHA, SUCCESS)
    assert not await redis.exists(keys.statuses, keys.open_statuses)
    assert await statuses.left_pending(repository, "refs/heads/main", "trueup") == []


async def test_what_is_left_pending_without_work_is_closed(statuses, shop, states):
    other = "b" * 40
    for commit in (SHA, other):
        await statuses.want(shop, commit, PENDING)
    await statuses.drain(declared(shop))

    async def verdict(subject):
        return FAILURE if subject == Subject("trueup/shop", SHA, "trueup") else None

    assert await statuses.sweep(verdict) == 1
    await statuses.drain(declared(shop))
    assert await statuses.sweep(verdict) == 0
    assert states() == ["pending", "failure"]


async def test_more_than_a_batch_is_posted_in_the_next_round(statuses, shop, forge_server):
    started = time.monotonic()
    commits = [f"{number:040}" for number in range(50)]
    for commit in commits:
        await statuses.want(shop, commit, SUCCESS)
    while await statuses.drain(declared(shop)) is not None:
        assert time.monotonic() - started < 20
    assert all(len(forge_server.statuses("acme/shop", commit)) == 1 for commit in commits)
