"""What is declared for a held cluster: rendered when the cluster is taken, synced when it is declared anew."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import structlog

from jobs.follow import REFS
from jobs.holder.held import Held
from jobs.holder.ready import Gate, Way, applied_before, restored
from jobs.records import JobKind, JobState
from reconciler.errors import TrueupError
from reconciler.model.declared import Application, Name, SyncMode
from reconciler.model.outcome import Action
from reconciler.plan.intent import pause_of
from reconciler.plan.prune import vanished
from reconciler.sync.decide import accept, decide, foresee
from reconciler.sync.source import Target, load

log = structlog.get_logger()


class Declared:
    """The declarations of one held cluster, as they change."""

    def __init__(self, held: Held) -> None:
        self._held = held

    async def resume(self) -> frozenset[Name]:
        """Render everything at the commits that are known, so that drift and strays are seen; nothing is written.

        Returns the applications that are not synced by themselves now: what drifted of them meanwhile is to be looked at.
        """
        held = self._held
        observed, _ = await held.targets(held.refresh().values())  # what was never observed gets its job from the next poll
        targets = await restored(held, observed)
        refused = await accept(await load(targets, held.environment.workshop), targets, held.environment)
        await self._resume_older([target for target in targets if target.name in refused])
        at_head = {target.name for target in targets if target in observed and target.name not in refused}
        await foresee([target for target in observed if target.name not in at_head], held.environment)
        waiting = [target for target in targets if target.name not in refused and self._is_out_of_date(target)]
        gate = Gate(held, await held.cluster.records.intents(), datetime.now(UTC))
        put_off = {
            t.name for t in waiting if t.application.sync.mode is SyncMode.MANUAL or gate.put_off(t.application, Way.AUTOMATIC)
        }
        has_job = await self._waiting(waiting)
        await self._declare(target.application for target in waiting if target.name not in has_job)
        self._report_vanished()
        log.info("cluster.held", cluster=sorted(held.names), applications=len(targets), owned=len(held.cluster.index.owned))
        return frozenset({*put_off, *refused})

    async def follow_forever(self) -> None:
        """Sync what is declared anew or otherwise, and forget what is not declared any more; its objects are left."""
        changed = asyncio.Event()
        self._held.context.changes.add(changed)
        try:
            while True:
                await changed.wait()
                changed.clear()
                await self._take()
        finally:
            self._held.context.changes.discard(changed)

    async def _take(self) -> None:
        known = dict(self._held.environment.applications)
        now = self._held.refresh()
        gone = set(known) - set(now)
        for name in gone:
            self._held.environment.desired.forget(name)
            self._held.environment.wanted.pop(name, None)
        if gone:
            self._report_vanished()
        await self._declare(a for name, a in now.items() if name not in known or known[name].digest != a.digest)

    async def _declare(self, applications: Iterable[Application]) -> None:
        """Make a job for each ref that these applications follow; one without a known head gets its job from the poll."""
        context = self._held.context
        wanted: dict[tuple[str, str], str] = {}
        dirty: dict[tuple[str, str], list[str]] = {}
        for target in (await self._held.targets(applications))[0]:
            for source, revision in zip(target.application.sources, target.revisions, strict=True):
                at = str(source.repository), revision.ref
                wanted[at] = revision.commit
                dirty.setdefault(at, []).append(str(target.name))
        for (repository, ref), names in dirty.items():
            await context.heads.soil(repository, ref, names)
        for (repository, ref), commit in wanted.items():
            await context.enqueue(context.record(JobKind.DECLARED, repository, ref=ref, commit=commit))

    async def _resume_older(self, targets: Sequence[Target]) -> None:
        """What does not render now is kept as it was applied last: a mistake in Git makes nobody blind for drift."""
        held = self._held
        older = await applied_before(held, targets)
        await accept(await load(older, held.environment.workshop), older, held.environment)

    async def _waiting(self, targets: Sequence[Target]) -> frozenset[Name]:
        """The applications that a job waits with already, and those whose pause ends with a job."""
        intents = await self._held.cluster.records.intents()
        now = datetime.now(UTC)
        paused = frozenset(name for name, intent in intents.items() if pause_of(intent, now))
        repositories = {source.repository for target in targets for source in target.application.sources}
        active = [job for name in sorted(repositories) for job in await self._held.context.jobs.active_of(str(name))]
        waiting = [job for job in active if job.kind in REFS and job.state is JobState.WAITING]
        return paused | {Name.parse(name) for job in waiting for name in job.applications}

    def _is_out_of_date(self, target: Target) -> bool:
        try:
            planned = decide(target, self._held.environment)
        except TrueupError:
            return True
        return any(step.action not in (Action.KEEP, Action.SKIP, Action.HOLD) for step in planned.steps)

    def _report_vanished(self) -> None:
        """Objects of applications that are not declared any more stay where they are; people are told."""
        environment = self._held.environment
        left = vanished(environment.cluster.index.owned, frozenset(environment.applications))
        for name, hold in left.items():
            log.warning("application.gone", application=str(name), objects=len(hold.keys), note=hold.reason)
