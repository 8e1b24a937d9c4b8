"""What is declared for a held cluster: rendered when the cluster is taken, synced when it is declared anew."""

import asyncio
from collections.abc import Iterable

import structlog

from jobs.holder.held import Held
from jobs.records import JobKind
from reconciler.errors import TrueupError
from reconciler.model.declared import Application
from reconciler.model.outcome import Action
from reconciler.plan.prune import vanished
from reconciler.sync.decide import accept, decide
from reconciler.sync.source import Target, load

log = structlog.get_logger()


class Declared:
    """The declarations of one held cluster, as they change."""

    def __init__(self, held: Held) -> None:
        self._held = held

    async def resume(self) -> None:
        """Render everything at the commits that are known, so that drift and strays are seen; nothing is written."""
        held = self._held
        targets, _ = await held.targets(held.refresh().values())  # what was never observed gets its job from the next poll
        sources = await load(targets, held.environment.workshop)
        refused = await accept(sources, targets, held.environment)
        waiting = [target for target in targets if target.name not in refused and self._is_out_of_date(target)]
        await self._declare(target.application for target in waiting)
        self._report_vanished()
        log.info("cluster.held", cluster=sorted(held.names), applications=len(targets), owned=len(held.cluster.index.owned))

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
