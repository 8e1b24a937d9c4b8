"""Applications that are synced together: dependencies in order, the rest at once, all applies before any deletion."""

import asyncio
from collections.abc import Iterable
from typing import Protocol

from reconciler.declarations.check import foreign
from reconciler.errors import NotAllowed, Waiting
from reconciler.model.declared import Application, Name
from reconciler.model.outcome import Awaited, SyncReport
from reconciler.sync.report import AWAITED_SECONDS


class Surroundings(Protocol):
    """How the applications are that are not synced here."""

    async def lacks(self, name: Name) -> str:
        """Why an application is not healthy at the commit it should be at, as in `which failed: ...`; empty when it is."""

    async def others_applied(self, preempted: asyncio.Event) -> None:
        """Wait until the applications of the same commit in other clusters have applied all they will apply.

        Raises:
            Waiting: when they have not in time.
        """


class Unit:
    """The milestones of one commit's applications, and how many deletions they want together.

    Every application passes `applied` and `settle`, whatever happens to it.

    Args:
        applications: the members.
        surroundings: how those are that are no members; None: nobody can say.
        unreadable: the members that could not be rendered: nobody knows what they want.
        was_told: whether the cluster told all that it serves before they were rendered: a chart may leave out what it does not know.
    """

    def __init__(
        self,
        applications: Iterable[Application],
        surroundings: Surroundings | None = None,
        *,
        unreadable: Iterable[Name] = (),
        was_told: bool,
    ) -> None:
        self.was_told = was_told
        self.unreadable = tuple(sorted(unreadable))
        self._members = {application.name for application in applications}
        self._surroundings = surroundings
        self._applying = set(self._members)
        self._all_applied = asyncio.Event()
        self._settled: dict[Name, asyncio.Future[str]] = {}
        self._deletions = 0

    def applied(self, name: Name) -> None:
        """The application has applied all it will apply, or has failed to."""
        self._applying.discard(name)
        if not self._applying:
            self._all_applied.set()

    async def all_applied(self, preempted: asyncio.Event, *, has_deletions: bool) -> None:
        """Wait for every application's applies, those in other clusters too where something is deleted: nothing is before.

        Raises:
            Waiting: when those in other clusters have not applied in time.
        """
        await self._all_applied.wait()
        if has_deletions and self._surroundings is not None:
            await self._surroundings.others_applied(preempted)

    def plans_deletions(self, count: int) -> None:
        """An application plans so many deletions; the blast radius is that of the whole job."""
        self._deletions += count

    def deletions_beside(self, own: int) -> int:
        """How many deletions the other applications plan, given how many one's own are."""
        return self._deletions - own

    def settle(self, name: Name, report: SyncReport | None = None) -> None:
        """The application is healthy; or, where it has a report, it will not be in this sync."""
        future = self._future(name)
        if not future.done():
            future.set_result(f"which is {report.state}: {report.message}" if report else "")

    async def dependencies(self, application: Application) -> None:
        """Wait until everything that the application depends on in this unit is healthy; what is not in it must be so already.

        Raises:
            NotAllowed: naming the one that it may not know of.
            Waiting: naming the one that is not, and why.
        """
        for name in application.depends_on:
            if not application.may_wait_for(name):  # a file of a namespace that the settings allow less than everything
                raise NotAllowed(foreign(application, name))
            if name in self._members:
                lack = await asyncio.shield(self._future(name))
            else:
                lack = await self._surroundings.lacks(name) if self._surroundings else ""
            if lack:
                awaited = Awaited(applications=frozenset({name}))
                raise Waiting(f"waits for {name}, {lack}", retry_seconds=AWAITED_SECONDS, awaited=awaited)

    def _future(self, name: Name) -> asyncio.Future[str]:
        return self._settled.setdefault(name, asyncio.get_running_loop().create_future())
