"""Nothing is lost: the worker, the receiver and Valkey are killed at random moments of a push, and Redis is emptied.

Every round pushes a commit, strikes, brings back what was killed, and then wants the commit live and its status final. `ROUNDS=5 make
chaos` is quicker. The times begin when all processes answer again.
"""

import asyncio
import random
import time

import pytest

from tests.chaos.strikes import LONGEST_DELAY, MOST_SECONDS, ROUNDS, accepted, strikes_of
from tests.servers.processes import Processes
from tests.servers.system import REPOSITORY, config_map

pytestmark = pytest.mark.chaos

OBJECTS = 12


@pytest.fixture
async def system(tmp_path, own_valkey):
    async with Processes(tmp_path, applications={"web": "apps/web", "api": "apps/api"}, redis_url=own_valkey.url) as system:
        yield system


@pytest.mark.parametrize("strike", ["worker", "receiver", "valkey", "flush", "everything"])
async def test_a_commit_goes_live_and_gets_its_verdict_whatever_is_struck(system, own_valkey, strike, request):
    dice = random.Random(strike)
    seconds = []
    for number in range(1, ROUNDS + 1):
        commit = await system.commit(files(number), f"round {number}")
        delay = 0.0 if strike == "receiver" else dice.uniform(0.0, LONGEST_DELAY)
        await accepted(system, commit)
        await asyncio.sleep(delay)
        await strikes_of(system, own_valkey)[strike]()
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


async def is_done(system, commit, number):
    status, answer = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps")
    live = [item for item in answer["items"] if item["data"]["value"] == str(number)] if status == 200 else []
    posted = system.forge.statuses(REPOSITORY, commit)
    return len(live) == OBJECTS and bool(posted) and posted[-1].state == "success"
