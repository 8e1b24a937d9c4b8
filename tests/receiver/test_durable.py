"""What was answered with 2xx is on disk, and what could not be put there is answered with 503: a real Valkey that fails."""

import asyncio
import os
import signal

import pytest

from jobs import intake
from tests.servers.front_door import front_door, push_of, signed


@pytest.fixture
async def door(own_valkey, keys):
    async with front_door(own_valkey.url, keys, durable_timeout=0.5) as door:
        yield door


def deliver(door, delivery):
    return door.send(push_of(), signed(push_of(), delivery=delivery))


def is_asked_to_come_again(answer):
    return (answer.status, answer.headers.get("Retry-After")) == (503, "5")


async def test_what_was_accepted_survives_a_power_cut(door, own_valkey):
    answers = await asyncio.gather(*(deliver(door, f"d{number}") for number in range(50)))
    own_valkey.kill()
    own_valkey.start()
    again = await asyncio.gather(*(deliver(door, f"d{number}") for number in range(50)))
    assert {answer.status for answer in answers} == {202}
    assert {answer.status for answer in again} == {200}
    assert [answer.json["id"] for answer in again] == [answer.json["id"] for answer in answers]


async def test_while_redis_is_down_forges_are_asked_to_come_again(door, own_valkey):
    await deliver(door, "before")
    own_valkey.kill()
    assert all(is_asked_to_come_again(answer) for answer in await asyncio.gather(*(deliver(door, f"d{n}") for n in range(20))))
    own_valkey.start()
    assert (await deliver(door, "before")).status == 200
    assert (await deliver(door, "d0")).status in (200, 202), "a step that was still tried may have stored it"


async def test_a_file_that_is_written_late_is_not_promised(door):
    await door.front.redis.config_set("appendfsync", "no")
    first = await deliver(door, "d1")
    assert is_asked_to_come_again(first)
    await door.front.redis.config_set("appendfsync", "always")
    again = await deliver(door, "d1")
    assert again.status == 200, "it was stored all the same, and is one job"
    assert (await deliver(door, "d2")).status == 202


async def test_without_a_file_deliveries_are_taken_in_all_the_same(door):
    await door.front.redis.config_set("appendonly", "no")
    assert [(await deliver(door, delivery)).status for delivery in ("d1", "d2", "d1")] == [202, 202, 200]


async def test_a_file_that_is_switched_on_again_is_waited_for_again(door, own_valkey, monkeypatch):
    monkeypatch.setattr(intake, "NO_AOF_SECONDS", 0.2)
    await door.front.redis.config_set("appendonly", "no")
    await deliver(door, "d1")
    own_valkey.kill()
    own_valkey.start()
    await door.front.redis.config_set("appendfsync", "no")
    await asyncio.sleep(0.2)
    assert is_asked_to_come_again(await deliver(door, "d3"))


@pytest.mark.parametrize("has_scopes", [True, False], ids=["the table is known", "the table is to be read"])
async def test_a_redis_that_is_silent_is_given_up_before_the_forge_gives_up(door, own_valkey, has_scopes):
    await deliver(door, "before")
    if not has_scopes:
        door.front._scopes_at = -1e9
    pid = own_valkey._server._process.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(5):
            assert is_asked_to_come_again(await deliver(door, "d1"))
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (await deliver(door, "before")).status == 200


async def test_a_redis_that_is_full_is_no_crash(door):
    await deliver(door, "before")
    await door.front.redis.config_set("maxmemory", "1")
    assert is_asked_to_come_again(await deliver(door, "d1"))
    await door.front.redis.config_set("maxmemory", "0")
    assert (await deliver(door, "d1")).status == 202
