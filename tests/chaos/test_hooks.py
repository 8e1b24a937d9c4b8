"""A hook runs once for each content: whatever is killed or emptied while it runs, between its end and its record, or after it.

Each round pushes a commit with two hooks, one of which vanishes when it is done, strikes, and wants the commit live and each hook run
exactly once.
"""

import asyncio
import random
import time
from collections import defaultdict

import pytest

from tests.chaos.strikes import LONGEST_DELAY, MOST_SECONDS, ROUNDS, accepted, strikes_of
from tests.servers.processes import Processes
from tests.servers.system import REPOSITORY, config_map

pytestmark = pytest.mark.chaos


@pytest.fixture
async def system(tmp_path, own_valkey):
    async with Processes(tmp_path, applications={"web": "apps/web"}, redis_url=own_valkey.url) as system:
        yield system


@pytest.fixture
def runs(system):
    """For every run of a hook, the objects that were made for it."""
    made = defaultdict(set)

    def hear(event):
        annotations = event.object["metadata"].get("annotations", {})
        if event.collection == ("batch", "jobs") and "trueup.dev/run" in annotations:
            made[event.object["metadata"]["name"], annotations["trueup.dev/run"]].add(event.object["metadata"]["uid"])

    system.cluster.store.listen(hear)
    return made


def hook(name, phase, more=""):
    return (
        f"apiVersion: batch/v1\nkind: Job\nmetadata: {{name: {name}, annotations: {{trueup.dev/hook: {phase}}}}}\n"
        f"spec: {{template: {{spec: {{restartPolicy: Never, containers: [{{name: c, image: 'tool:1'}}]}}}}{more}}}\n"
    )


def files(number):
    return {
        "apps/web/a.yaml": hook("migrate", "pre-sync", ", ttlSecondsAfterFinished: 0"),
        "apps/web/b.yaml": hook("smoke", "post-sync"),
        "apps/web/c.yaml": config_map("web", str(number)),
    }


@pytest.mark.parametrize("strike", ["worker", "flush", "everything"])
async def test_a_hook_runs_once_whatever_is_struck(system, own_valkey, runs, strike, request):
    dice = random.Random(strike)
    seconds = []
    for number in range(1, ROUNDS + 1):
        commit = await system.commit(files(number), f"round {number}")
        await accepted(system, commit)
        await asyncio.sleep(dice.uniform(0.0, LONGEST_DELAY))
        await strikes_of(system, own_valkey)[strike]()
        await system.until(system.is_back, "both processes answer")
        back = time.monotonic()
        try:
            await system.until(lambda c=commit, n=number: is_done(system, c, n), f"round {number} is live", seconds=MOST_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{system.log('worker')[-6000:]}") from None
        seconds.append(time.monotonic() - back)
    assert {len(objects) for objects in runs.values()} == {1}
    assert len(runs) == 2 * ROUNDS
    ordered = sorted(seconds)
    figures = f"{ROUNDS} rounds, p50 {ordered[len(ordered) // 2]:.2f} s, max {ordered[-1]:.2f} s"
    request.config.get_terminal_writer().line(f"\n{strike}: {figures}")


async def is_done(system, commit, number):
    status, answer = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps/web")
    posted = system.forge.statuses(REPOSITORY, commit)
    return status == 200 and answer["data"]["value"] == str(number) and bool(posted) and posted[-1].state == "success"
