"""The clusters of one worker: it tries to get the lease of each that is declared, and holds those that it got."""

import asyncio
import contextlib
from dataclasses import dataclass, field

import structlog
from redis.exceptions import RedisError

from jobs.connection import let_cancel
from jobs.context import Context
from jobs.holder.holder import Holder
from jobs.lease import BEAT_SECONDS, Lease
from reconciler.errors import TrueupError
from reconciler.kube.client import connect
from reconciler.kube.cluster import identity, open_cluster
from reconciler.kube.config import Access
from reconciler.model.declared import IN_CLUSTER, Declarations

log = structlog.get_logger()

HOLD_SECONDS = 1.0
"""How often a worker tries to get the lease of a cluster that it does not hold."""

NOTHING_SECONDS = 5.0
"""Pause when a cluster does not answer."""


@dataclass(eq=False, slots=True)
class _Names:
    """What declarations call a cluster that is held."""

    names: set[str]
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it is held no longer."""


class Clusters:
    """Holds clusters. Two names may mean one cluster: then it has one holder, for the applications of both."""

    def __init__(self, context: Context, predecessor: str) -> None:
        self._context = context
        self._predecessor = predecessor
        self._held: dict[str, _Names] = {}
        """By the cluster's uid."""

    async def hold_forever(self) -> None:
        """One task for each cluster that is declared."""
        known: set[str] = set()
        seen: Declarations | None = None
        async with asyncio.TaskGroup() as group:
            while True:
                await self._context.declared.wait()
                if seen is not self._context.declarations:
                    seen = self._context.declarations
                    for name in sorted(_wanted(self._context) - known):
                        known.add(name)
                        group.create_task(self._hold(name))
                await asyncio.sleep(HOLD_SECONDS)

    async def _hold(self, name: str) -> None:
        """Try to hold one cluster, for ever."""
        while True:
            try:
                await self._hold_once(name)
            except TrueupError as error:
                log.warning("cluster.unavailable", cluster=name, error=str(error))
                await asyncio.sleep(NOTHING_SECONDS)
            except (RedisError, OSError) as error:
                log.warning("cluster.released", cluster=name, error=str(error))
            except Exception:  # a defect met with one cluster must not take the others from this worker
                log.exception("cluster.crashed", cluster=name)
                await asyncio.sleep(NOTHING_SECONDS)
            let_cancel()
            await asyncio.sleep(HOLD_SECONDS)

    async def _hold_once(self, name: str) -> None:
        context = self._context
        access = Access.of(context.settings, name)
        async with connect(access, context.instance, context.settings) as client:
            uid = await identity(client)
        await context.redis.hset(context.keys.clusters, name, uid)
        if (held := self._held.get(uid)) is not None:
            await self._join(held, name)
            return
        held = self._held[uid] = _Names({name})  # before the lease is ours, so that no other name takes it beside us
        try:
            lease = Lease(context.redis, context.keys.lease(uid), context.worker)
            is_ours = await lease.acquire(predecessor=self._predecessor)
            let_cancel()
            if not is_ours:
                return
            async with lease.held(), open_cluster(access, context.instance, context.settings) as cluster:
                announcing = asyncio.create_task(self._announce_forever(uid, held))
                try:
                    await _until_lost(lease, Holder(context, held.names, cluster))
                finally:
                    announcing.cancel()
                log.warning("lease.lost", cluster=name)
        finally:
            del self._held[uid]
            held.ended.set()

    async def _announce_forever(self, uid: str, held: _Names) -> None:
        """Say which cluster is meant by its names, again and again: Redis may forget."""
        while True:
            with contextlib.suppress(RedisError, OSError):
                await self._context.redis.hset(self._context.keys.clusters, mapping=dict.fromkeys(held.names, uid))
            await asyncio.sleep(BEAT_SECONDS)

    async def _join(self, held: _Names, name: str) -> None:
        """Another name for a cluster that we hold already."""
        held.names.add(name)
        log.info("cluster.joined", cluster=name, names=sorted(held.names))
        for changed in self._context.changes:
            changed.set()
        await held.ended.wait()


def _wanted(context: Context) -> set[str]:
    """Every destination, also of what leaves; and the cluster that declarations are in, where there are any."""
    declared = context.declarations
    found = {a.destination.cluster for a in (*declared.applications.values(), *declared.leaving.values())}
    return found | ({IN_CLUSTER} if context.resources.known or not found else set())


async def _until_lost(lease: Lease, holder: Holder) -> None:
    holding = asyncio.create_task(holder.run())
    lost = asyncio.create_task(lease.lost.wait())
    try:
        await asyncio.wait({holding, lost}, return_when=asyncio.FIRST_COMPLETED)
        if holding.done():
            await holding
    finally:
        for task in (holding, lost):
            task.cancel()
        await asyncio.gather(holding, lost, return_exceptions=True)
