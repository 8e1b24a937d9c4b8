"""Questions to a holder, and what becomes of them when nobody answers, or cannot."""

import asyncio
import contextlib
import time

import pytest

from jobs.connection import connect
from jobs.questions import Questions
from reconciler.errors import ClusterUnavailable, Stalled, StoreUnavailable

CLUSTER = "uid-1"


@pytest.fixture
def questions(redis, keys):
    return Questions(redis, keys)


@contextlib.asynccontextmanager
async def answering(questions, answer, cluster=CLUSTER):
    task = asyncio.create_task(questions.answer_forever(cluster, answer))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def echo(question):
    return {"echo": question}


async def test_each_of_many_askers_gets_the_answer_to_its_own_question(questions):
    async with answering(questions, echo):
        asked = [questions.ask(CLUSTER, {"n": number}, timeout_seconds=5) for number in range(30)]
        assert await asyncio.gather(*asked) == [{"echo": {"n": number}} for number in range(30)]


async def test_a_question_waits_for_a_holder_that_comes_later(questions):
    asked = asyncio.create_task(questions.ask(CLUSTER, {"n": 1}, timeout_seconds=5))
    await asyncio.sleep(0.05)
    async with answering(questions, echo):
        assert await asked == {"echo": {"n": 1}}


async def test_without_a_holder_the_asker_is_told_in_time(questions):
    began = time.monotonic()
    with pytest.raises(ClusterUnavailable, match=r"within 0\.3 s"):
        await questions.ask(CLUSTER, {}, timeout_seconds=0.3)
    assert time.monotonic() - began < 2


async def test_a_question_that_nobody_awaits_any_more_is_not_answered(questions):
    asked = []

    async def answer(question):
        asked.append(question)
        return {}

    with pytest.raises(ClusterUnavailable):
        await questions.ask(CLUSTER, {"n": "late"}, timeout_seconds=0.05)
    async with answering(questions, answer):
        await questions.ask(CLUSTER, {"n": "now"}, timeout_seconds=5)
    assert asked == [{"n": "now"}]


async def test_a_slow_answer_holds_up_no_other(questions):
    async def answer(question):
        await asyncio.sleep(30 if question["slow"] else 0)
        return {"slow": question["slow"]}

    async with answering(questions, answer):
        slow = asyncio.create_task(questions.ask(CLUSTER, {"slow": True}, timeout_seconds=0.5))
        assert await questions.ask(CLUSTER, {"slow": False}, timeout_seconds=5) == {"slow": False}
        with pytest.raises(ClusterUnavailable):
            await slow


@pytest.mark.parametrize(
    ("error", "said"),
    [
        pytest.param(Stalled("there is no pod web-1"), "there is no pod web-1", id="a reason"),
        pytest.param(KeyError("secret value"), "an error in Trueup itself", id="a bug"),
    ],
)
async def test_a_holder_that_cannot_answer_says_why_and_goes_on(questions, error, said):
    async def answer(question):
        if question["fail"]:
            raise error
        return {}

    async with answering(questions, answer):
        with pytest.raises(Stalled, match=said) as raised:
            await questions.ask(CLUSTER, {"fail": True}, timeout_seconds=5)
        assert "secret value" not in str(raised.value)
        assert await questions.ask(CLUSTER, {"fail": False}, timeout_seconds=5) == {}


async def test_clusters_are_kept_apart(questions):
    async with answering(questions, echo, cluster="uid-2"):
        with pytest.raises(ClusterUnavailable):
            await questions.ask(CLUSTER, {}, timeout_seconds=0.2)


async def test_nothing_is_left_in_redis(questions, redis, keys):
    async with answering(questions, echo):
        await questions.ask(CLUSTER, {}, timeout_seconds=5)
    assert [key async for key in redis.scan_iter(f"*{keys.instance}*")] == []


async def test_a_holder_goes_on_when_redis_is_back(own_valkey, keys):
    redis = connect(own_valkey.url)
    questions = Questions(redis, keys)
    async with answering(questions, echo) as task:
        await questions.ask(CLUSTER, {}, timeout_seconds=5)
        own_valkey.kill()
        with pytest.raises(StoreUnavailable):
            await questions.ask(CLUSTER, {}, timeout_seconds=5)
        own_valkey.start()
        assert await questions.ask(CLUSTER, {}, timeout_seconds=5) == {"echo": {}}
        assert not task.done()
    await redis.aclose()
