"""What the API asks of others."""

import asyncio

import pytest

from jobs.questions import Questions
from reconciler.errors import Stalled


@pytest.fixture
async def holder(door):
    """The holder of the cluster `in-cluster`; it answers what it is told to."""
    await door.front.redis.hset(door.front.keys.clusters, "in-cluster", "uid-1")
    says = {"answer": {"items": []}}

    async def answer(question):
        says["asked"] = question
        if "error" in says:
            raise Stalled(says["error"])
        return says["answer"]

    task = asyncio.create_task(Questions(door.front.redis, door.front.keys).answer_forever("uid-1", answer))
    yield says
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
