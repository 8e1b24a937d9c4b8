"""Deletions that wait since the cluster does not tell all that it serves: they are done when it does, without a push.

An aggregated API whose server is away makes discovery partial, and then nothing is deleted anywhere in that cluster. While it is so,
discovery is asked again and again, which costs three requests; while it is whole, nothing is asked.
"""

import asyncio

import structlog
from redis.exceptions import RedisError

from jobs.holder.held import Held
from jobs.holder.surroundings import go_on
from reconciler.errors import TrueupError
from reconciler.model.declared import Application
from reconciler.model.outcome import Action, SyncState
from reconciler.model.policy import SyncMode
from reconciler.plan.steps import doomed_by
from reconciler.sync.decide import plan_request
from reconciler.sync.source import Target

log = structlog.get_logger()

ASKED_SECONDS = 10.0
"""How often discovery is asked while it is partial."""


class Withheld:
    """Goes on with the deletions of one cluster."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._was_partial = not held.cluster.kinds.is_complete
        """Whether deletions may have been withheld. What was left before a restart is a reason for a sync at the start."""
        self._told: frozenset[str] = frozenset()
        """The groups that were named."""

    async def go_on_forever(self) -> None:
        """Look whether discovery is whole again."""
        while True:
            await asyncio.sleep(ASKED_SECONDS)
            try:
                await self._look()
            except (TrueupError, RedisError, OSError) as error:
                log.warning("discovery.failed", cluster=self._held.name, error=str(error))

    async def _look(self) -> None:
        cluster = self._held.cluster
        if not cluster.kinds.is_complete:
            if cluster.kinds.failed != self._told:
                log.warning("discovery.partial", cluster=self._held.name, groups=sorted(cluster.kinds.failed))
            self._was_partial, self._told = True, cluster.kinds.failed
            await cluster.rediscover()
        if self._was_partial and cluster.kinds.is_complete:
            for application in tuple(self._held.environment.applications.values()):
                if application.sync.mode is SyncMode.AUTOMATIC and self._has_deletions(application):
                    await self._go_on(application)
            self._was_partial, self._told = False, frozenset()

    def _has_deletions(self, application: Application) -> bool:
        """Whether something of an application would be deleted now."""
        environment = self._held.environment
        rendering = environment.desired.of(application.name)
        if rendering is None:
            return False
        decided = doomed_by(plan_request(Target(application, (rendering.revision,)), environment))
        return any(step.action in (Action.DELETE, Action.HOLD) for step in decided.steps)

    async def _go_on(self, application: Application) -> None:
        """Sync an application that is at its commit but for deletions."""
        record = await self._held.context.applications.get(str(application.name))
        if record is not None and record.state is SyncState.SUCCEEDED:
            log.info("discovery.whole", cluster=self._held.name, application=str(application.name))
            await go_on(application, self._held)
