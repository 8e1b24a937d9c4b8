"""A held cluster as a whole: its parts run, its metrics are counted, and nothing is left when it ends."""

import asyncio

import pytest
import structlog

from jobs import metrics
from jobs.holder.holder import Holder
from jobs.questions import Questions
from jobs.records import JobKind, JobState
from reconciler.model.outcome import HealthStatus
from tests.servers.held import held_cluster
from tests.servers.patience import until
from tests.servers.system import config_map

FILES = {"web/a.yaml": config_map("a"), "api/c.yaml": config_map("c")}


@pytest.fixture
async def running(world):
    """The world's cluster, held; the lines that were logged."""
    holder = Holder(world.context, {"in-cluster"}, world.held.cluster)
    with structlog.testing.capture_logs() as lines:
        task = asyncio.create_task(holder.run())
        await until(lambda: [line for line in lines if line["event"] == "cluster.held"], seconds=10)
        yield lines
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def sample(name, **labels):
    return metrics.REGISTRY.get_sample_value(name, labels)


@pytest.mark.usefixtures("running")
async def test_a_job_that_is_handed_to_it_is_done(world):
    commit = await world.commit(FILES)
    job = await world.job(JobKind.PUSH, "web", commit=commit)
    await world.context.queue.enqueue(world.context.keys.cluster_queue(world.held.cluster.uid), "sync", job.id)
    await until(lambda: _is(world, job.id, JobState.SUCCEEDED), seconds=15)
    assert await world.value("a") == "1"
    assert sample("trueup_held_clusters") >= 1
    assert sample("trueup_owned_objects", cluster="in-cluster") >= 1


async def _is(world, job_id, state):
    return (await world.context.jobs.load(job_id)).state is state


@pytest.mark.usefixtures("running")
async def test_what_drifts_is_put_back_and_questions_are_answered(world):
    job = await world.job(JobKind.PUSH, "web", commit=await world.commit(FILES))
    await world.context.queue.enqueue(world.context.keys.cluster_queue(world.held.cluster.uid), "sync", job.id)
    await until(lambda: _is(world, job.id, JobState.SUCCEEDED), seconds=15)
    await world.kube("PATCH", "/api/v1/namespaces/web/configmaps/a", {"data": {"value": "2"}})
    await until(lambda: _says(world, "1"), seconds=15)
    questions = Questions(world.context.redis, world.context.keys)
    found = await questions.ask(world.held.cluster.uid, {"resources": "trueup/web"}, timeout_seconds=5)
    assert [item["health"] for item in found["items"]] == [str(HealthStatus.HEALTHY)]


async def _says(world, value):
    return await world.value("a") == value


async def test_the_sweep_finds_what_a_lost_watch_lost_and_says_so(tmp_path, valkey, keys):
    async with held_cluster(tmp_path, valkey.url, keys, sweep="0.2s") as world:
        world.declare({"web": ""})
        await world.sync("web", commit=await world.commit(FILES))
        task = asyncio.create_task(Holder(world.context, {"in-cluster"}, world.held.cluster).run())
        with structlog.testing.capture_logs() as lines:
            (line, *_) = await until(lambda: [line for line in lines if line["event"] == "sweep.finished"], seconds=10)
        assert (line["cluster"], line["strays"]) == ("in-cluster", 0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_nothing_is_left_when_it_ends(world):
    before, held = asyncio.all_tasks(), sample("trueup_held_clusters")
    task = asyncio.create_task(Holder(world.context, {"in-cluster"}, world.held.cluster).run())
    await until(lambda: sample("trueup_held_clusters") == held + 1)
    await asyncio.sleep(0.3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert sample("trueup_held_clusters") == held
    assert sample("trueup_owned_objects", cluster="in-cluster") is None
    assert not world.context.changes
    assert {one for one in asyncio.all_tasks() - before if "watch" not in str(one.get_coro()).lower()} == set()
