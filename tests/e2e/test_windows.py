"""Sync windows: what is pushed or drifts outside of them waits, people may go ahead, and it is done the moment they open."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.servers.system import System, config_map

pytestmark = pytest.mark.long

WEB = "/api/v1/applications/trueup/web"
FIRST = {"apps/web/a.yaml": config_map("web-a"), "apps/api/a.yaml": config_map("api-a")}
SHUT = "{schedule: '0 0 1 1 *', duration: 1h"


@pytest.fixture
async def system(tmp_path, own_valkey):
    async with System(tmp_path, applications={"web": "apps/web", "api": "apps/api"}, redis_url=own_valkey.url) as system:
        await system.ended(await system.push(FIRST))
        yield system


def shut_until(end: datetime, more: str = "") -> str:
    """A window that denies from the beginning of this minute to a moment."""
    begin = datetime.now(UTC).replace(second=0, microsecond=0)
    seconds = (end - begin).total_seconds()
    return f", windows: [{{schedule: '{begin.minute} {begin.hour} * * *', duration: {seconds:.3f}s, kind: deny{more}}}]"


async def declare(system, policy):
    """Put windows into force; a change of the declaration is a job of its own."""
    system.declare(web=policy)

    async def seen():
        _, jobs = await system.get("/api/v1/jobs")
        return any(job["kind"] == "declared" and job["state"] in ("succeeded", "waiting") for job in jobs["items"])

    await system.until(seen, "the declaration is in force")


async def value(system, name="web-a"):
    _, answer = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps/{name}")
    return answer["data"]["value"]


async def drift(system):
    path = f"/api/v1/namespaces/{system.namespace}/configmaps/web-a"
    await system.kube("PATCH", path, {"data": {"value": "9"}}, "application/merge-patch+json")


async def goes_live(system, wanted):
    async def look():
        return await value(system) == wanted

    await system.until(look, f"web-a is {wanted}")


async def test_a_push_waits_for_the_window_and_is_live_when_it_opens(system):
    end = datetime.now(UTC) + timedelta(seconds=4)
    await declare(system, shut_until(end))
    job_id = await system.push({"apps/web/a.yaml": config_map("web-a", "2"), "apps/api/a.yaml": config_map("api-a", "2")})

    async def waits():
        _, job = await system.get(f"/api/v1/jobs/{job_id}")
        return job if job["state"] == "waiting" else None

    job = await system.until(waits, "the job waits")
    assert f"web: outside of its sync windows until {end:%Y-%m-%d %H:%M} UTC" in job["message"]
    assert (await value(system), await value(system, "api-a")) == ("1", "2")
    _, application = await system.get(WEB)
    assert (application["window"]["is_open"], application["window"]["until"][:16]) == (False, f"{end:%Y-%m-%dT%H:%M}")
    assert datetime.now(UTC) < end, "the machine is too slow for this test"
    assert (await system.ended(job_id))["state"] == "succeeded"
    assert 0 <= (datetime.now(UTC) - end).total_seconds() < 3
    assert await value(system) == "2"
    _, application = await system.get(WEB)
    assert application["window"] == {"is_open": True, "until": None}


async def test_drift_is_put_back_when_the_window_opens(system):
    end = datetime.now(UTC) + timedelta(seconds=4)
    await declare(system, shut_until(end))
    await drift(system)

    async def told():
        _, answer = await system.get(f"{WEB}/drift")
        return answer["items"]

    await system.until(told, "the drift is told")
    assert datetime.now(UTC) < end, "the machine is too slow for this test"
    assert await value(system) == "9"
    await goes_live(system, "1")
    assert datetime.now(UTC) >= end


async def test_drift_is_put_back_at_once_where_the_window_permits_it(system):
    await declare(system, f", windows: [{SHUT}, repair: true}}]")
    await drift(system)
    await goes_live(system, "1")


@pytest.mark.parametrize("policy", [f", windows: [{SHUT}, repair: true}}]", ", mode: manual"], ids=["window", "manual"])
async def test_after_a_restart_drift_is_put_back_to_what_was_applied_and_not_to_what_waits(system, policy):
    await declare(system, policy)
    await system.push({"apps/web/a.yaml": config_map("web-a", "2"), "apps/api/a.yaml": config_map("api-a", "2")})

    async def is_known():
        return await value(system, "api-a") == "2"

    await system.until(is_known, "the commit is known")
    await system.stop()
    await system.start()
    for _ in range(2):
        await drift(system)
        await goes_live(system, "1")


@pytest.mark.parametrize(("more", "is_done"), [("", True), (", manual: false", False)])
async def test_people_may_sync_all_the_same_where_the_window_permits_it(system, more, is_done):
    await declare(system, f", windows: [{SHUT}{more}}}]")
    await system.commit({"apps/web/a.yaml": config_map("web-a", "2")})
    _, accepted = await system.post(f"{WEB}/sync")

    async def look():
        _, job = await system.get(f"/api/v1/jobs/{accepted['id']}")
        return job["state"] if job["state"] in ("succeeded", "waiting") else None

    assert await system.until(look, "it is done or waits") == ("succeeded" if is_done else "waiting")
    assert await value(system) == ("2" if is_done else "1")


async def test_a_restart_outside_of_the_windows_writes_nothing_and_forgets_nothing(system):
    end = datetime.now(UTC) + timedelta(seconds=9)
    await declare(system, shut_until(end))
    job_id = await system.push({"apps/web/a.yaml": config_map("web-a", "2")})
    await system.stop()
    await drift(system)
    await system.start()
    await asyncio.sleep(0.5)
    assert datetime.now(UTC) < end, "the machine is too slow for this test"
    assert await value(system) == "9"
    assert (await system.ended(job_id))["state"] == "succeeded"
    assert await value(system) == "2"


async def test_windows_of_the_instance_hold_for_every_application(system):
    await system.stop()
    system.windows = ({"schedule": "0 0 1 1 *", "duration": "1h"},)
    await system.start()
    job_id = await system.push({"apps/web/a.yaml": config_map("web-a", "2"), "apps/api/a.yaml": config_map("api-a", "2")})

    async def waits():
        _, job = await system.get(f"/api/v1/jobs/{job_id}")
        return job if job["state"] == "waiting" and len(job["syncs"]) == 2 else None

    job = await system.until(waits, "the job waits")
    assert {sync["state"] for sync in job["syncs"]} == {"waiting"}
    assert (await value(system), await value(system, "api-a")) == ("1", "1")
