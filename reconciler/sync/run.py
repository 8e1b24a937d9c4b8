"""A sync, as a sentence: load, accept, and take every application of a commit to it, as one unit.

It raises nothing that concerns one application: each ends in its own `SyncReport`. Cancelling it is safe at any point; the next sync
finds what is left to do from the cluster itself.
"""

import asyncio
import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.errors import TrueupError
from reconciler.events import DriftFound, Observer, Rendered, SyncFinished, SyncStarted
from reconciler.model.declared import Name
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import Drift, SyncReport
from reconciler.plan.steps import explained
from reconciler.sync.apply import apply
from reconciler.sync.decide import accept, decide, foresee
from reconciler.sync.environment import Environment
from reconciler.sync.passage import Passage
from reconciler.sync.refresh import refresh
from reconciler.sync.report import failed, report
from reconciler.sync.runs import forget_failures
from reconciler.sync.source import Inputs, Source, Target, load, vanished
from reconciler.sync.unit import Surroundings, Unit
from reconciler.sync.versions import versions_of
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
    surroundings: Surroundings | None = None
    """How what is not in this unit is; None: there is nothing else, as far as anybody can say."""
    only: tuple[str, ...] = ()
    """The objects that are meant, as people name them; none: all, with hooks, and what is no longer declared."""
    is_refreshed: bool = False
    """Whether the live objects themselves are looked at, instead of what the watches have told."""
    heads: Sequence[Target] = ()
    """Where applications of the job are to be later: those that wait, and those that are held at older commits."""
    unseen: Sequence[Name] = ()
    """Applications of the job of which nobody knows the commit: nothing is deleted that they may want."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a unit came to, and what its renders depend on."""

    reports: tuple[SyncReport, ...]
    inputs: Mapping[Name, Mapping[Name, Inputs]]
    """By application and repository; absent where the render failed."""
    versions: Mapping[Name, tuple[str, ...]] = field(default_factory=dict)
    """What ranges of versions mean, one for each source; of those applications that follow some."""


async def sync(order: Order, environment: Environment, observer: Observer) -> Outcome:
    """Make the cluster match the given commits, as one unit."""
    began = time.monotonic()
    for target in order.targets:
        observer(SyncStarted(target.name, target.revision, target.commits))
    await environment.cluster.records.intents()
    for target in order.targets if order.asked_at else ():
        await forget_failures(target.name, order.asked_at, environment)
    was_told = environment.cluster.kinds.is_complete
    sources = await load(order.targets, environment.workshop)
    versions = await _versions(order.targets, sources, environment)
    refused = await accept(sources, order.targets, environment)
    if order.is_refreshed:
        observer(await refresh([target for target in order.targets if target.name not in refused], environment))
    for target in order.targets:
        environment.wanted.pop(target.name, None)
    unreadable = await foresee(order.heads, environment)
    applications = (target.application for target in order.targets)
    unit = Unit(applications, order.surroundings, unreadable={*refused, *unreadable, *order.unseen}, was_told=was_told)
    async with asyncio.TaskGroup() as group:
        tasks = []
        for target in order.targets:
            _tell_rendered(target, environment, observer, time.monotonic() - began, versions.get(target.name, ()))
            name = target.name
            vigil = Vigil(target.application, environment, observer, order.preempted.get(name) or asyncio.Event())
            found = sources[name]
            source = refused.get(name) or (found if isinstance(found, Source) else vanished(target))
            passage = Passage(target, vigil, unit, source, order.approved.get(name, ""), order.asked_at, began, order.only)
            tasks.append(group.create_task(passage.run()))
    inputs = {name: source.inputs for name, source in sources.items() if isinstance(source, Source) and name not in refused}
    return Outcome(tuple(task.result() for task in tasks), inputs, versions)


async def repair(
    target: Target, drifted: Mapping[ObjectKey, tuple[Drift, ...]], environment: Environment, observer: Observer, left: str = ""
) -> SyncReport:
    """Put back what drifted, as it was rendered last; nothing else is touched, deleted or waited for.

    Args:
        target: the application as it was rendered last.
        drifted: what is to be put back.
        environment: where.
        observer: told of all of it.
        left: why nothing may be written now; the findings are told only.
    """
    began = time.monotonic()
    observer(SyncStarted(target.name, target.revision))
    for finding in (finding for findings in drifted.values() for finding in findings):
        observer(DriftFound(target.name, finding))
    try:
        planned = decide(target, environment)
        stages = (tuple(explained(step, drifted[step.key], left) for step in s if step.key in drifted) for s in planned.stages)
        only = dataclasses.replace(planned, stages=tuple(stage for stage in stages if stage), deletions=(), holds=())
        finished = report(target, await apply(only, Vigil(target.application, environment, observer)))
    except TrueupError as error:
        finished = failed(target, error, ())
    observer(SyncFinished(finished, time.monotonic() - began))
    return finished


async def _versions(
    targets: Sequence[Target], sources: Mapping[Name, Source | TrueupError], environment: Environment
) -> Mapping[Name, tuple[str, ...]]:
    workshop = environment.workshop
    rendered = [target for target in targets if isinstance(sources[target.name], Source)]
    found = {target.name: await versions_of(target, workshop.mirrors, workshop.repositories) for target in rendered}
    return {name: versions for name, versions in found.items() if versions}


def _tell_rendered(
    target: Target, environment: Environment, observer: Observer, seconds: float, versions: tuple[str, ...]
) -> None:
    rendering = environment.desired.of(target.name)
    if rendering is not None and rendering.revision == target.revision:
        observer(Rendered(target.name, target.revision, len(rendering.manifests), seconds, versions))
