"""What happens, as it happens, as server-sent events."""

import asyncio
import contextlib
import json

import pytest

from jobs.records import JobState
from receiver.api import events
from tests.servers.front_door import front_door
from tests.servers.patience import until
from tests.servers.records import application_record, job_record


@contextlib.asynccontextmanager
async def listener(door, seconds=5.0):
    """Reads one event after the other: its name and data; a comment has no name."""
    headers = {"Authorization": "Bearer viewer-token"}
    async with door.session.get("/api/v1/events", headers=headers) as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
        assert response.headers["Cache-Control"] == "no-store"

        async def following():
            async with asyncio.timeout(seconds):
                text = (await response.content.readuntil(b"\n\n")).decode()
            fields = dict(line.partition(": ")[::2] for line in text.strip().splitlines())
            return fields.get("event"), json.loads(fields["data"]) if "data" in fields else None

        yield following


async def until_heard(door, count):
    """The receiver's one subscription is there, and so are these who listen."""
    await until(lambda: len(door.front.listeners) >= count)
    await until(lambda: subscribers(door))


async def subscribers(door):
    _, count = await door.front.redis.execute_command("PUBSUB", "NUMSUB", door.front.keys.events)
    return count


async def test_jobs_and_applications_are_told_in_order(door):
    record = job_record()
    async with listener(door) as following:
        await until_heard(door, 1)
        await door.front.jobs.create(record)
        await door.front.jobs.add_stage(record.id, "fetched", "main")
        await door.front.jobs.transition(record.id, JobState.SUCCEEDED, "live")
        await door.front.applications.put([application_record("web")])
        told = [await following() for _ in range(4)]
    assert told == [
        ("job", {"type": "job", "id": record.id, "state": "queued", "detail": ""}),
        ("job", {"type": "job", "id": record.id, "state": "stage", "detail": "fetched"}),
        ("job", {"type": "job", "id": record.id, "state": "succeeded", "detail": ""}),
        ("application", {"type": "application", "id": "trueup/web", "state": "", "detail": ""}),
    ]


async def test_many_listen_by_one_subscription(door):
    async with contextlib.AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(listener(door)) for _ in range(5)]
        await until_heard(door, 5)
        assert await subscribers(door) == 1
        await door.front.jobs.create(job_record())
        assert {(await reader())[0] for reader in readers} == {"job"}


async def test_another_instance_is_not_heard(door, valkey, keys):
    other = type(keys)(f"{keys.instance}-other")
    async with front_door(valkey.url, other) as elsewhere, listener(door) as following:
        await until_heard(door, 1)
        await elsewhere.front.jobs.create(job_record())
        mine = job_record()
        await door.front.jobs.create(mine)
        assert (await following())[1]["id"] == mine.id


async def test_a_quiet_stream_says_that_it_lives(door, monkeypatch):
    monkeypatch.setattr(events, "BEAT_SECONDS", 0.05)
    async with listener(door) as following:
        assert await following() == (None, None)


async def test_who_leaves_is_forgotten(door, monkeypatch):
    monkeypatch.setattr(events, "BEAT_SECONDS", 0.05)
    async with listener(door):
        await until_heard(door, 1)
    await until(lambda: not door.front.listeners)


async def test_a_slow_reader_misses_some_and_holds_nobody_up(door, monkeypatch):
    monkeypatch.setattr(events, "BACKLOG", 3)
    with events.listening(door.front) as slow:
        await until_heard(door, 1)
        for minute in range(10):
            await door.front.jobs.create(job_record(minute))
        async with listener(door) as following:
            await until_heard(door, 2)
            last = job_record()
            await door.front.jobs.create(last)
            while (await following())[1]["id"] != last.id:
                pass  # those before may still be on their way
        assert slow.qsize() == 3


async def test_when_redis_was_away_events_come_again(own_valkey, keys):
    async with front_door(own_valkey.url, keys) as door, listener(door, 15) as following:
        await until_heard(door, 1)
        own_valkey.kill()
        own_valkey.start()
        await until(lambda: subscribers(door), seconds=10)
        record = job_record()
        await door.front.jobs.create(record)
        assert (await following())[1]["id"] == record.id


@pytest.mark.parametrize(("role", "status"), [("", 401), ("nobody", 401)])
async def test_a_token_is_needed(door, role, status):
    assert (await door.ask("GET", "/api/v1/events", role=role)).status == status
