"""What a worker notices by itself, and that it begins nothing before it knows what is declared."""

import asyncio
import contextlib
from types import SimpleNamespace

import pytest

from jobs import worker as room
from jobs.connection import connect
from jobs.forges.forge import Status, StatusState
from jobs.lease import Heartbeat
from jobs.records import JobKind, JobState
from jobs.settings import JobSettings
from jobs.worker import Worker, open_worker
from tests.servers.forges import on_forge
from tests.servers.patience import until


@pytest.fixture
async def watched(own_valkey, keys, monkeypatch):
    """Two workers on one Redis, the names of those that began to recover, and of those that fail in it."""
    recovered, failing = [], set()

    async def recover(context):
        recovered.append(context.worker)
        if context.worker in failing:
            raise ConnectionError

    monkeypatch.setattr(room, "recover", recover)
    redis = connect(own_valkey.url)
    workers = [
        Worker(SimpleNamespace(redis=redis, keys=keys, worker=name), Heartbeat(redis, keys, name), "") for name in ("w1", "w2")
    ]
    yield redis, workers, recovered, failing
    await redis.aclose()


async def test_one_worker_recovers_when_redis_lost_everything_and_only_then(watched):
    redis, workers, recovered, _ = watched
    for count in (1, 2):
        for _ in range(2):
            await asyncio.gather(*(worker._recover_if_lost() for worker in workers))
        assert len(recovered) == count
        await redis.flushall()


async def test_when_it_dies_meanwhile_another_recovers(watched):
    _, (first, second), recovered, failing = watched
    failing.add("w1")
    with pytest.raises(ConnectionError):
        await first._recover_if_lost()
    await second._recover_if_lost()
    assert recovered == ["w1"], "who lives tries it again by itself"
    await first.heartbeat.stop()
    for _ in range(2):
        await second._recover_if_lost()
    assert recovered == ["w1", "w2"]


REPOSITORY = """
apiVersion: trueup.dev/v1alpha1
kind: Repository
metadata: {name: shop}
spec: {url: 'http://git.invalid/acme/shop.git', forge: github, api: 'API', poll: 100000h, commitStatus: {secretRef: {name: forge}}}
"""


@contextlib.asynccontextmanager
async def running(tmp_path, valkey, keys, forge_server):
    """A worker whose declarations are broken until they are mended."""
    file, secret = tmp_path / "declarations" / "all.yaml", tmp_path / "secrets" / "forge"
    for directory in (file.parent, secret):
        directory.mkdir(parents=True)
    (secret / "token").write_text("t0ken")
    file.write_text("a: [")
    settings = JobSettings(
        instance=keys.instance, state=tmp_path / "state", declarations=file.parent, secrets=secret.parent, probe_listen=""
    )
    async with open_worker(settings, valkey.url) as worker:
        task = asyncio.create_task(worker.run())
        await until(lambda: worker.context.problems)
        yield worker, lambda: file.write_text(REPOSITORY.replace("API", forge_server.url))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.long
async def test_before_declarations_are_read_nothing_is_taken_for_undeclared(tmp_path, valkey, keys, forge_server):
    async with running(tmp_path, valkey, keys, forge_server) as (worker, mend):
        context, commit = worker.context, "c" * 40
        assert "all.yaml" in await worker.checks()["declarations"]()
        job = context.record(JobKind.PUSH, "trueup/shop", ref="refs/heads/main", commit=commit)
        await context.enqueue(job)
        await context.statuses.want(on_forge(forge_server.url), commit, Status(StatusState.SUCCESS, "trueup", "live", ""))
        context.statuses_due.set()
        await asyncio.sleep(1.5)
        assert (await context.jobs.load(job.id)).state is JobState.QUEUED
        assert not forge_server.requests
        mend()
        found = await until(lambda: _ended(context, job.id), seconds=15)
        assert "no application follows main" in found.message
        await until(lambda: forge_server.requests, seconds=15)
        assert await worker.checks()["declarations"]() == ""


async def _ended(context, job_id):
    job = await context.jobs.load(job_id)
    return job if job.state.is_final else None


@pytest.mark.long
async def test_who_recovers_for_long_still_says_that_it_lives(tmp_path, valkey, keys, forge_server, monkeypatch):
    began = asyncio.Event()

    async def recover(_):
        began.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(room, "recover", recover)
    async with running(tmp_path, valkey, keys, forge_server) as (worker, mend):
        mend()
        await began.wait()
        context = worker.context
        await context.redis.delete(context.keys.worker(context.worker))
        await until(lambda: context.redis.exists(context.keys.worker(context.worker)), seconds=15)
