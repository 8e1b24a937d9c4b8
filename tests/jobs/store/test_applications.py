"""Records of applications, and the table of scopes."""

from datetime import UTC, datetime

import pytest

from jobs.records import ApplicationRecord, ScopeRecord
from jobs.store.applications import ApplicationStore


@pytest.fixture
def store(redis, keys):
    return ApplicationStore(redis, keys)


def application(name, **fields):
    return ApplicationRecord(name=name, repository="trueup/shop", updated=datetime(2026, 11, 23, tzinfo=UTC), **fields)


async def test_applications_are_listed_by_name_and_replaced_as_a_whole(store):
    await store.put([application("trueup/web", message="first"), application("trueup/api")])
    await store.put([application("trueup/web", message="second")])
    assert [record.name for record in await store.all()] == ["trueup/api", "trueup/web"]
    assert (await store.get("trueup/web")).message == "second"
    assert await store.get("trueup/none") is None
    await store.put([])


async def test_what_is_no_longer_declared_is_forgotten(store):
    await store.put([application("trueup/web"), application("trueup/api")])
    await store.keep_only(["trueup/api", "trueup/later"])
    assert [record.name for record in await store.all()] == ["trueup/api"]
    await store.keep_only([])
    assert await store.all() == []


async def test_no_table_of_scopes_differs_from_an_empty_one(store):
    assert await store.scopes() is None
    await store.publish_scopes([])
    assert await store.scopes() == ()
    scope = ScopeRecord(scope="github.com/acme/shop", provider="github", repository="trueup/shop", generation=2)
    await store.publish_scopes([scope])
    assert await store.scopes() == (scope,)


async def test_a_change_is_told_to_who_listens(store):
    async with store.redis.pubsub() as channel:
        await channel.subscribe(store.keys.events)
        await channel.get_message(timeout=1)
        await store.put([application("trueup/web")])
        message = await channel.get_message(timeout=1)
    assert b'"type":"application"' in message["data"]
    assert b"trueup/web" in message["data"]


async def test_who_is_introduced_again_is_left_as_it_is(store):
    known = application("trueup/web")
    await store.put([known])
    newcomers = [application(name).model_copy(update={"message": "not synced yet"}) for name in ("trueup/web", "trueup/api")]
    await store.introduce(newcomers)
    await store.introduce([])
    assert [(record.name, record.message) for record in await store.all()] == [
        ("trueup/api", "not synced yet"),
        ("trueup/web", known.message),
    ]
