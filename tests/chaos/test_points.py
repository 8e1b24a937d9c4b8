"""kill -9 of the worker, the receiver and Valkey at each named point of a push, and of a plan: live, told once for all, nothing left pending.

The points are what can be seen from outside: what Git and the forge are asked, what is logged, what the event stream says.
"""

import asyncio
import contextlib
import json
import os
import re

import aiohttp
import pytest

from jobs.connection import connect
from jobs.keys import Keys
from tests.chaos.strikes import MOST_SECONDS, accepted, strikes_of
from tests.chaos.test_kills import OBJECTS, files, is_done
from tests.e2e.test_plans import branch
from tests.servers.processes import Processes
from tests.servers.system import REPOSITORY, config_map
from trueup.demo.example import pull_payload

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

REACHED_SECONDS = 15.0

END_SECONDS = 4 * MOST_SECONDS
"""Until it is told to its end, on a machine that does other things too; how long it takes is what `make chaos` measures."""

ONLY = os.environ.get("POINT", "")
"""A part of the names of the points that are tried; empty: all."""


async def until(look):
    """Look every millisecond, and do nothing else meanwhile: the strike must fall at once."""
    while not look():  # noqa: ASYNC110 - nobody sets an event
        await asyncio.sleep(0.001)


class Points:
    """Tells when a point is reached."""

    def __init__(self, system):
        self._system = system

    async def logged(self, role, event, count=1):
        """A process has logged an event so many times from now on."""
        path, pattern = (
            self._system.directory / f"{role}.log",
            re.compile(rf'"event": ?"{re.escape(event)}"|\b{re.escape(event)}\b'),
        )
        start = path.stat().st_size
        await until(lambda: len(pattern.findall(path.read_bytes()[start:].decode(errors="replace"))) >= count)

    async def told(self, detail):
        """The event stream has said that a job came to a stage."""
        redis = connect(self._system.redis_url)
        try:
            async with redis.pubsub() as channel:
                await channel.subscribe(Keys(self._system.instance).events)
                async for message in channel.listen():
                    if message["type"] == "message" and json.loads(message["data"]).get("detail", "").startswith(detail):
                        return
        finally:
            await redis.aclose()

    async def git(self):
        """Git is asked for something."""
        seen = len(self._system.git.requests)
        await until(lambda: len(self._system.git.requests) > seen)

    async def posted(self, state):
        """The forge has a status, and perhaps has not answered yet."""
        await self._asked("/statuses/", 1 if state == "pending" else 2)

    async def commented(self):
        """The forge is given the plan."""
        await self._asked("/comments", 1)

    async def _asked(self, part, count):
        lines = self._system.forge.requests
        start = len(lines)
        await until(lambda: sum(part in line and line.startswith("POST") for line in lines[start:]) >= count)


PUSH = {
    "the delivery is stored": lambda p: p.logged("receiver", "delivery.received"),
    "the job is begun": lambda p: p.told("started"),
    "git is asked": lambda p: p.git(),
    "the forge has pending": lambda p: p.posted("pending"),
    "the commit is here": lambda p: p.told("fetched"),
    "it is known what is affected": lambda p: p.told("affected"),
    "a sync begins": lambda p: p.logged("worker", "sync.started"),
    "it is rendered": lambda p: p.logged("worker", "sync.rendered"),
    "it is planned": lambda p: p.logged("worker", "sync.planned"),
    "the first object is applied": lambda p: p.logged("worker", "step.finished"),
    "the last object is applied": lambda p: p.logged("worker", "step.finished", OBJECTS),
    "all is applied": lambda p: p.logged("worker", "sync.applied", 2),
    "one is healthy": lambda p: p.logged("worker", "sync.healthy"),
    "all is finished": lambda p: p.logged("worker", "sync.finished", 2),
    "the job is finished": lambda p: p.logged("worker", "job.finished"),
    "the forge has the end": lambda p: p.posted("final"),
}

PLAN = {
    "the event is stored": lambda p: p.logged("receiver", "delivery.received"),
    "git is asked": lambda p: p.git(),
    "the forge has pending": lambda p: p.posted("pending"),
    "it is merged": lambda p: p.told("merged"),
    "it is known what is affected": lambda p: p.told("affected"),
    "the plan is made": lambda p: p.logged("worker", "job.finished"),
    "the forge is given the comment": lambda p: p.commented(),
}


@pytest.fixture
async def system(tmp_path, own_valkey):
    async with Processes(tmp_path, applications={"web": "apps/web", "api": "apps/api"}, redis_url=own_valkey.url) as system:
        yield system


@contextlib.asynccontextmanager
async def striking(system, own_valkey, victim, point):
    """Strike when a point is reached that the block leads to, and wait until everything is back."""

    async def strike():
        async with asyncio.timeout(REACHED_SECONDS):
            await point(Points(system))
        await strikes_of(system, own_valkey)[victim]()

    task = asyncio.create_task(strike())
    await asyncio.sleep(0.05)  # it listens
    yield
    await task
    await system.until(system.is_back, "both processes answer")


def left_pending(system):
    """Commits and contexts that the forge shows as pending."""
    found = {(commit, s.context): s.state for (_, commit), posted in system.forge._statuses.items() for s in posted}
    return [about for about, state in found.items() if state == "pending"]


@pytest.mark.parametrize("victim", ["worker", "receiver", "valkey"])
async def test_a_push_is_told_to_its_end(system, own_valkey, victim):
    for number, (name, point) in enumerate(PUSH.items(), 1):
        if ONLY not in name:
            continue
        commit = await system.commit(files(number), name)
        async with striking(system, own_valkey, victim, point):
            await accepted(system, commit)
        try:
            await system.until(lambda c=commit, n=number: is_done(system, c, n), f"{victim}: {name}", seconds=END_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{system.log('worker')[-6000:]}") from None
        told = [f"{s.state}: {s.description}" for s in system.forge.statuses(REPOSITORY, commit)]
        assert len(told) <= 3, f"{victim}: {name}: {told}"  # a write whose answer was lost is written again
    assert not left_pending(system)


@pytest.mark.parametrize("victim", ["worker", "receiver", "valkey"])
async def test_a_plan_is_told_to_its_end(system, own_valkey, victim):
    await system.ended(await system.push(files(0)))
    for number, (name, point) in enumerate(PLAN.items(), 1):
        pull = await branch(system, {"apps/web/0.yaml": config_map("web-0", f"v{number}")}, number=number)
        payload = pull_payload(pull, system.git.url(REPOSITORY))

        async def delivered(payload=payload, delivery=f"pull-{number}"):
            with contextlib.suppress(OSError, aiohttp.ClientError):
                return (await system.send("pull_request", payload, delivery=delivery))[0] in (200, 202)
            return False

        async with striking(system, own_valkey, victim, point):
            await system.until(delivered, "the delivery is accepted")

        async def is_told(pull=pull):
            posted = system.forge.statuses(REPOSITORY, pull.commit)
            return bool(pull.comments) and bool(posted) and posted[-1].state == "success"

        try:
            await system.until(is_told, f"{victim}: {name}", seconds=END_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{system.log('worker')[-6000:]}") from None
        assert len(pull.comments) == 1, f"{victim}: {name}"
    assert not left_pending(system)
