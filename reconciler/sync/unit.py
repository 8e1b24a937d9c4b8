"""Applications that are synced together: dependencies in order, the rest at once, all applies before any deletion."""

import asyncio
from collections.abc import Iterable

from reconciler.errors import Waiting
from reconciler.model.declared import Application, Name


class Unit:
    """The milestones of one commit's applications, and how many deletions they want together.

    Every application passes `applied` exactly once, and `ready` or `failed` at most once, whatever happens to it.

    Args:
        applications: the members.
        unreadable: those of them that could not be rendered: nobody knows what they want.
    """

    def __init__(self, applications: Iterable[Application], unreadable: Iterable[Name] = ()) -> None:
        self.unreadable = tuple(sorted(unreadable))
        self._members = {application.name for application in applications}
        self._applying = set(self._members)
        self._all_applied = asyncio.Event()
        self._settled: dict[Name, asyncio.Future[bool]] = {}
        self._deletions = 0

    def applied(self, name: Name) -> None:
        """The application has applied all it will apply, or has failed to."""
        self._applying.discard(name)
        if not self._applying:
            self._all_applied.set()

    async def all_applied(self) -> None:
        """Wait for every application's applies: nothing is deleted before."""
        await self._all_applied.wait()

    def plans_deletions(self, count: int) -> None:
        """An application plans so many deletions; the blast radius is that of the whole job."""
        self._deletions += count

    def deletions_beside(self, own: int) -> int:
        """How many deletions the other applications plan, given how many one's own are."""
        return self._deletions - own

    def settle(self, name: Name, *, healthy: bool) -> None:
        """The application is healthy, or will not be in this sync."""
        future = self._future(name)
        if not future.done():
            future.set_result(healthy)

    async def dependencies(self, application: Application) -> None:
        """Wait until everything that the application depends on in this unit is healthy.

        Raises:
            Waiting: when one of them failed.
        """
        for name in application.depends_on:
            if name in self._members and not await asyncio.shield(self._future(name)):
                raise Waiting(f"waits for {name}, which is not healthy", retry_seconds=15.0)

    def _future(self, name: Name) -> asyncio.Future[bool]:
        return self._settled.setdefault(name, asyncio.get_running_loop().create_future())
