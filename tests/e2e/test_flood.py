"""Ten thousand queued pushes of one repository: another one's push is live as if they were not there, and all of them end."""

import asyncio
import secrets
import time
from datetime import UTC, datetime

import pytest

from jobs.connection import connect
from jobs.intake import new_job_id
from jobs.keys import Keys
from jobs.queue import Wake
from jobs.records import JobKind, JobRecord, JobState, StageRecord
from jobs.store.jobs import JobStore
from tests.servers.system import REPOSITORY, System, config_map

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

MANY = 10_000
WORST_SECONDS = 20.0
"""Two are promised, on a machine that does nothing else; it was more than sixty while a flood hid what came after it."""

FORGE_SECONDS = 0.2
"""An answer of GitHub's takes so long."""

OTHER = "acme/other"


def declared(url, api):
    """A Repository, and an Application of it."""
    return f"""
apiVersion: trueup.dev/v1alpha1
kind: Repository
metadata: {{name: other}}
spec: {{url: '{url}', forge: github, api: '{api}', commitStatus: {{secretRef: {{name: forge}}}}, poll: 100000h}}
---
apiVersion: trueup.dev/v1alpha1
kind: Application
metadata: {{name: other}}
spec:
  sources: [{{git: {{repository: other, path: apps/other}}}}]
  destination: {{namespace: other, createNamespace: true}}
"""


@pytest.fixture
async def system(tmp_path, own_valkey):
    async def prepare(system):
        system._more = declared(system.git.url(OTHER), system.forge.url)
        await system.git.commit(OTHER, {"apps/other/a.yaml": config_map("o")}, message="first")
        await system.commit({"apps/web/a.yaml": config_map("web")})
        system.declare()

    async with System(tmp_path, applications={"web": "apps/web"}, redis_url=own_valkey.url, prepare=prepare) as system:
        yield system


def pushes(system, count):
    """Of commits that are no head."""
    scope = system.git.url(REPOSITORY).partition("://")[2].removesuffix(".git")
    for _ in range(count):
        now = datetime.now(UTC)
        yield JobRecord(
            id=new_job_id(now), kind=JobKind.PUSH, state=JobState.QUEUED, repository="trueup/shop", scope=scope, ref="refs/heads/main",
            commit=secrets.token_hex(20), created=now, updated=now, stages=(StageRecord(name="received", at=now),),
        )  # fmt: skip


async def flood(system, count):
    """Queue so many pushes; their ids."""
    keys, records = Keys(system.instance), list(pushes(system, count))
    async with connect(system.redis_url) as redis:
        store = JobStore(redis, keys, retention_seconds=3600)
        for start in range(0, count, 100):
            some = records[start : start + 100]
            await store.create_many([store.arguments(record, wake=Wake.first(keys, record)) for record in some])
    return [record.id for record in records]


async def pushed(system, value, *, seconds):
    """Push to the other repository; the seconds until that is live."""
    commit = await system.git.commit(OTHER, {"apps/other/a.yaml": config_map("o", value)}, message=value)
    began = time.monotonic()
    _, answer = await system.deliver(commit, repository=OTHER)

    async def look():
        _, job = await system.get(f"/api/v1/jobs/{answer['id']}")
        return job if job["state"] in ("succeeded", "failed", "superseded", "ignored") else None

    job = await system.until(look, "the other's push is live", seconds=seconds)
    assert job["state"] == "succeeded", job["message"]
    return time.monotonic() - began


async def test_ten_thousand_pushes_of_one_repository_end_and_another_one_is_not_kept_waiting(system, record_property):
    record_property("alone", min([await pushed(system, f"alone-{number}", seconds=20) for number in range(3)]))
    before = len([line for line in system.git.requests if f"/{REPOSITORY}.git/git-upload-pack" in line])
    ids = await flood(system, MANY)
    began = time.monotonic()
    record_property("others", [await pushed(system, f"{number}", seconds=15) for number in range(5)])

    async def is_drained():
        async with connect(system.redis_url) as redis:
            return not await redis.zcard(Keys(system.instance).active)

    await system.until(is_drained, "all pushes have ended", seconds=300, pause=0.5)
    record_property("drained", time.monotonic() - began)
    fetches = len([line for line in system.git.requests if f"/{REPOSITORY}.git/git-upload-pack" in line]) - before
    assert fetches < MANY / 10
    _, answer = await system.get(f"/api/v1/jobs/{ids[MANY // 2]}")
    assert answer["state"] == "superseded"
    _, answer = await system.get("/api/v1/applications/trueup/web")
    assert answer["state"] == "succeeded"


async def test_a_repository_whose_host_is_slow_leaves_places_for_others(system):
    async def slowly(request):
        if f"/{REPOSITORY}.git" in request.path:
            await asyncio.sleep(3.0)

    await pushed(system, "before", seconds=20)
    system.git.instead = slowly
    await flood(system, 60)
    await asyncio.sleep(0.5)
    assert await pushed(system, "meanwhile", seconds=2.5) < 2.5
    system.git.instead = None


async def pending(system, number):
    """Push to the other repository; the seconds until its commit is told of at the forge, and how many statuses were due by then."""
    commit = await system.git.commit(OTHER, {"apps/other/a.yaml": config_map("o", f"{number}")}, message=f"{number}")
    began = time.monotonic()
    await system.deliver(commit, repository=OTHER)

    async def is_told():
        return system.forge.statuses(OTHER, commit)

    await system.until(is_told, "the other's commit is told of", seconds=60)
    seconds = time.monotonic() - began
    async with connect(system.redis_url) as redis:
        return seconds, await redis.zcard(Keys(system.instance).statuses)


async def test_a_commit_is_pending_at_once_while_thousands_of_another_repository_wait_to_be_told(system, record_property):
    await pushed(system, "before", seconds=20)
    system.forge.seconds = FORGE_SECONDS
    await flood(system, MANY)
    told = [await pending(system, number) for number in range(30)]
    seconds = sorted(seconds for seconds, _ in told)
    record_property("pending", (seconds[len(seconds) // 2], seconds[-1]))
    assert max(waiting for _, waiting in told) > MANY / 10
    assert seconds[-1] < WORST_SECONDS
