"""How the applications are that a part of a job does not sync itself: in other clusters, in other repositories, in other jobs.

What is asked is read from the records; whoever has to wait is woken by what happens to them.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence

from jobs.context import UNTOLD
from jobs.holder.awaiting import Awaiting
from jobs.holder.held import Held
from jobs.records import JobKind, JobRecord
from jobs.verdicts import lack_of, lack_of_sync, unapplied
from reconciler.errors import Waiting
from reconciler.kube.wait import first_of
from reconciler.model.declared import Application, Name
from reconciler.model.outcome import Awaited, SyncReport, SyncState
from reconciler.model.policy import SyncMode

APPLIED_SECONDS = 300.0
"""How long deletions wait for the applies of other clusters, whose holder may be away."""

LOOKED_AT = 5
"""Newest jobs of an application that may go on with it."""


class JobSurroundings:
    """What is around one part of a job."""

    def __init__(self, held: Held, job: JobRecord, awaiting: Awaiting) -> None:
        self._held = held
        self._context = held.context
        self._job = job
        self._awaiting = awaiting

    async def lacks(self, name: Name) -> str:
        """Why an application is not healthy at the commit it should be at; empty when it is."""
        job = await self._context.jobs.load(self._job.id)
        if job is not None and str(name) in job.applications:
            return lack_of_sync(next((sync for sync in job.syncs if sync.application == str(name)), None))
        application = self._context.declarations.applications.get(name)
        if application is None:
            return "which is not declared"
        record = await self._context.applications.get(str(name))
        return lack_of(record, is_dirty=await is_dirty(application, self._held))

    async def others_applied(self, preempted: asyncio.Event) -> None:
        """Wait until the job's applications in other clusters have applied all they will apply.

        Raises:
            Waiting: when they have not in time.
        """
        known = self._context.declarations.applications.keys() - self._held.environment.applications.keys()
        elsewhere = [name for name in self._job.applications if Name.parse(name) in known]
        if not elsewhere:
            return
        deadline = time.monotonic() + APPLIED_SECONDS
        async with self._awaiting.noticed([self._job.id]) as changed:
            while not preempted.is_set():
                changed.clear()
                job = await self._context.jobs.load(self._job.id)
                if job is None or not (late := unapplied(job, elsewhere)):
                    return
                if time.monotonic() >= deadline:
                    raise Waiting(f"deletions wait for {late[0]}, which is not applied yet in its cluster")
                await first_of(deadline - time.monotonic(), changed, preempted)

    async def changes(self, awaited: Awaited, among: Iterable[Name], seconds: float) -> None:
        """Wait until something that is awaited has come, the job has ended, or time is up.

        Args:
            awaited: what is waited for.
            among: applications that wait themselves; they are no news.
            seconds: how long at most.
        """
        cluster, deadline = self._held.cluster, time.monotonic() + seconds
        names = awaited.applications - set(among)
        ids = {self._job.id, *(str(name) for name in names)}
        async with self._awaiting.noticed(ids) as changed, cluster.appearances.noticed(awaited.kinds) as appeared:
            with cluster.index.noticed(awaited.objects) as going:
                while (left := deadline - time.monotonic()) > 0:
                    changed.clear()
                    going.clear()
                    is_gone = any(key not in cluster.index.owned for key in awaited.objects)
                    if appeared.is_set() or is_gone or await self.is_over() or await self._is_any_healthy(names):
                        return
                    await first_of(left, changed, appeared, going)

    async def tell_why(self, late: Iterable[SyncReport]) -> None:
        """Say of syncs that waited in vain what became of that which they waited for."""
        job = await self._context.jobs.load(self._job.id)
        syncs = {sync.application: sync for sync in job.syncs} if job else {}
        news = []
        for report in late:
            lacks = [f"waits for {name}, {lack}" for name in report.awaited.applications if (lack := await self.lacks(name))]
            if lacks and (sync := syncs.get(str(report.application))) is not None:
                news.append(sync.model_copy(update={"message": lacks[0]}))
        await self._context.jobs.put_syncs(self._job.id, news)

    async def is_over(self) -> bool:
        """Whether the job has ended, or is forgotten."""
        found = await self._context.jobs.load_brief([self._job.id])
        return not found or found[0].state.is_final

    async def _is_any_healthy(self, names: Iterable[Name]) -> bool:
        return any([not await self.lacks(name) for name in sorted(names)])


async def is_dirty(application: Application, held: Held) -> bool:
    """Whether an application's inputs changed since it was last applied, as far as is known."""
    targets, waiting = await held.targets([application])
    if waiting:
        return True
    return any(
        [
            await held.context.heads.is_dirty(str(source.repository), revision.ref, str(application.name))
            for source, revision in zip(application.sources, targets[0].revisions, strict=True)
            if revision.ref
        ]
    )


async def go_on_with_dependents(held: Held, healthy: Sequence[Name]) -> None:
    """Applications that wait for these, and that no job goes on with any more, get one of their own."""
    context, news = held.context, held.context.declarations.awaited.intersection(healthy)
    for application in context.declarations.applications.values() if news else ():
        if not news.intersection(application.depends_on) or application.sync.mode is not SyncMode.AUTOMATIC:
            continue
        record = await context.applications.get(str(application.name))
        is_waiting = record is not None and record.state is SyncState.WAITING
        if is_waiting and await is_dirty(application, held):
            await go_on(application, held)


async def go_on(application: Application, held: Held) -> None:
    """A job for an application whose wait is over, unless one is under way."""
    context = held.context
    if await _is_taken_care_of(application, held):
        return
    target = (await held.targets([application]))[0][0]
    await context.enqueue(
        context.record(
            JobKind.DEPENDENCY, str(application.sources[0].repository),
            ref=target.revision.ref, commit=target.revision.commit, applications=(str(application.name),),
        )
    )  # fmt: skip


async def _is_taken_care_of(application: Application, held: Held) -> bool:
    """Whether a job is under way that syncs the application."""
    context = held.context
    ids = await context.redis.zrange(context.keys.jobs_of("application", str(application.name)), 0, LOOKED_AT - 1, desc=True)
    found = await context.jobs.load_brief([job_id.decode() for job_id in ids])
    return any(not job.state.is_final and job.kind not in UNTOLD for job in found)
