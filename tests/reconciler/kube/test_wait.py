"""Waiting for health: until all are good, one is degraded for good, time is up, or somebody newer waits."""

import asyncio
import contextlib

import pytest

from reconciler.kube import wait as module
from reconciler.kube.wait import first_of, wait_gone, wait_healthy
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import Health, HealthStatus

A, B = (ObjectKey("", "Pod", "shop", name) for name in "ab")
GOOD, BAD, GOING, PAUSED = (
    Health(status) for status in (HealthStatus.HEALTHY, HealthStatus.DEGRADED, HealthStatus.PROGRESSING, HealthStatus.SUSPENDED)
)


class Index:
    """Objects whose health a test changes."""

    def __init__(self, **healths):
        self.healths = {ObjectKey("", "Pod", "shop", name): health for name, health in healths.items()}
        self.events = []

    @property
    def owned(self):
        return self.healths

    def health(self, key):
        return self.healths.get(key)

    @contextlib.contextmanager
    def noticed(self, keys):
        del keys
        event = asyncio.Event()
        self.events.append(event)
        yield event
        self.events.remove(event)

    def becomes(self, key, health):
        self.healths[key] = health
        for event in self.events:
            event.set()

    def goes(self, key):
        del self.healths[key]
        for event in self.events:
            event.set()


async def waited(index, *, seconds=5.0, preempted=None, told=None):
    heard = told if told is not None else []
    return await wait_healthy(
        index,
        [A, B],
        timeout_seconds=seconds,
        preempted=preempted or asyncio.Event(),
        on_change=lambda *change: heard.append(change),
    )


@pytest.mark.parametrize(("a", "b"), [(GOOD, GOOD), (GOOD, PAUSED)])
async def test_what_is_good_is_not_waited_for(a, b):
    assert await waited(Index(a=a, b=b)) == {A: a, B: b}


async def test_it_ends_as_soon_as_all_are_good_and_tells_each_change_once():
    index, told = Index(a=GOING), []
    task = asyncio.create_task(waited(index, told=told))
    await asyncio.sleep(0.01)
    index.becomes(A, GOING)
    index.becomes(A, GOOD)
    await asyncio.sleep(0.01)
    index.becomes(B, GOOD)
    async with asyncio.timeout(1):
        assert await task == {A: GOOD, B: GOOD}
    assert told == [(A, GOING), (B, Health(HealthStatus.PROGRESSING, "not seen yet")), (A, GOOD), (B, GOOD)]
    assert index.events == [], "nobody listens any more"


async def test_time_is_up():
    index = Index(a=GOOD, b=GOING)
    assert await waited(index, seconds=0.05) == {A: GOOD, B: GOING}


async def test_a_newer_commit_ends_it():
    preempted = asyncio.Event()
    task = asyncio.create_task(waited(Index(a=GOING, b=GOING), preempted=preempted))
    await asyncio.sleep(0.01)
    preempted.set()
    async with asyncio.timeout(1):
        assert await task == {A: GOING, B: GOING}


async def test_what_stays_degraded_is_believed_after_a_while(monkeypatch):
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.1)
    began = asyncio.get_running_loop().time()
    assert await waited(Index(a=BAD, b=GOING)) == {A: BAD, B: GOING}
    assert 0.1 <= asyncio.get_running_loop().time() - began < 2


async def test_a_failure_that_passes_is_not_believed(monkeypatch):
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.2)
    index = Index(a=BAD, b=GOOD)
    task = asyncio.create_task(waited(index))
    for _ in range(4):
        await asyncio.sleep(0.08)
        index.becomes(A, GOING)
        await asyncio.sleep(0.08)
        index.becomes(A, BAD)
    index.becomes(A, GOOD)
    async with asyncio.timeout(1):
        assert await task == {A: GOOD, B: GOOD}


async def gone(index, seconds=5.0, preempted=None):
    return await wait_gone(index, [A, B], timeout_seconds=seconds, preempted=preempted or asyncio.Event())


async def test_what_is_deleted_is_waited_for_until_it_is_gone():
    index = Index(a=GOING, b=GOOD)
    task = asyncio.create_task(gone(index))
    for key in (A, B):
        await asyncio.sleep(0.01)
        index.goes(key)
    async with asyncio.timeout(1):
        assert await task == {}


async def test_what_will_not_go_is_told():
    assert await gone(Index(a=GOOD), seconds=0.05) == {A: GOOD}
    preempted = asyncio.Event()
    preempted.set()
    assert await gone(Index(b=GOING), preempted=preempted) == {B: GOING}


async def test_the_first_of_several_events_ends_a_wait_and_leaves_no_task():
    before, first, second = asyncio.all_tasks(), asyncio.Event(), asyncio.Event()
    second.set()
    async with asyncio.timeout(1):
        await first_of(5.0, first, second)
    await first_of(0.0, first)
    await first_of(-1.0, first)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
