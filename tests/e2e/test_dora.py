"""The figures of deliveries, from pushes and rollbacks that happen. On the sandbox."""

import json

import pytest

from tests.e2e.test_command_line import trueup
from tests.servers.system import System, config_map

pytestmark = [pytest.mark.long, pytest.mark.timeout(120)]

WEB = "/api/v1/applications/trueup/web"
REFUSED = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 70000}]}\n"
"""It renders, and the API server says no."""


@pytest.fixture
async def system(tmp_path, valkey):
    async with System(tmp_path, applications={"web": "apps/web"}, redis_url=valkey.url) as system:
        yield system


async def push(system, value, **more):
    files = {"apps/web/a.yaml": config_map("a", value), **{f"apps/web/{name}.yaml": text for name, text in more.items()}}
    return await system.ended(await system.push(files))


async def total(system):
    return (await system.get("/api/v1/metrics/dora?window=1d&application=web"))[1]["total"]


async def test_pushes_failures_and_rollbacks_are_in_the_figures(system):
    assert (await push(system, "1"))["state"] == "succeeded"
    found = await total(system)
    assert (found["deployments"], found["failed"], found["lead"]["count"]) == (1, 0, 1)
    assert 0 <= found["lead"]["p50_seconds"] < 20
    assert (await push(system, "2", b=REFUSED))["state"] == "failed"
    found = await total(system)
    assert (found["deployments"], found["failed"], found["unrestored"]) == (2, 1, 1)
    assert (await push(system, "3", b=None))["state"] == "succeeded"
    await system.ended((await system.post("/api/v1/applications/trueup/web/sync"))[1]["id"])  # nothing to change
    found = await total(system)
    assert (found["deployments"], found["failed"], found["unrestored"], found["restore"]["count"]) == (3, 1, 0, 1)
    assert (await system.ended((await system.post(f"{WEB}/rollback"))[1]["id"]))["state"] == "succeeded"
    found = await total(system)
    assert (found["deployments"], found["failed"], found["restore"]["count"]) == (3, 2, 2)
    assert found["failure_rate"] == pytest.approx(2 / 3)
    _, history = await system.get(f"{WEB}/history")
    times = [
        [outcome[name] for name in ("committed", "received", "planned", "applied", "healthy", "finished")]
        for outcome in history["items"]
    ]
    assert all(times[-1]), "every time of the first push is known"
    assert times[-1][1:] == sorted(times[-1][1:])
    code, out, _ = await trueup(system, "dora", "--window", "1d")
    assert (code, out.splitlines()[1].split()[:2]) == (0, ["trueup/web", "3"])
    assert json.loads((await trueup(system, "dora", "--json"))[1])["total"]["deployments"] == 3
