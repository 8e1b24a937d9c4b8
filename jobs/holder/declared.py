"""What is declared for a held cluster: rendered when the cluster is taken, synced when it is declared anew."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import structlog

from jobs.follow import REFS
from jobs.holder.held import Held
from jobs.holder.ready import Gate, Way, applied_before, restored
from jobs.records import JobKind, JobRecord, JobState
from jobs.store.parts import Part
from reconciler.errors import NotAllowed, TrueupError
from reconciler.model.declared import Application, Name
from reconciler.model.outcome import Action
from reconciler.model.policy import SyncMode
from reconciler.plan.intent import pause_of
from reconciler.plan.prune import vanished
from reconciler.sync.decide import accept, decide, foresee
from reconciler.sync.source import Target, load

log = structlog.get_logger()

TELL_SECONDS = 5.0
"""How often it is looked whether somebody waits for something that is to be told."""

UNSEEN_SECONDS = 1.0
"""How often it is looked for a head that nobody has seen, of an application that waits for it."""

LATE_SECONDS = 10.0
"""How long a sync may take to begin, before its Application says what it waits for."""


class Declared:
    """The declarations of one held cluster, as they change."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._untold_since: dict[Name, float] = {}
        self._unseen: set[Name] = set()
        """Those whose head nobody had seen when they were declared."""

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
        otherwise = await self._otherwise(targets, refused)
        waiting = [
            t
            for t in targets
            if self._is_untold(t.application) or t.name in otherwise or (t.name not in refused and self._is_out_of_date(t))
        ]
        gate = Gate(held, await held.cluster.records.intents(), datetime.now(UTC))
        put_off = {
            t.name for t in waiting if t.application.sync.mode is SyncMode.MANUAL or gate.put_off(t.application, Way.AUTOMATIC)
        }
        has_job = await self._waiting(waiting)
        await self._declare(target.application for target in waiting if target.name not in has_job)
        self._tell_manual(a for a in held.environment.applications.values() if not held.standing.has_told(a))
        self._report_vanished()
        log.info("cluster.held", cluster=sorted(held.names), applications=len(targets), owned=len(held.cluster.index.owned))
        return frozenset({*put_off, *refused})

    async def follow_forever(self) -> None:
        """Sync what is declared anew or otherwise, and forget what is not declared any more; its objects are left."""
        changed = asyncio.Event()
        self._held.context.changes.add(changed)
        try:
            while True:
                try:
                    async with asyncio.timeout(UNSEEN_SECONDS if self._unseen else TELL_SECONDS):
                        await changed.wait()
                except TimeoutError:
                    await self._look_again()
                    continue
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
        await self._declare(a for name, a in now.items() if name not in known or _is_otherwise(known[name], a))

    async def _look_again(self) -> None:
        """Declare those whose head was not known when they were declared, unless whoever saw it synced them already."""
        held = self._held
        unseen, self._unseen = self._unseen, set()
        news = [a for name, a in held.environment.applications.items() if name in unseen and name not in held.environment.desired]
        if news:
            await self._declare(news)
        await self._tell_late()

    async def _declare(self, applications: Iterable[Application]) -> None:
        """Make a job for each ref that these applications follow; one without a known head gets its job from the poll."""
        context = self._held.context
        wanted: dict[tuple[str, str], str] = {}
        dirty: dict[tuple[str, str], list[str]] = {}
        news = tuple(applications)
        self._tell_manual(news)
        targets, _ = await self._held.targets(news)
        self._unseen |= {a.name for a in news} - {target.name for target in targets}
        for target in targets:
            for source, revision in zip(target.application.sources, target.revisions, strict=True):
                at = str(source.repository), revision.ref
                wanted[at] = revision.commit
                dirty.setdefault(at, []).append(str(target.name))
        for (repository, ref), names in dirty.items():
            await context.heads.soil(repository, ref, names)
        for (repository, ref), commit in wanted.items():
            about = tuple(sorted(dirty[repository, ref]))
            await context.enqueue(context.record(JobKind.DECLARED, repository, ref=ref, commit=commit, applications=about))

    def _is_untold(self, application: Application) -> bool:
        """Whether its status does not tell yet of what is declared now; people sync some when they like."""
        return application.sync.mode is SyncMode.AUTOMATIC and not self._held.standing.has_told(application)

    def _tell_manual(self, applications: Iterable[Application]) -> None:
        for application in applications:
            if application.sync.mode is SyncMode.MANUAL:
                self._held.standing.waits(application, "Manual", f"is synced by hand: trueup sync {application.name}")

    async def _tell_late(self) -> None:
        """Say in their status what those wait for that could not be synced for a while."""
        held, now = self._held, time.monotonic()
        untold = {n: a for n, a in held.environment.applications.items() if not held.standing.has_told(a)}
        self._untold_since = {name: self._untold_since.get(name, now) for name in untold}
        late = [
            a for name, a in untold.items() if now - self._untold_since[name] > LATE_SECONDS and not held.turns.is_taken(name)
        ]
        if not late:
            return
        looks = await held.context.heads.looks()
        for application in late:
            _, waiting = await held.targets([application])
            errors = [looks.get(str(source.repository), "") for source in application.sources]
            if reason := next(filter(None, errors), "") or next((str(error) for error in waiting), ""):
                held.standing.waits(application, "Waiting", reason)

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
        waiting = [job for job in active if job.kind in REFS and job.state is JobState.WAITING and await self._has_part(job)]
        return paused | {Name.parse(name) for job in waiting for name in job.applications}

    async def _otherwise(self, targets: Sequence[Target], refused: Mapping[Name, TrueupError]) -> frozenset[Name]:
        """Those that were declared otherwise, by themselves or by the policies, while nobody was here, or that a policy denies."""
        context = self._held.context
        for repository in sorted({source.repository for target in targets for source in target.application.sources}):
            await context.inputs_of(repository).refresh(context.heads, str(repository))
        denied = {name for name, error in refused.items() if isinstance(error, NotAllowed) and error.findings}
        return frozenset(
            target.name
            for target in targets
            if target.name in denied
            or any(context.inputs_of(source.repository).is_otherwise(target.application) for source in target.application.sources)
        )

    async def _has_part(self, job: JobRecord) -> bool:
        """Whether a job was handed over to this cluster; one that was not may come to nothing for it."""
        return await self._held.context.parts.has(Part(job.id, self._held.cluster.uid))

    def _is_out_of_date(self, target: Target) -> bool:
        try:
            planned = decide(target, self._held.environment)
        except TrueupError:
            return True
        return any(step.action not in (Action.KEEP, Action.SKIP, Action.HOLD) for step in planned.steps)

    def _report_vanished(self) -> None:
        """Objects of applications that are not declared any more stay where they are; people are told."""
        environment = self._held.environment
        declarations = self._held.context.declarations
        known = {*environment.applications, *declarations.leaving, *declarations.refused}
        left = vanished(environment.cluster.index.owned, frozenset(known))
        for name, hold in left.items():
            note = f"{hold.reason}; see: trueup app orphans"
            log.warning("application.gone", application=str(name), objects=len(hold.keys), note=note)


def _is_otherwise(known: Application, now: Application) -> bool:
    return (known.digest, known.generation, known.allowance) != (now.digest, now.generation, now.allowance)
