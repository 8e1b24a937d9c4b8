"""Turns: an application is in one sync at a time, and who waits for the health of an older commit gives way."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from reconciler.model.declared import Name
from reconciler.plan.intent import Commits


@dataclass(slots=True)
class _Turn:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    commits: Commits = ()
    """What the application is being synced to."""
    preempted: asyncio.Event = field(default_factory=asyncio.Event)


class Turns:
    """Who may work on which application of one cluster."""

    def __init__(self) -> None:
        self._turns: dict[Name, _Turn] = {}

    @asynccontextmanager
    async def taken(self, commits: Mapping[Name, Commits]) -> AsyncIterator[Mapping[Name, asyncio.Event]]:
        """Have these applications to oneself; yields what is set when a newer commit waits for one of them.

        Args:
            commits: what each application is to be at; whoever brings it to others is told to give way.
        """
        turns = {name: self._turns.setdefault(name, _Turn()) for name in sorted(commits)}
        for name, turn in turns.items():
            if turn.commits != commits[name]:
                turn.preempted.set()
        taken: list[asyncio.Lock] = []
        try:
            for turn in turns.values():
                await turn.lock.acquire()
                taken.append(turn.lock)
            for name, turn in turns.items():
                turn.commits, turn.preempted = commits[name], asyncio.Event()
            yield {name: turn.preempted for name, turn in turns.items()}
        finally:
            for lock in taken:
                lock.release()

    def is_taken(self, name: Name) -> bool:
        """Whether somebody works on an application now."""
        turn = self._turns.get(name)
        return turn is not None and turn.lock.locked()

    @asynccontextmanager
    async def between(self, name: Name) -> AsyncIterator[None]:
        """Have one application to oneself, between two syncs; nobody gives way for it."""
        async with self._turns.setdefault(name, _Turn()).lock:
            yield
