"""Limits of forges, as all workers know them."""

import time

import pytest

from jobs.limits import Limits
from reconciler.errors import ForgeUnavailable, Stalled
from reconciler.model.declared import SecretRef
from tests.servers.forges import on_forge

SHOP, SECRET = on_forge("https://git.example/api"), SecretRef("trueup", "forge")


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (ForgeUnavailable("slow down", retry_seconds=60.0), 60),
        (ForgeUnavailable("down"), None),
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
    assert 0 < await redis.pttl(Limits(redis, keys).key(SHOP, SECRET)) <= 1000
