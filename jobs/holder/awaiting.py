"""Waiting for what happens to jobs and applications anywhere: one subscription, as long as somebody waits.

A message only says *look again*. When the subscription is made, or made again, everybody looks; so none is lost that matters.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import structlog
from redis.exceptions import RedisError

from jobs.store.jobs import JobStore

log = structlog.get_logger()

RETRY_SECONDS = 0.5
"""Pause before a subscription that broke is made again."""


class Awaiting:
    """Who waits for which jobs and applications."""

    def __init__(self, jobs: JobStore) -> None:
        self._jobs = jobs
        self._waiting: dict[asyncio.Event, frozenset[str]] = {}
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def noticed(self, ids: Collection[str]) -> AsyncIterator[asyncio.Event]:
        """An event that is set whenever something happens to one of these jobs or applications."""
        changed = asyncio.Event()
        self._waiting[changed] = frozenset(ids)
        if self._task is None:
            self._task = asyncio.create_task(self._listen())
        try:
            yield changed
        finally:
            del self._waiting[changed]
            if not self._waiting and (task := self._task) is not None:
                self._task = None
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _listen(self) -> None:
        while True:
            try:
                async for message in self._jobs.subscribe(self._tell_all):
                    for changed, ids in self._waiting.items():
                        if message["id"] in ids:
                            changed.set()
            except (RedisError, OSError) as error:
                log.warning("subscription.lost", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)

    def _tell_all(self) -> None:
        for changed in self._waiting:
            changed.set()
