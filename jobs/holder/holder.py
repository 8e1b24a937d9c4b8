"""The holder of one cluster: the one place from which it is read and written, as long as the lease is ours."""

import asyncio

import structlog

from jobs import metrics
from jobs.context import Context
from jobs.holder.alarms import Alarms
from jobs.holder.answers import Answers
from jobs.holder.declared import Declared
from jobs.holder.drift import Repairs
from jobs.holder.healths import Healths
from jobs.holder.held import Held
from jobs.holder.keeper import Keeper
from jobs.holder.removals import Removals
from jobs.holder.syncs import Syncs
from jobs.holder.withheld import Withheld
from jobs.questions import Questions
from jobs.queue import Workload, work
from reconciler.errors import TrueupError
from reconciler.kube.cluster import Cluster
from reconciler.sync.probe import probe
from reconciler.sync.runs import Runs

log = structlog.get_logger()


class Holder:
    """One cluster, held."""

    def __init__(self, context: Context, names: set[str], cluster: Cluster) -> None:
        """Names: what declarations call the cluster; more may be added while it is held."""
        self._held = Held.of(context, names, cluster)

    async def run(self) -> None:
        """Hold the cluster until cancelled."""
        held = self._held
        context, cluster = held.context, held.cluster
        repairs, healths, declared, removals = Repairs(held), Healths(held), Declared(held), Removals(held)
        runs, withheld = Runs(held.environment), Withheld(held)
        await cluster.resume()
        await cluster.records.intents()
        cluster.index.listen(repairs.on_change)
        cluster.index.listen_suspicion(repairs.on_suspicion)
        cluster.index.listen_health(healths.on_health)
        cluster.index.listen_health(runs.on_health)
        load = Workload(
            queue=context.keys.cluster_queue(cluster.uid),
            tasks={"sync": Syncs(held, removals).take},
            context=context,
            concurrency=context.settings.concurrency,
        )
        metrics.HELD.inc()
        metrics.OWNED.labels(held.name).set_function(lambda: len(cluster.index.owned))
        metrics.STRAYS.labels(held.name).set_function(lambda: len(cluster.strays))
        try:
            repairs.look_at(await declared.resume())
            async with asyncio.TaskGroup() as group:
                group.create_task(work(context.url, load))
                group.create_task(declared.follow_forever())
                group.create_task(repairs.put_back_forever())
                group.create_task(Alarms(held).ring_forever())
                group.create_task(healths.tell_forever())
                group.create_task(runs.settle_forever())
                group.create_task(removals.look_forever())
                group.create_task(held.standing.write_forever())
                group.create_task(Keeper(held).keep_forever())
                group.create_task(
                    Questions(context.redis, context.keys).answer_forever(cluster.uid, Answers(held, removals).answer)
                )
                group.create_task(self._sweep_forever(repairs))
                group.create_task(self._search_forever())
                group.create_task(withheld.go_on_forever())
        finally:
            metrics.HELD.dec()
            for gauge in (metrics.OWNED, metrics.STRAYS, metrics.PAUSED, metrics.ROLLED_BACK):
                gauge.remove(held.name)
            await held.background.close()

    async def _sweep_forever(self, repairs: Repairs) -> None:
        """The periodic look at everything owned, which finds what a lost watch lost."""
        cluster = self._held.cluster
        while True:
            await asyncio.sleep(self._held.context.settings.sweep)
            try:
                seen = await cluster.index.sweep()
                await cluster.records.reload_intents()
                self._held.decided.set()
                probed = await probe(self._held.environment)
                for key in probed.changed:
                    repairs.on_change(key, None)
                log.info(
                    "sweep.finished", cluster=self._held.name, objects=seen, strays=len(cluster.strays), probed=probed.looked_at
                )
            except TrueupError as error:
                log.warning("sweep.failed", cluster=self._held.name, error=str(error))

    async def _search_forever(self) -> None:
        """The rare look at every kind, which finds strays, and what a lost record of kinds lost."""
        cluster = self._held.cluster
        while True:
            await asyncio.sleep(self._held.context.settings.search)
            try:
                found = await cluster.search()
                log.info("search.finished", cluster=self._held.name, strays=len(cluster.strays), failed=found.failed[:5])
            except TrueupError as error:
                log.warning("search.failed", cluster=self._held.name, error=str(error))
