"""A pause: nothing is synced or repaired, drift is told, what was pushed goes live when it ends; whatever is restarted or emptied."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from jobs.connection import connect
from tests.servers.system import REPOSITORY, System, config_map

pytestmark = pytest.mark.long

WEB = "/api/v1/applications/trueup/web"
FIRST = {"apps/web/a.yaml": config_map("web-a"), "apps/api/a.yaml": config_map("api-a")}


@pytest.fixture
async def system(tmp_path, own_valkey):
    async with System(tmp_path, applications={"web": "apps/web", "api": "apps/api"}, redis_url=own_valkey.url) as system:
        await system.ended(await system.push(FIRST))
        yield system


async def flush(system):
    redis = connect(system.redis_url)
    await redis.flushall()
    await redis.aclose()


async def value(system, name):
    _, answer = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps/{name}")
    return answer.get("data", {}).get("value")


async def pause(system, **body):
    status, accepted = await system.post(f"{WEB}/pause", {"reason": "migration", **body})
    assert status == 202, accepted
    job = await system.ended(accepted["id"])
    assert job["state"] == "succeeded", job
    return job


async def waits(system, job_id):
    async def look():
        _, job = await system.get(f"/api/v1/jobs/{job_id}")
        return job if job["state"] == "waiting" else None

    return await system.until(look, "the job waits")


async def goes_live(system, name, wanted):
    async def look():
        return await value(system, name) == wanted

    await system.until(look, f"{name} is {wanted}")


async def test_a_push_waits_and_goes_live_when_somebody_resumes(system):
    assert (await pause(system))["message"] == "paused by test until somebody resumes: migration"
    job_id = await system.push({"apps/web/a.yaml": config_map("web-a", "2"), "apps/api/a.yaml": config_map("api-a", "2")})
    job = await waits(system, job_id)
    assert "paused by test until somebody resumes: migration" in job["message"]
    assert [(s["application"], s["state"]) for s in job["syncs"]] == [("trueup/api", "succeeded"), ("trueup/web", "waiting")]
    assert (await value(system, "web-a"), await value(system, "api-a")) == ("1", "2")
    _, application = await system.get(WEB)
    assert (application["pause"]["actor"], application["pause"]["reason"], application["state"]) == (
        "test",
        "migration",
        "waiting",
    )

    async def told():
        posted = system.forge.statuses(REPOSITORY, job["commit"])
        return posted and "paused by test" in posted[-1].description and posted[-1].state == "pending"

    await system.until(told, "the commit says why it is pending")
    status, accepted = await system.post(f"{WEB}/resume")
    assert status == 202
    assert (await system.ended(accepted["id"]))["state"] == "succeeded"
    done = await system.ended(job_id)
    assert (done["state"], {s["state"] for s in done["syncs"]}) == ("succeeded", {"succeeded"})
    assert await value(system, "web-a") == "2"
    _, application = await system.get(WEB)
    assert (application["pause"], application["state"]) == (None, "succeeded")

    async def final():
        return system.forge.statuses(REPOSITORY, job["commit"])[-1].state == "success"

    await system.until(final, "the commit is green")


async def test_drift_is_told_and_left_and_put_back_after_the_pause(system):
    await pause(system)
    path = f"/api/v1/namespaces/{system.namespace}/configmaps/web-a"
    await system.kube("PATCH", path, {"data": {"value": "9"}}, "application/merge-patch+json")

    async def told():
        _, answer = await system.get(f"{WEB}/drift")
        return answer["items"]

    (finding,) = await system.until(told, "the drift is told")
    assert [(f["path"], f["manager"]) for f in finding["fields"]] == [("data.value", "kubectl-edit")]
    _, job = await system.get(f"/api/v1/jobs/{finding['job']}")
    assert (job["state"], job["message"].partition(":")[0]) == ("succeeded", "left as it is")
    assert "left, since paused by test" in job["syncs"][0]["steps"][0]["reason"]
    await asyncio.sleep(0.3)
    assert await value(system, "web-a") == "9"
    await system.post(f"{WEB}/resume")
    await goes_live(system, "web-a", "1")


async def test_a_pause_ends_by_itself_and_the_newest_revision_is_synced(system):
    began = datetime.now(UTC)
    await pause(system, **{"for": "1500ms"})
    job_id = await system.push({"apps/web/a.yaml": config_map("web-a", "2")})
    job = await waits(system, job_id)
    assert f"paused by test until {began + timedelta(seconds=1.5):%Y-%m-%d %H:%M} UTC: migration" in job["message"]
    assert (await system.ended(job_id))["state"] == "succeeded"
    late = (datetime.now(UTC) - began).total_seconds() - 1.5
    assert 0 <= late < 3, f"{late:.2f} s after its end"
    assert await value(system, "web-a") == "2"

    async def resumed():
        _, jobs = await system.get("/api/v1/jobs?application=web")
        return next((j for j in jobs["items"] if (j["kind"], j["state"]) == ("resume", "succeeded")), None)

    assert (await system.until(resumed, "a job tells of the end"))["actor"] == ""
    _, answer = await system.kube("GET", "/api/v1/namespaces/trueup/configmaps")
    assert not [item for item in answer["items"] if "intent" in item["metadata"]["name"]], "nothing is left of it"


async def test_drift_is_put_back_when_a_pause_ends_by_itself(system):
    await pause(system, **{"for": "1s"})
    path = f"/api/v1/namespaces/{system.namespace}/configmaps/web-a"
    await system.kube("PATCH", path, {"data": {"value": "9"}}, "application/merge-patch+json")
    await goes_live(system, "web-a", "1")


@pytest.mark.parametrize("strike", ["restart", "flush", "flush and restart"])
async def test_nothing_is_unpaused_by_a_restart_or_an_emptied_redis(system, strike):
    await pause(system)
    path = f"/api/v1/namespaces/{system.namespace}/configmaps/web-a"
    await waits(system, await system.push({"apps/web/a.yaml": config_map("web-a", "2")}))
    await system.kube("PATCH", path, {"data": {"value": "9"}}, "application/merge-patch+json")
    await asyncio.sleep(0.1)
    if strike != "restart":
        await flush(system)
    if strike != "flush":
        await system.stop()
        await system.start()
    head = await system.commit({"apps/api/a.yaml": config_map("api-a", "3")})

    async def waiting():
        _, jobs = await system.get(f"/api/v1/jobs?commit={head}")
        _, application = await system.get(WEB)
        return [j for j in jobs["items"] if j["state"] == "waiting"] and application.get("pause")

    await system.deliver(head)
    await system.until(waiting, "the newest commit waits too")
    await goes_live(system, "api-a", "3")
    await asyncio.sleep(0.5)
    assert await value(system, "web-a") == "9"
    status, _ = await system.post(f"{WEB}/resume")
    assert status == 202
    await goes_live(system, "web-a", "2")


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_what_moves_to_a_paused_application_is_taken_over_and_not_made_anew(system, is_restarted):
    await system.ended(await system.push({"apps/api/b.yaml": config_map("moving")}))
    path = f"/api/v1/namespaces/{system.namespace}/configmaps/moving"
    uid = (await system.kube("GET", path))[1]["metadata"]["uid"]
    await pause(system)
    job = await waits(system, await system.push({"apps/api/b.yaml": None, "apps/web/b.yaml": config_map("moving")}))
    assert {s["application"]: s["state"] for s in job["syncs"]} == {"trueup/api": "succeeded", "trueup/web": "waiting"}
    if is_restarted:
        await system.stop()
        await system.start()
    _, accepted = await system.post("/api/v1/applications/trueup/api/sync")
    assert (await system.ended(accepted["id"]))["state"] == "succeeded"
    assert (await system.kube("GET", path))[1]["metadata"]["uid"] == uid
    _, accepted = await system.post(f"{WEB}/resume")
    await system.ended(accepted["id"])
    moved = (await system.kube("GET", path))[1]["metadata"]
    assert (moved["uid"], moved["annotations"]["trueup.dev/owner"].startswith("trueup/web:")) == (uid, True)


async def test_a_pause_that_ended_while_nobody_looked_ends_at_the_start(system):
    await pause(system, **{"for": "300ms"})
    await system.stop()
    await system.commit({"apps/web/a.yaml": config_map("web-a", "2")})
    await asyncio.sleep(0.4)
    await system.start()
    await goes_live(system, "web-a", "2")
