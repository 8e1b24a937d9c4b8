"""Records of applications, and the table of scopes."""

from datetime import UTC, datetime, timedelta

import pytest

from jobs.dora import DeploymentRecord
from jobs.records import ApplicationRecord, JobKind, ObjectHealthRecord, OutcomeRecord, ScopeRecord
from jobs.store.applications import ApplicationStore
from reconciler.model.intent import Rollback
from reconciler.model.outcome import HealthStatus, SyncState


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


async def test_applications_in_trouble_are_told_unhealthy_ones_and_those_that_are_rolled_back(store):
    bad = ObjectHealthRecord(object="shop/Deployment/web", status=HealthStatus.DEGRADED, reason="ImagePullBackOff")
    back = Rollback(("a",), ("b",), digest="d1", actor="ann", reason="slow", at="2026-11-23T10:00:00+00:00")
    web, old = application("trueup/web", unhealthy=(bad,)), application("trueup/old", rollback=back)
    await store.put([web, old, application("trueup/api")])
    assert await store.troubled(["trueup/api", "trueup/none", "trueup/old", "trueup/web"]) == {
        "trueup/old": old,
        "trueup/web": web,
    }
    assert await store.troubled([]) == {}


async def test_what_is_no_longer_declared_is_forgotten(store):
    await store.put([application("trueup/web"), application("trueup/api")])
    await store.keep_only(["trueup/api", "trueup/later"])
    assert [record.name for record in await store.all()] == ["trueup/api"]
    await store.keep_only([])
    assert await store.all() == []


def outcome(number):
    return OutcomeRecord(
        revision=f"main@sha1:{number}", commits=(str(number),), state=SyncState.FAILED, kind=JobKind.PUSH, job="j",
        finished=datetime(2026, 11, 23, tzinfo=UTC),
    )  # fmt: skip


def deployment(number, days=0.0):
    finished = datetime(2026, 11, 23, tzinfo=UTC) - timedelta(days=days)
    return DeploymentRecord(
        application="trueup/web", commit=str(number), kind=JobKind.PUSH, state=SyncState.SUCCEEDED, touched=1, received=finished,
        finished=finished,
    )  # fmt: skip


async def test_deployments_are_remembered_oldest_first_for_a_while_and_not_without_end(store, monkeypatch):
    monkeypatch.setattr("jobs.store.applications.DEPLOYMENTS_LENGTH", 3)
    await store.add_deployments([])
    assert await store.deployments() == []
    await store.add_deployments([deployment(1, days=91), deployment(2, days=89)])
    await store.add_deployments([deployment(4), deployment(3, days=1)])
    assert [found.commit for found in await store.deployments()] == ["2", "3", "4"]
    await store.add_deployments([deployment(5)])
    assert {found.commit for found in await store.deployments()} == {"3", "4", "5"}


async def test_the_latest_outcomes_are_kept_newest_first_as_long_as_their_application(store):
    await store.put([application("trueup/web"), application("trueup/api")])
    for number in range(25):
        await store.add_outcomes({"trueup/web": outcome(number)})
    await store.add_outcomes({"trueup/api": outcome(7)})
    await store.add_outcomes({})
    found = await store.histories(["trueup/web", "trueup/api", "trueup/none"])
    assert [entry.commits[0] for entry in found["trueup/web"]] == [str(number) for number in range(24, 4, -1)]
    assert (len(found["trueup/api"]), found["trueup/none"]) == (1, ())
    await store.keep_only(["trueup/api"])
    assert (await store.histories(["trueup/web"]))["trueup/web"] == ()


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
