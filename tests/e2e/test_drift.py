"""What becomes of drift under each policy, and where it is told: the job, the application, an Event of the cluster."""

import asyncio

import pytest

from tests.servers.system import System, config_map

FILES = {"apps/web/a.yaml": config_map("a"), "apps/web/b.yaml": config_map("b")}


@pytest.fixture
async def system(tmp_path, valkey):
    async with System(tmp_path, applications={"web": "apps/web"}, redis_url=valkey.url) as system:
        yield system


async def value(system, name="a"):
    _, found = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps/{name}")
    return found["data"]["value"]


async def change(system, to="9"):
    path = f"/api/v1/namespaces/{system.namespace}/configmaps/a"
    status, _ = await system.kube("PATCH", path, {"data": {"value": to}}, "application/merge-patch+json")
    assert status == 200


async def drift_job(system, state="succeeded"):
    async def look():
        _, jobs = await system.get("/api/v1/jobs?application=web")
        return next((job for job in jobs["items"] if job["kind"] == "drift" and job["state"] == state), None)

    return await system.until(look, f"a drift job is {state}")


async def told(system, reason):
    async def look():
        _, found = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/events")
        return next((item for item in found["items"] if item["reason"] == reason), None)

    return await system.until(look, f"an Event {reason}")


async def test_what_is_put_back_is_told_by_an_event(system):
    await system.ended(await system.push(FILES))
    await change(system)
    event = await told(system, "DriftRepaired")
    assert event["message"] == 'put back: data.value from "1" to "9" by kubectl-edit'
    assert (event["involvedObject"]["name"], event["type"]) == ("a", "Normal")
    assert (await drift_job(system))["message"].startswith("put back: ")


async def test_what_is_only_reported_is_left_and_said_to_be(system):
    await system.ended(await system.push(FILES))
    system.declare(web=", drift: report")
    await system.until(lambda: declared(system), "the policy is in force")
    await change(system)
    event = await told(system, "DriftFound")
    assert (event["type"], await value(system)) == ("Warning", "9")
    assert (await drift_job(system))["message"].startswith("left as it is: ")


@pytest.mark.long
async def test_what_is_ignored_is_neither_put_back_nor_told(system):
    await system.ended(await system.push(FILES))
    system.declare(web=", drift: ignore")
    await system.until(lambda: declared(system), "the policy is in force")
    await change(system)
    await asyncio.sleep(0.5)
    _, jobs = await system.get("/api/v1/jobs?application=web")
    assert (await value(system), [job for job in jobs["items"] if job["kind"] == "drift"]) == ("9", [])


async def declared(system):
    _, jobs = await system.get("/api/v1/jobs?application=web")
    return any(job["kind"] == "declared" and job["state"] == "succeeded" for job in jobs["items"])


@pytest.mark.long
async def test_a_mistake_in_git_makes_nobody_blind_for_drift_after_a_restart(system):
    await system.ended(await system.push(FILES))
    broken = await system.ended(await system.push({"apps/web/a.yaml": "kind: [\n"}))
    assert broken["state"] == "failed"
    await system.stop()
    await change(system)
    await system.start()

    async def is_back():
        return await value(system) == "1"

    await system.until(is_back, "what was applied last is put back")
