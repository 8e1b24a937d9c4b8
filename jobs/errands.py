"""Calls of others that go on beside the loop that begins them: one that hangs holds up none of those that come after it."""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any, Generic, TypeVar

PATIENCE_SECONDS = 0.5
"""How long the loop waits for those that it has begun; then it looks for new ones."""

K = TypeVar("K")


class Errands(Generic[K]):
    """What is under way, by what it is about: of each there is one at a time."""

    def __init__(self) -> None:
        self._tasks: dict[K, asyncio.Task[None]] = {}

    def __contains__(self, about: object) -> bool:
        return about in self._tasks

    def __iter__(self) -> Iterator[K]:
        return iter(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)

    def begin(self, about: K, errand: Coroutine[Any, Any, None]) -> None:
        """Begin one; nothing about the same may be under way."""
        self._tasks[about] = asyncio.create_task(errand)

    async def settle(self) -> None:
        """Wait for a moment, and forget what is done; raises what went wrong with one of these."""
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=PATIENCE_SECONDS)
        done = [task for task in self._tasks.values() if task.done()]
        self._tasks = {about: task for about, task in self._tasks.items() if not task.done()}
        for task in done:
            task.result()

    async def close(self) -> None:
        """End what is under way."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
