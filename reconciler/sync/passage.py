"""One application on its way through a sync: dependencies, hooks, waves, health, deletions; each step reads as it is done."""

import dataclasses
import time
from collections import Counter
from dataclasses import dataclass, field

from reconciler.errors import TrueupError, Waiting
from reconciler.events import Applied, Healthy, Planned, SyncFinished
from reconciler.model.hooks import Phase
from reconciler.model.outcome import Action, Awaited, Plan, SyncReport, SyncState, changed, withheld
from reconciler.plan.prune import untold
from reconciler.plan.steps import awaited, is_end, namespaces_of_hooks
from reconciler.sync.apply import apply
from reconciler.sync.decide import accept_again, decide
from reconciler.sync.hooks import run_hooks
from reconciler.sync.prune import Pruning
from reconciler.sync.report import Course, failed, report
from reconciler.sync.runs import health_of
from reconciler.sync.source import Source, Target
from reconciler.sync.unit import Unit
from reconciler.sync.vigil import Vigil


@dataclass(slots=True)
class Passage:
    """Takes one application of a unit to its commit."""

    target: Target
    vigil: Vigil
    unit: Unit
    source: Source | TrueupError
    """What it renders to, or why it cannot be synced."""
    approved: str = ""
    """The digest of the deletions that a person approved."""
    asked_at: str = ""
    """When a person asked for the sync."""
    began: float = field(default_factory=time.monotonic)
    only: tuple[str, ...] = ()
    """The objects that are meant; none: all, with hooks, and what is no longer declared."""
    plan: Plan | None = None
    course: Course = field(default_factory=Course)

    async def run(self) -> SyncReport:
        """From its plan to its report; whatever happens, the others of the unit are not kept waiting."""
        unit, name = self.unit, self.target.name
        finished: SyncReport | None = None
        try:
            if isinstance(self.source, TrueupError):
                raise self.source
            await self._apply(self.source)
            unit.applied(name)
            await self._wait()
            await self._hooks(Phase.POST_SYNC)
            if self.course.is_good and not self._is_preempted:
                self.vigil.observer(Healthy(name, self.target.revision))
                unit.settle(name)
                await self._prune()
            finished = self._noticed(report(self.target, self._ended()))
        except TrueupError as error:
            finished = failed(self.target, error, self.course.results)
        finally:
            unit.applied(name)
            unit.settle(name, finished)
        if finished.state is SyncState.FAILED and self.plan is not None:
            finished = await self._after_failure(finished)
        self.vigil.observer(SyncFinished(finished, time.monotonic() - self.began))
        return finished

    async def _apply(self, source: Source) -> None:
        """Wait for dependencies, plan, run what comes before, and apply what differs."""
        name, observer = self.target.name, self.vigil.observer
        await self.unit.dependencies(self.target.application)
        planned = self.plan = self._decide()
        self.unit.plans_deletions(self._deletions)
        counts = Counter(str(step.action) for step in planned.steps)
        observer(Planned(name, self.target.revision, dict(counts)))
        if needed := namespaces_of_hooks(planned):
            self.course = await apply(needed, self.vigil)
            planned = self._decide()
        await self._note_last_hooks()
        await self._hooks(Phase.PRE_SYNC)
        if not self.course.is_good or self._is_preempted:
            self.course = dataclasses.replace(self.course, unreached=sum(len(stage) for stage in planned.stages))
            return
        await self._apply_as_it_can_be(planned, source)
        observer(Applied(name, self.target.revision, changed(self.course.results), time.monotonic() - self.began))

    async def _apply_as_it_can_be(self, planned: Plan, source: Source) -> None:
        """Apply what can be; what waits for a kind, or for an object to be gone, when that has come, within the sync's time."""
        kept = sum(1 for step in planned.steps if step.action is Action.KEEP)
        deadline = time.monotonic() + self.target.application.sync.timeout_seconds
        while True:
            done = await apply(planned, self.vigil)
            before = tuple(result for result in self.course.results if result.action is not Action.DEFER)
            missing = awaited(planned, self.vigil.environment.cluster.index.owned) if done.deferred else Awaited()
            self.course = dataclasses.replace(done, results=(*before, *done.results), kept=kept, awaited=missing)
            is_stopped = done.errors or done.unhealthy or self._is_preempted
            if not missing or is_stopped or not await self.vigil.appears(missing, deadline - time.monotonic()):
                return
            await accept_again(source, self.target, self.vigil.environment)
            planned = self._decide()

    async def _note_last_hooks(self) -> None:
        """Have the cluster know, before anything is there, that something is to run before it is deleted."""
        environment = self.vigil.environment
        rendering = environment.desired.of(self.target.name)
        if rendering is not None and rendering.ends_with_hooks:
            await environment.cluster.records.change_intent(
                self.target.name, lambda intent: dataclasses.replace(intent, ends_with_hooks=True)
            )

    async def _hooks(self, phase: Phase) -> None:
        """Run the hooks of a phase; not when something failed before, or a newer commit waits."""
        if self.course.is_good and not self._is_preempted and not self.only:
            results = await run_hooks(phase, self.target, self.vigil, asked_at=self.asked_at)
            self.course = dataclasses.replace(self.course, results=(*self.course.results, *results))

    async def _wait(self) -> None:
        """Wait until everything that the application desires is healthy; where something is missing, only look."""
        environment = self.vigil.environment
        rendering = environment.desired.of(self.target.name)
        keys = rendering.awaited(environment.cluster.index.owned) if rendering else ()
        if self.only and self.plan is not None:
            meant = {step.key for step in self.plan.steps}
            keys = tuple(key for key in keys if key in meant)
        if self.course.is_good:
            self.course = dataclasses.replace(self.course, health=await self.vigil.healthy(keys))
        elif self.course.deferred and not self.course.errors:
            found = {key: health for key in keys if (health := health_of(key, environment)) is not None}
            self.course = dataclasses.replace(self.course, health={**found, **self.course.health})

    async def _prune(self) -> None:
        """Delete what is no longer declared, or hold it: after all applies, and after the hooks of an end.

        Nothing is deleted while an application of the unit may want it, and cannot say so.

        Raises:
            Waiting: when such an application is in the way.
        """
        if self.only:
            return
        if self.unit.unreadable and self._deletions:
            names = ", ".join(str(name) for name in self.unit.unreadable)
            raise Waiting(f"deletes nothing while {names} cannot be rendered, which may want it now")
        if not self.unit.was_told and self._deletions:
            raise Waiting("deletes nothing by what was rendered before the cluster told all that it serves", retry_seconds=1.0)
        await self.unit.all_applied(self.vigil.preempted, has_deletions=self._deletions > 0)
        if self._is_preempted:
            return
        if is_end(self._decide()):
            await self._hooks(Phase.PRE_DELETE)
        if self.course.is_good:
            vigil, others = self.vigil, self.unit.deletions_beside(self._deletions)
            pruning = Pruning(self.target, vigil.environment, vigil.observer, others, self.approved, vigil.preempted)
            results, holds = await pruning.run()
            self.course = dataclasses.replace(self.course, results=(*self.course.results, *results), holds=holds)

    async def _after_failure(self, finished: SyncReport) -> SyncReport:
        """Run the hooks for a sync that failed; what they come to changes nothing of that."""
        try:
            results = await run_hooks(Phase.SYNC_FAILED, self.target, self.vigil, asked_at=self.asked_at)
        except TrueupError:
            return finished  # the failure of the sync counts, not that of telling it
        return dataclasses.replace(finished, steps=(*finished.steps, *results))

    def _ended(self) -> Course:
        """What happened; deletions that a newer commit came before were not begun."""
        course = dataclasses.replace(self.course, is_preempted=self._is_preempted)
        is_pruned = course.holds or any(result.action is Action.DELETE for result in course.results)
        if course.is_preempted and self._deletions and not is_pruned and not self.only:
            return dataclasses.replace(course, unreached=course.unreached + self._deletions)
        return course

    def _decide(self) -> Plan:
        return decide(self.target, self.vigil.environment, approved=self.approved, only=self.only)

    def _noticed(self, report: SyncReport) -> SyncReport:
        """The report, with what people should know beside it."""
        message = f"{report.message} (only {', '.join(self.only)})" if self.only else report.message
        environment = self.vigil.environment
        notices = environment.desired.notices(self.target.name)
        if withheld(report.steps):
            notices = (*notices, untold(environment.cluster.kinds))
        findings = environment.desired.findings(self.target.name)
        return dataclasses.replace(report, message=message, notices=notices, findings=findings)

    @property
    def _is_preempted(self) -> bool:
        return self.vigil.preempted.is_set()

    @property
    def _deletions(self) -> int:
        """How many deletions are planned, held ones too."""
        return sum(1 for s in self.plan.deletions if s.action in (Action.DELETE, Action.HOLD)) if self.plan else 0
