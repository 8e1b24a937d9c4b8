"""The table of scopes is believed for a second, and never longer than Redis is there to say otherwise."""

import asyncio

import pytest

from jobs.records import ScopeRecord
from receiver import front as module
from tests.servers.front_door import front_door, push_of, signed

OTHER = ScopeRecord(scope="git.example/acme/other", provider="github", repository="trueup/other")


async def test_it_is_believed_for_a_while(door, monkeypatch):
    monkeypatch.setattr(module, "SCOPES_SECONDS", 0.2)
    known = await door.front.scopes()
    await door.front.applications.publish_scopes([OTHER])
    assert await door.front.scopes() == known
    await asyncio.sleep(0.25)
    assert await door.front.scopes() == (OTHER,)


async def test_that_nobody_has_said_is_not_believed_at_all(valkey, keys):
    async with front_door(valkey.url, keys, has_scopes=False) as door:
        assert await door.front.scopes() is None
        await door.front.applications.publish_scopes([OTHER])
        assert await door.front.scopes() == (OTHER,)


async def test_a_silent_redis_is_given_up_before_the_forge_gives_up(valkey, keys, monkeypatch):
    async with front_door(valkey.url, keys, durable_timeout=0.2) as door:

        async def never():
            await asyncio.Event().wait()

        monkeypatch.setattr(type(door.front.applications), "scopes", lambda _: never())
        with pytest.raises(TimeoutError):
            await door.front.scopes()
        async with asyncio.timeout(3):
            answer = await door.send(push_of(), signed(push_of()))
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
