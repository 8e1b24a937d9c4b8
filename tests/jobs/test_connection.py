"""The embedded Valkey, and a client that outlives a restart."""

import asyncio
import os
import random
import stat

import pytest

from jobs.connection import connect, redis_url
from jobs.settings import JobSettings
from reconciler.errors import Stalled


@pytest.fixture
def settings(tmp_path_factory):
    return JobSettings(state=tmp_path_factory.mktemp("s"))


async def test_a_given_address_is_used_as_it_is(tmp_path):
    async with redis_url(JobSettings(state=tmp_path, redis_url="redis://:p@host/1")) as url:
        assert url == "redis://:p@host/1"
    assert list(tmp_path.iterdir()) == []


async def test_what_the_embedded_valkey_was_told_is_there_after_a_restart(settings):
    for expected in (None, b"kept"):
        async with redis_url(settings) as url, connect(url) as client:
            assert await client.get("x") == expected
            assert (await client.config_get("appendonly"))["appendonly"] == "yes"
            assert (await client.config_get("maxmemory-policy"))["maxmemory-policy"] == "noeviction"
            assert (await client.config_get("port"))["port"] == "0"
            await client.set("x", "kept")
    assert stat.S_IMODE(settings.valkey_directory.stat().st_mode) == 0o700


async def test_the_embedded_valkey_ends_with_the_block(settings):
    async with redis_url(settings) as url, connect(url) as client:
        pid = (await client.info("server"))["process_id"]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_command_outlives_a_restart_of_the_server(own_valkey):
    async with connect(own_valkey.url) as client:
        await client.set("x", "1")
        own_valkey.kill()
        restart = asyncio.create_task(asyncio.to_thread(own_valkey.start))
        assert await client.get("x") == b"1"
        await restart


async def test_a_command_that_is_cancelled_as_it_is_sent_stays_cancelled(settings):
    """Python 3.11 loses one in five of these without care; the loops of a worker would not end then."""
    async with redis_url(settings) as url, connect(url) as client:
        await client.ping()

        async def ping_forever():
            while True:
                await client.ping()
                assert not asyncio.current_task().cancelling(), "the cancellation was swallowed"

        dice = random.Random(1)
        for _ in range(200):
            tasks = [asyncio.create_task(ping_forever()) for _ in range(3)]
            await asyncio.sleep(dice.random() * 0.002)
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert [type(end) for end in ended] == [asyncio.CancelledError] * 3
        assert await client.ping()


async def test_a_directory_that_cannot_be_written_is_named_with_its_setting(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Stalled, match="Not a directory; give another with TRUEUP_STATE"):
        async with redis_url(JobSettings(state=tmp_path / "file")):
            pass
