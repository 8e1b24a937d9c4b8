"""A held cluster of the test's own."""

import pytest

from tests.servers.held import held_cluster


@pytest.fixture
async def world(tmp_path, valkey, keys):
    async with held_cluster(tmp_path, valkey.url, keys) as world:
        world.declare({"web": "", "api": ""})
        yield world
