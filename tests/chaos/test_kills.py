"""Nothing is lost: the worker, the receiver and Valkey are killed at random moments of a push, and Redis is emptied.

Every round pushes a commit, strikes, brings back what was killed, and then wants the commit live and its status final. `ROUNDS=5 make
chaos` is quicker. The times begin when all processes answer again.
"""

import asyncio
import os
import random
import time

import pytest

from jobs.connection import connect
from tests.servers.processes import Processes
from tests.servers.system import REPOSITORY, config_map

pytestmark = pytest.mark.chaos

ROUNDS = int(os.environ.get("ROUNDS", "20"))
MOST_SECONDS = 5.0
"""From everything being back to the commit being live and its status final."""

OBJECTS = 12
LONGEST_DELAY = 0.4
"""A push takes about as long: the strikes hit every stage of it."""


@pytest.fixture
async def system(tmp_path, own_valkey):
    async with Processes(tmp_path, applications={"web": "apps/web", "api": "apps/api"}, redis_url=own_valkey.url) as system:
        yield system


@pytest.fixture
def strikes(system, own_valkey):
    """What happens after a delivery, by name; each brings back what it took down."""

    async def worker():
        await system.kill("worker")
        await system.start_one("worker")

    async def receiver():
        await system.kill("receiver")
        await system.start_one("receiver")

    async def valkey():
        own_valkey.kill()
        own_valkey.start()

    async def flush():
        redis = connect(own_valkey.url)
        await redis.flushall()
        await redis.aclose()

    async def everything():
        own_valkey.kill()
        await asyncio.gather(system.kill("worker"), system.kill("receiver"))
        own_valkey.start()
        await asyncio.gather(system.start_one("worker"), system.start_one("receiver"))

    return {"worker": worker, "receiver": receiver, "valkey": valkey, "flush": flush, "everything": everything}


@pytest.mark.parametrize("strike", ["worker", "receiver", "valkey", "flush", "everything"])
async def test_a_commit_goes_live_and_gets_its_verdict_whatever_is_struck(system, strikes, strike, request):
    dice = random.Random(strike)
    seconds = []
    for number in range(1, ROUNDS + 1):
        commit = await system.commit(files(number), f"round {number}")
        delay = 0.0 if strike == "receiver" else dice.uniform(0.0, LONGEST_DELAY)
        await accepted(system, commit)
        await asyncio.sleep(delay)
        await strikes[strike]()
        await system.until(system.is_back, "both processes answer")
        back = time.monotonic()
        what = f"round {number} is live and its status final, struck after {delay:.3f} s"
        try:
            await system.until(lambda c=commit, n=number: is_done(system, c, n), what, seconds=MOST_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{system.log('worker')[-6000:]}") from None
        seconds.append(time.monotonic() - back)
    ordered = sorted(seconds)
    figures = f"{ROUNDS} rounds, p50 {ordered[len(ordered) // 2]:.2f} s, max {ordered[-1]:.2f} s"
    request.config.get_terminal_writer().line(f"\n{strike}: {figures}")
    for role in ("worker", "receiver"):
        crashes = [line for line in system.log(role).splitlines() if "Traceback" in line]
        assert not crashes, crashes[0].replace("\\n", "\n")


def files(number):
    return {f"apps/{app}/{n}.yaml": config_map(f"{app}-{n}", str(number)) for app in ("web", "api") for n in range(OBJECTS // 2)}


async def accepted(system, commit):
    """Deliver as a forge does: again, when nobody answers."""

    async def deliver():
        try:
            status, _ = await system.deliver(commit, delivery=commit[:24])
        except OSError:
            return False
        return status in (200, 202)

    await system.until(deliver, "the delivery is accepted")


async def is_done(system, commit, number):
    status, answer = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps")
    live = [item for item in answer["items"] if item["data"]["value"] == str(number)] if status == 200 else []
    posted = system.forge.statuses(REPOSITORY, commit)
    return len(live) == OBJECTS and bool(posted) and posted[-1].state == "success"
