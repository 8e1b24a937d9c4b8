"""Limits of forges, as all workers know them: what waits, for how long, and that the last request is never used up."""

import time
from types import SimpleNamespace

import aiohttp
import pytest

from jobs import limits as room
from jobs.checks import Checks
from jobs.deployments import Deployments
from jobs.forges.clients import clients
from jobs.forges.forge import Allowance, Status, StatusState
from jobs.forges.github_checks import GitHubChecks
from jobs.forges.tokens import Tokens
from jobs.lease import Heartbeat
from jobs.limits import Held, Limits, hold_seconds
from jobs.statuses import Statuses
from jobs.store.jobs import JobStore
from reconciler.errors import ForgeUnavailable, SourceUnavailable, Stalled
from reconciler.model.declared import Forge, SecretRef
from tests.servers.forges import TOKEN, Limited, declared, on_forge
from tests.servers.git_http import GivenSecrets
from trueup.sandbox.forge import ForgeServer

SHOP, SECRET = on_forge("https://git.example/api"), SecretRef("trueup", "forge")
NOW = 1_800_000_000.0 - 1_800_000_000 % 60 + 20
"""Twenty seconds after a minute has begun."""


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (ForgeUnavailable("slow down", retry_seconds=60.0), 60),
        (ForgeUnavailable("down"), None),
        (SourceUnavailable("Git is busy", retry_seconds=60.0), None),
        (Stalled("no"), None),
    ],
)
async def test_what_a_forge_says_is_known_to_others(redis, keys, error, seconds):
    await Limits(redis, keys).heed(SHOP, SECRET, error)
    until = await Limits(redis, keys).until(SHOP, SECRET)
    assert until == (None if seconds is None else pytest.approx(time.time() + seconds, abs=5))


@pytest.mark.parametrize(
    ("repository", "secret"), [(SHOP, SecretRef("team", "forge")), (SHOP, None), (on_forge("https://other.example/api"), SECRET)]
)
async def test_it_is_of_one_token_at_one_forge(redis, keys, repository, secret):
    await Limits(redis, keys).heed(SHOP, SECRET, ForgeUnavailable("slow down", retry_seconds=60.0))
    assert await Limits(redis, keys).until(repository, secret) is None


async def test_it_ends(redis, keys):
    await Limits(redis, keys).heed(SHOP, SECRET, ForgeUnavailable("slow down", retry_seconds=1.0))
    assert 0 < await redis.pttl(keys.limited(SHOP.api, "trueup/forge")) <= 1000


@pytest.mark.parametrize(
    ("left", "written", "soon", "later"),
    [
        pytest.param(4999, 1, 0, 0, id="there is enough"),
        pytest.param(1000, 1, 0, 0, id="the last that may wait"),
        pytest.param(999, 1, 0, 600, id="a fifth is kept"),
        pytest.param(100, 1, 0, 600, id="the last of ours"),
        pytest.param(99, 1, 600, 600, id="a fiftieth is left to others"),
        pytest.param(-1, 1, 600, 600, id="used up"),
        pytest.param(4999, 120, 0, 0, id="the last in a minute that may wait"),
        pytest.param(4999, 121, 0, 40, id="a third of a minute is kept"),
        pytest.param(4999, 180, 0, 40, id="the last in a minute"),
        pytest.param(4999, 181, 40, 40, id="a minute is full"),
        pytest.param(99, 181, 600, 600, id="the longer of both"),
        pytest.param(4999, None, 0, 0, id="a forge that does not count what is written"),
    ],
)
def test_how_long_something_waits(left, written, soon, later):
    allowance = Allowance(5000, left, NOW + 600)
    assert [hold_seconds(allowance, written, NOW, may_wait=may_wait) for may_wait in (False, True)] == [soon, later]


@pytest.mark.parametrize(("left", "held"), [(0, 0.0), (-1, 600.0)])
def test_the_last_of_a_small_allowance_is_used(left, held):
    assert hold_seconds(Allowance(4, left, NOW + 600), None, NOW, may_wait=True) == held


def test_what_was_said_of_a_time_that_is_over_holds_nothing():
    assert hold_seconds(Allowance(5000, 0, NOW - 1), None, NOW, may_wait=True) == 0


async def noted(redis, keys, *said):
    """As if a forge had answered so."""
    for allowance in said:
        await Limits(redis, keys)._note(keys=[keys.allowance(SHOP.api, "trueup/forge")], args=[*allowance])
    return Allowance.parse(await redis.hgetall(keys.allowance(SHOP.api, "trueup/forge")))


@pytest.mark.parametrize(
    ("said", "known"),
    [
        pytest.param([(9, 5, 100), (9, 6, 100)], (9, 5, 100), id="an answer that was overtaken"),
        pytest.param([(9, 5, 100), (9, 4, 101)], (9, 4, 100), id="a second is no new time"),
        pytest.param([(9, 0, 100), (9, 8, 160)], (9, 8, 160), id="a new time"),
        pytest.param([(9, 8, 160), (9, 0, 100)], (9, 8, 160), id="an answer of the time before"),
    ],
)
async def test_the_least_that_was_said_within_a_time_counts(redis, keys, said, known):
    assert await noted(redis, keys, *said) == Allowance(*known)


async def test_those_that_wait_get_a_turn_each_and_count_for_nothing(redis, keys, monkeypatch):
    now = time.time() // 60 * 60 + 60
    monkeypatch.setattr(room, "time", SimpleNamespace(time=lambda: now))
    await noted(redis, keys, (5000, 4999, now + 3000))
    limits = Limits(redis, keys)
    turns = [await limits.until(SHOP, SECRET) for _ in range(183)]
    assert turns[:180] == [None] * 180
    assert turns[180:] == pytest.approx([now + 60, now + 60 + 1 / 3, now + 60 + 2 / 3], abs=1e-3)
    assert await limits.until(SHOP, SECRET, may_wait=True) == now + 60
    assert await noted(redis, keys) == Allowance(5000, 4819, now + 3000)


@pytest.mark.parametrize(("forge", "names"), [(Forge.GITHUB, "X-RateLimit"), (Forge.GITLAB, "RateLimit")])
async def test_before_the_last_request_is_used_ends_of_commits_go_first(redis, keys, forge, names):
    limited = Limited(50, int(time.time()) + 3000, names)
    server = ForgeServer()
    server.middlewares.append(limited.middleware)
    await Heartbeat(redis, keys, "w1").beat()
    jobs = JobStore(redis, keys, retention_seconds=60)
    async with server, aiohttp.ClientSession(middlewares=(Limits(redis, keys).note,)) as session:
        told = Checks(redis, keys, GitHubChecks(session), jobs), Deployments(redis, keys, {}, jobs)
        tokens = Tokens(GivenSecrets(forge={"token": TOKEN.encode()}), ())
        statuses, shop = Statuses(redis, keys, "w1", clients(session), tokens, *told), on_forge(server.url, forge)

        async def say(state, numbers):
            for number in numbers:
                await statuses.want(shop, f"{number:040x}", Status(state, "trueup", "so it is"))
            while await statuses.drain(declared(shop)) == 0:
                pass
            return sum(len(server.statuses("acme/shop", f"{number:040x}")) for number in numbers)

        assert await say(StatusState.PENDING, range(60)) == 40, "a fifth is kept"
        assert await say(StatusState.SUCCESS, range(50, 55)) == 5, "those that waited were never pending"
        assert await say(StatusState.SUCCESS, range(40)) == 40 + 4
        assert (limited.used, limited.refused) == (49, 0)


async def test_nothing_is_asked_while_it_is_held(redis, keys):
    limits = Limits(redis, keys)
    await limits.heed(SHOP, SECRET, ForgeUnavailable("slow down", retry_seconds=60.0))
    with pytest.raises(Held, match=r"^trueup/shop: https://git.example/api allows no more for now; it is asked in \d+ s$"):
        async with limits.asking(SHOP, SECRET):
            pytest.fail("it was asked")
