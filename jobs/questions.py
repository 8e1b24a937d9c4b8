"""Asking a cluster's holder what only the cluster knows: a question in Redis, with a deadline, and its answer.

Both are JSON objects. Nothing is kept: a question that nobody takes in time is forgotten, and so is an answer that nobody awaits. Whoever
answers takes secrets out first, since Redis and the asker are not to have them.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import orjson
import structlog
from redis.exceptions import RedisError

from jobs.connection import Redis
from jobs.keys import Keys
from reconciler.errors import ClusterUnavailable, Stalled, StoreUnavailable, TrueupError

log = structlog.get_logger()

Content: TypeAlias = Mapping[str, Any]
"""A JSON object."""

BLOCK_SECONDS = 2.0
"""One blocking read; shorter than a command may take, see `connection`."""

KEPT_SECONDS = 30
"""How long a question or an answer that nobody takes stays in Redis."""

BACKLOG = 100
"""Questions of one cluster that wait; more push out the oldest."""

AT_ONCE = 8
"""Questions that one holder answers at a time."""

RETRY_SECONDS = 0.5


class Questions:
    """Questions for the holders of clusters, by the cluster's uid."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def ask(self, cluster: str, question: Content, *, timeout_seconds: float) -> Content:
        """The holder's answer.

        Raises:
            ClusterUnavailable: when nobody answers in time.
            Stalled: when the holder cannot answer, with its reason.
            StoreUnavailable: when Redis does not answer.
        """
        name, deadline = secrets.token_hex(16), time.time() + timeout_seconds
        body = orjson.dumps({"id": name, "deadline": deadline, "question": question})
        key = self._keys.question(cluster)
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.rpush(key, body).ltrim(key, -BACKLOG, -1).expire(key, KEPT_SECONDS)
                await pipe.execute()
            while (left := deadline - time.time()) > 0:  # never 0 as a time-out, which means for ever
                if found := await self._redis.blpop([self._keys.answer(name)], timeout=max(0.01, min(left, BLOCK_SECONDS))):
                    return _opened(orjson.loads(found[1]))
        except (RedisError, OSError) as error:
            raise StoreUnavailable(f"Redis does not answer: {type(error).__name__}") from error
        raise ClusterUnavailable(f"no worker that holds the cluster answered within {timeout_seconds:g} s; is one running?")

    async def answer_forever(self, cluster: str, answer: Callable[[Content], Awaitable[Content]]) -> None:
        """Answer what is asked about a cluster until cancelled, several questions at a time."""
        free = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            while True:
                await free.acquire()
                body = await self._next(cluster)
                task = group.create_task(self._answer(body, answer))
                task.add_done_callback(lambda _: free.release())

    async def _next(self, cluster: str) -> bytes:
        while True:
            try:
                if found := await self._redis.blpop([self._keys.question(cluster)], timeout=BLOCK_SECONDS):
                    return bytes(found[1])
            except (RedisError, OSError) as error:
                log.warning("questions.lost", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def _answer(self, body: bytes, answer: Callable[[Content], Awaitable[Content]]) -> None:
        asked = orjson.loads(body)
        left = asked["deadline"] - time.time()
        if left <= 0:
            return
        try:
            async with asyncio.timeout(left):
                reply: dict[str, Any] = {"answer": await answer(asked["question"])}
        except TimeoutError:
            return  # nobody waits any more
        except TrueupError as error:
            reply = {"error": str(error)}
        except Exception:  # whoever asks gets an answer, and the next question too
            log.exception("question.crashed")
            reply = {"error": "an error in Trueup itself; the worker's log says more"}
        key = self._keys.answer(asked["id"])
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.rpush(key, orjson.dumps(reply)).expire(key, KEPT_SECONDS)
                await pipe.execute()
        except (RedisError, OSError) as error:
            log.warning("question.not_answered", error=str(error))


def _opened(reply: Content) -> Content:
    if "error" in reply:
        raise Stalled(reply["error"])
    found: Content = reply["answer"]
    return found
