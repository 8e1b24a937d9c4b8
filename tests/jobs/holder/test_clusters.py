"""A worker tries to hold every cluster that is declared: one holder each, whatever it is called, and again when it was lost."""

import asyncio

import pytest
import structlog

from jobs.holder import clusters as module
from jobs.holder.clusters import Clusters
from jobs.keys import LEASE_SECONDS
from tests.servers.patience import until


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(module, "HOLD_SECONDS", 0.05)
    monkeypatch.setattr(module, "NOTHING_SECONDS", 0.05)


@pytest.fixture
async def holding(world):
    """Starts to hold."""
    tasks = []

    def start(predecessor=""):
        clusters = Clusters(world.context, predecessor)
        tasks.append(asyncio.create_task(clusters.hold_forever()))
        return clusters

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def lease(world):
    return world.context.keys.lease(world.held.cluster.uid)


async def holder(world):
    return await world.context.redis.get(lease(world))


async def names(world):
    found = await world.context.redis.hgetall(world.context.keys.clusters)
    return {name.decode(): uid.decode() for name, uid in found.items()}


async def test_a_cluster_that_nobody_holds_is_taken_and_named(world, holding):
    holding()
    assert await until(lambda: holder(world)) == world.context.worker.encode()
    assert await until(lambda: names(world)) == {"in-cluster": world.held.cluster.uid}


async def test_before_anything_is_declared_nothing_is_held(world, holding):
    world.context.declared.clear()
    holding()
    await asyncio.sleep(0.3)
    assert await holder(world) is None


async def test_a_cluster_that_another_holds_is_left_to_it_until_it_lets_go(world, holding):
    await world.context.redis.set(lease(world), "other", px=LEASE_SECONDS * 1000)
    holding()
    await asyncio.sleep(0.4)
    assert await holder(world) == b"other"
    await world.context.redis.delete(lease(world))
    await until(lambda: _is_ours(world))


async def test_what_a_dead_predecessor_held_is_taken_at_once(world, holding):
    await world.context.redis.set(lease(world), "before", px=60_000)
    holding("before")
    await until(lambda: _is_ours(world))


async def _is_ours(world):
    return await holder(world) == world.context.worker.encode()


async def test_two_names_of_one_cluster_are_one_holder(world, holding, tmp_path):
    config = (tmp_path / "kubeconfig").read_text()
    (context,) = {line.split(": ")[1] for line in config.splitlines() if line.startswith("current-context")}
    world.declare({"web": ""}, destination=f", cluster: {context}")
    both = dict(world.context.declarations.applications)
    world.declare({"api": ""})
    world.context.declarations = type(world.context.declarations)(
        world.context.declarations.repositories, both | dict(world.context.declarations.applications)
    )
    with structlog.testing.capture_logs() as lines:
        clusters = holding()
        await until(lambda: [line for line in lines if line["event"] == "cluster.joined"], seconds=10)
    assert [held.names for held in clusters._held.values()] == [{"in-cluster", context}]
    await until(lambda: _both_named(world, context))


async def _both_named(world, context):
    return await names(world) == dict.fromkeys(("in-cluster", context), world.held.cluster.uid)


async def test_a_cluster_that_does_not_answer_is_tried_again(world, holding):
    world.declare({"web": ""}, destination=", cluster: nowhere")
    with structlog.testing.capture_logs() as lines:
        holding()
        told = await until(lambda: [line for line in lines if line["event"] == "cluster.unavailable"][1:], seconds=10)
    assert told[0]["cluster"] == "nowhere"


async def test_what_redis_forgot_is_said_again(world, holding, monkeypatch):
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.05)
    holding()
    await until(lambda: _is_ours(world))
    await world.context.redis.delete(world.context.keys.clusters)
    assert await until(lambda: names(world)) == {"in-cluster": world.held.cluster.uid}


@pytest.mark.long
async def test_a_lease_that_is_lost_is_given_up_and_won_again(world, holding):
    with structlog.testing.capture_logs() as lines:
        holding()
        await until(lambda: [line for line in lines if line["event"] == "cluster.held"], seconds=10)
        await world.context.redis.set(lease(world), "thief", px=2000)
        await until(lambda: [line for line in lines if line["event"] == "lease.lost"], seconds=10)
        await until(lambda: _is_ours(world), seconds=10)
