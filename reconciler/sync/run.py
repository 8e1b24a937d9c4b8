"""A sync, as a sentence: load, accept, decide, apply, wait, prune, report.

`sync` takes the applications of one commit as one unit. It raises nothing that concerns one application: each ends in its own
`SyncReport`. Cancelling it is safe at any point; the next sync finds what is left to do from the cluster itself.
"""

import asyncio
import dataclasses
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.errors import TrueupError, Waiting
from reconciler.events import Applied, DriftFound, Observer, Planned, Rendered, SyncFinished, SyncStarted
from reconciler.model.declared import Name
from reconciler.model.hooks import Phase
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import Action, Drift, Plan, SyncReport, SyncState, changed
from reconciler.plan.steps import explained, is_end, namespaces_of_hooks
from reconciler.sync.apply import apply
from reconciler.sync.decide import accept, decide
from reconciler.sync.environment import Environment
from reconciler.sync.hooks import run_hooks
from reconciler.sync.prune import Pruning
from reconciler.sync.report import Course, failed, report
from reconciler.sync.source import Inputs, Source, Target, load
from reconciler.sync.unit import Unit
from reconciler.sync.vigil import Vigil


@dataclass(frozen=True, slots=True)
class Order:
    """What to sync, and what people said to it."""

    targets: Sequence[Target]
    preempted: Mapping[Name, asyncio.Event] = field(default_factory=dict)
    """Set when a newer commit waits for the application."""
    approved: Mapping[Name, str] = field(default_factory=dict)
    """The digest of the deletions that a person approved."""
    asked_at: str = ""
    """When a person asked for it (RFC 3339): hooks that had failed before run again. Empty: nobody did."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a unit came to, and what its renders depend on."""

    reports: tuple[SyncReport, ...]
    inputs: Mapping[Name, Mapping[Name, Inputs]]
    """By application and repository; absent where the render failed."""


@dataclass(slots=True)
class _Run:
    """One application on its way."""

    target: Target
    vigil: Vigil
    unit: Unit
    order: Order
    plan: Plan | None = None
    course: Course = field(default_factory=Course)

    @property
    def deletions(self) -> int:
        """How many deletions are planned, held ones too."""
        return sum(1 for s in self.plan.deletions if s.action in (Action.DELETE, Action.HOLD)) if self.plan else 0


async def sync(order: Order, environment: Environment, observer: Observer) -> Outcome:
    """Make the cluster match the given commits, as one unit."""
    began = time.monotonic()
    for target in order.targets:
        observer(SyncStarted(target.name, target.revision))
    await environment.cluster.records.intents()
    sources = await load(order.targets, environment.workshop)
    refused = await accept(sources, order.targets, environment)
    unit = Unit((target.application for target in order.targets), refused)
    async with asyncio.TaskGroup() as group:
        tasks = []
        for target in order.targets:
            _tell_rendered(target, environment, observer, time.monotonic() - began)
            vigil = Vigil(target.application, environment, observer, order.preempted.get(target.name) or asyncio.Event())
            run = _Run(target, vigil, unit, order)
            tasks.append(group.create_task(_sync_one(run, refused.get(target.name), began)))
    inputs = {name: source.inputs for name, source in sources.items() if isinstance(source, Source) and name not in refused}
    return Outcome(tuple(task.result() for task in tasks), inputs)


async def repair(
    target: Target, drifted: Mapping[ObjectKey, tuple[Drift, ...]], environment: Environment, observer: Observer
) -> SyncReport:
    """Put back what drifted, as it was rendered last; nothing else is touched, deleted or waited for."""
    began = time.monotonic()
    observer(SyncStarted(target.name, target.revision))
    for finding in (finding for findings in drifted.values() for finding in findings):
        observer(DriftFound(target.name, finding))
    try:
        planned = decide(target, environment)
        stages = (tuple(explained(step, drifted[step.key]) for step in s if step.key in drifted) for s in planned.stages)
        only = dataclasses.replace(planned, stages=tuple(stage for stage in stages if stage), deletions=(), holds=())
        finished = report(target, await apply(only, Vigil(target.application, environment, observer)))
    except TrueupError as error:
        finished = failed(target, error, ())
    observer(SyncFinished(finished, time.monotonic() - began))
    return finished


async def _sync_one(run: _Run, refused: TrueupError | None, began: float) -> SyncReport:
    """One application from its plan to its report; whatever happens, the others of the unit are not kept waiting."""
    unit, name = run.unit, run.target.name
    try:
        if refused is not None:
            raise refused
        await _apply(run, began)
        unit.applied(name)
        await _wait(run)
        await _hooks(run, Phase.POST_SYNC)
        unit.settle(name, healthy=run.course.is_good)
        if run.course.is_good and not run.vigil.preempted.is_set():
            await unit.all_applied()
            await _prune(run)
        finished = report(run.target, dataclasses.replace(run.course, is_preempted=run.vigil.preempted.is_set()))
    except TrueupError as error:
        finished = failed(run.target, error, run.course.results)
    finally:
        unit.applied(name)
        unit.settle(name, healthy=False)
    if finished.state is SyncState.FAILED and run.plan is not None:
        finished = await _after_failure(run, finished)
    run.vigil.observer(SyncFinished(finished, time.monotonic() - began))
    return finished


async def _apply(run: _Run, began: float) -> None:
    """Wait for dependencies, plan, run what comes before, and apply what differs."""
    target, observer = run.target, run.vigil.observer
    await run.unit.dependencies(target.application)
    planned = run.plan = _decide(run)
    run.unit.plans_deletions(run.deletions)
    counts = Counter(str(step.action) for step in planned.steps)
    observer(Planned(target.name, target.revision, dict(counts)))
    if needed := namespaces_of_hooks(planned):
        run.course = await apply(needed, run.vigil)
        planned = _decide(run)
    await _hooks(run, Phase.PRE_SYNC)
    if not run.course.is_good or run.vigil.preempted.is_set():
        run.course = dataclasses.replace(run.course, unreached=sum(len(stage) for stage in planned.stages))
        return
    done = await apply(planned, run.vigil)
    kept = sum(1 for step in planned.steps if step.action is Action.KEEP)
    run.course = dataclasses.replace(done, results=(*run.course.results, *done.results), kept=kept)
    observer(Applied(target.name, target.revision, changed(run.course.results), time.monotonic() - began))


def _decide(run: _Run) -> Plan:
    return decide(run.target, run.vigil.environment, approved=run.order.approved.get(run.target.name, ""))


async def _hooks(run: _Run, phase: Phase) -> None:
    """Run the hooks of a phase; not when something failed before, or a newer commit waits."""
    if run.course.is_good and not run.vigil.preempted.is_set():
        results = await run_hooks(phase, run.target, run.vigil, asked_at=run.order.asked_at)
        run.course = dataclasses.replace(run.course, results=(*run.course.results, *results))


async def _after_failure(run: _Run, finished: SyncReport) -> SyncReport:
    """Run the hooks for a sync that failed; what they come to changes nothing of that."""
    try:
        results = await run_hooks(Phase.SYNC_FAILED, run.target, run.vigil, asked_at=run.order.asked_at)
    except TrueupError:
        return finished  # told as it is: the failure of the sync counts, not that of telling it
    return dataclasses.replace(finished, steps=(*finished.steps, *results))


async def _wait(run: _Run) -> None:
    """Wait until everything that the application desires is healthy; not when something failed, or is deferred."""
    if run.course.is_good:
        rendering = run.vigil.environment.desired.of(run.target.name)
        health = await run.vigil.healthy(rendering.manifests if rendering else ())
        run.course = dataclasses.replace(run.course, health=health)


async def _prune(run: _Run) -> None:
    """Delete what is no longer declared, or hold it; the hooks of an end come first.

    Nothing is deleted while an application of the unit may want it, and cannot say so.

    Raises:
        Waiting: when such an application is in the way.
    """
    if run.unit.unreadable and run.deletions:
        names = ", ".join(str(name) for name in run.unit.unreadable)
        raise Waiting(f"deletes nothing while {names} cannot be rendered, which may want it now")
    vigil, name = run.vigil, run.target.name
    others = run.unit.deletions_beside(run.deletions)
    if is_end(_decide(run)):
        await _hooks(run, Phase.PRE_DELETE)
    if run.course.is_good:
        approved = run.order.approved.get(name, "")
        results, holds = await Pruning(run.target, vigil.environment, vigil.observer, others, approved, vigil.preempted).run()
        run.course = dataclasses.replace(run.course, results=(*run.course.results, *results), holds=holds)


def _tell_rendered(target: Target, environment: Environment, observer: Observer, seconds: float) -> None:
    rendering = environment.desired.of(target.name)
    if rendering is not None and rendering.revision == target.revision:
        observer(Rendered(target.name, target.revision, len(rendering.manifests), seconds))
