"""A receiver as a whole: it does not start without a key, has all its routes, and ends in order."""

import asyncio
import contextlib

import pytest
from aiohttp import ClientSession

from receiver.app import create_app, serve
from receiver.settings import ReceiverSettings
from reconciler.errors import Stalled
from tests.servers.front_door import front_door, settings_of
from tests.servers.ports import free_port


def test_without_a_key_it_refuses_to_start(valkey):
    with pytest.raises(Stalled, match="openssl rand -hex 32"):
        create_app(ReceiverSettings(), valkey.url)


@contextlib.asynccontextmanager
async def served(valkey, keys, listen):
    task = asyncio.create_task(serve(settings_of(keys, listen=listen), valkey.url))
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Stalled):
            await task


@pytest.mark.parametrize("listen", ["127.0.0.1:{port}", "{port}", ":{port}", "localhost:{port}"])
async def test_it_answers_where_it_is_told_to(valkey, keys, listen):
    port = free_port()
    async with served(valkey, keys, listen.format(port=port)), ClientSession() as session, asyncio.timeout(10):
        while True:
            with contextlib.suppress(OSError):
                async with session.get(f"http://127.0.0.1:{port}/healthz") as response:
                    assert response.status == 200
                    return
            await asyncio.sleep(0.02)


async def test_a_port_that_is_taken_is_named_with_its_setting(valkey, keys):
    async with front_door(valkey.url, keys) as door:
        with pytest.raises(Stalled, match=rf"127\.0\.0\.1:{door.port}: .*TRUEUP_LISTEN"):
            await serve(settings_of(keys, listen=f"127.0.0.1:{door.port}"), valkey.url)


async def test_what_runs_beside_the_requests_ends_with_them(valkey, keys):
    before = asyncio.all_tasks()
    async with front_door(valkey.url, keys):
        pass
    assert asyncio.all_tasks() == before


async def test_an_open_event_stream_does_not_hold_up_the_end(valkey, keys):
    loop = asyncio.get_running_loop()
    headers = {"Authorization": "Bearer viewer-token"}
    async with ClientSession() as reader, contextlib.AsyncExitStack() as stack:
        async with front_door(valkey.url, keys) as door:
            url = f"http://127.0.0.1:{door.port}/api/v1"
            await stack.enter_async_context(reader.get(f"{url}/events", headers=headers))
            waiting = asyncio.create_task(reader.get(f"{url}/commits/{'a' * 40}?wait=60s", headers=headers))
            await asyncio.sleep(0.1)
            began = loop.time()
        assert loop.time() - began < 3
        assert (await waiting).status == 200, "who waited is told what is known so far"
