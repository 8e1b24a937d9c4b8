"""How the Applications of a held cluster are, told in their status: one write an outcome, none at rest.

Only Applications that are custom resources have a status; of the others nothing is written. What could not be written is tried again,
the newest of it only.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from reconciler.declarations.status import ApplicationStatus, HeldStatus
from reconciler.declarations.tell import Moment, Synced, after_health, after_sync, leaves, waits
from reconciler.errors import TrueupError
from reconciler.kube.resources import Resources
from reconciler.model.declared import Application, Name
from reconciler.model.outcome import Health, SyncState

log = structlog.get_logger()

AGAIN_SECONDS = 2.0
"""Pause before a status is written again that could not be."""

AT_ONCE = 4
"""Statuses that are written at a time."""

UNTOLD = frozenset({SyncState.RUNNING, SyncState.SUPERSEDED})
"""Nothing has ended, or what ended is of no interest any more."""

Change = Callable[[ApplicationStatus, str], ApplicationStatus]
"""From the status as it is, and the time, to the one that is to be told."""


class Standing:
    """The statuses that one holder writes."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._wanted: dict[Name, ApplicationStatus] = {}
        self._due = asyncio.Event()

    def synced(self, application: Application, done: Synced) -> None:
        """A sync has come to something."""
        if done.report.state not in UNTOLD:
            self._tell(application.name, lambda status, now: after_sync(status, done, Moment(application.generation, now)))

    def is_healthy_as(self, name: Name, health: Health) -> None:
        """The objects of an application are otherwise than they were."""

        def change(status: ApplicationStatus, now: str) -> ApplicationStatus:
            if status.health is health.status or not status.observed_generation:
                return status
            return after_health(status, health, Moment(status.observed_generation, now))

        self._tell(name, change)

    def waits(self, application: Application, reason: str, message: str) -> None:
        """An application is in force and was not synced as it is declared now."""
        self._tell(application.name, lambda status, now: waits(status, reason, message, Moment(application.generation, now)))

    def leaves(self, application: Application, reason: str, message: str, held: HeldStatus | None = None) -> None:
        """An application is being deleted, and something of it is there yet."""
        moment = application.generation
        self._tell(application.name, lambda status, now: leaves(status, reason, message, Moment(moment, now), held=held))

    def has_told(self, application: Application) -> bool:
        """Whether its status is of what is declared now; so it is of one that has none."""
        status = self._status(application.name)
        return status is None or status.observed_generation >= application.generation

    async def write_forever(self) -> None:
        """Write what is to be told, as soon as it is."""
        free = asyncio.Semaphore(AT_ONCE)
        while True:
            await self._due.wait()
            self._due.clear()
            done = await asyncio.gather(*(self._write(name, status, free) for name, status in tuple(self._wanted.items())))
            if not all(done):
                await asyncio.sleep(AGAIN_SECONDS)
                self._due.set()

    async def _write(self, name: Name, status: ApplicationStatus, free: asyncio.Semaphore) -> bool:
        """Write one status; False when that has to be tried again."""
        async with free:
            resource = self._resources.application(name)
            try:
                if resource is not None:
                    await self._resources.write_status(resource, status.document)
            except TrueupError as error:
                log.warning("status.not_written", application=str(name), error=str(error))
                return False
        if self._wanted.get(name) is status:
            del self._wanted[name]
        return True

    def _tell(self, name: Name, change: Change) -> None:
        status = self._status(name)
        if status is None:
            return
        news = change(status, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        if news != status:
            self._wanted[name] = news
            self._due.set()

    def _status(self, name: Name) -> ApplicationStatus | None:
        """What is told, or about to be; None of an application that is no resource."""
        resource = self._resources.application(name)
        if resource is None:
            return None
        return self._wanted.get(name) or ApplicationStatus.of(resource.status)
