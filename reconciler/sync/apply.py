"""Acting on a plan: stage by stage, several objects at once, each object's failure its own.

A stage is healthy before the next one begins; one that fails, or is not healthy in time, stops those that come after it. So does a
wave in which something could not be done yet; what is deferred before the waves does not, since a wave may bring what it waits for.
"""

import asyncio
import dataclasses
import time
from collections.abc import Iterator

from reconciler.errors import ApplyRefused, Stalled
from reconciler.events import Observer, StepFinished
from reconciler.kube.refusal import FieldConflict
from reconciler.model.declared import AdoptPolicy, Application
from reconciler.model.objects import LiveMetadata, Manifest, ObjectKey
from reconciler.model.outcome import GOOD, Action, DriftKind, Plan, Step, StepResult
from reconciler.plan.drift import intruders
from reconciler.plan.hooks import as_sent
from reconciler.plan.order import is_in_wave
from reconciler.plan.tools import is_known
from reconciler.sync.environment import Environment
from reconciler.sync.findings import find, note_unverifiable, with_values
from reconciler.sync.report import Course
from reconciler.sync.vigil import Vigil


async def apply(plan: Plan, vigil: Vigil) -> Course:
    """Do the plan's stages in order; stops at one that failed, that is not healthy in time, or when a newer commit waits.

    Raises:
        ClusterUnavailable: when the API server does not answer; what was applied stays applied.
    """
    application, environment, observer = vigil.application, vigil.environment, vigil.observer
    results: list[StepResult] = []
    await _ensure_namespaces(plan, application, environment)
    for number, stage in enumerate(plan.stages):
        steps = [step for step in stage if step.action is not Action.KEEP]
        done = await asyncio.gather(*(_finish(step, application, environment, observer) for step in steps))
        results += done
        later = sum(len(stage) for stage in plan.stages[number + 1 :])
        has_failed = any(result.error for result in done)
        is_incomplete = any(result.action is Action.DEFER and is_in_wave(result.key) for result in done)
        health = {} if has_failed or not later else await vigil.healthy(_present(stage))
        if has_failed or (later and is_incomplete) or any(found.status not in GOOD for found in health.values()):
            return Course(tuple(results), health=health, unreached=later)
    return Course(tuple(results))


def _present(stage: tuple[Step, ...]) -> Iterator[ObjectKey]:
    """What of a stage is there; what is deferred is waited for where it is needed."""
    return (step.key for step in stage if step.action in (Action.CREATE, Action.UPDATE, Action.KEEP))


async def _ensure_namespaces(plan: Plan, application: Application, environment: Environment) -> None:
    """Create the namespaces that the application may create, where nothing of ours shows that they are there."""
    if not application.destination.create_namespace:
        return
    wanted = {step.key.namespace for step in plan.steps if step.action is Action.CREATE and step.key.namespace}
    for namespace in sorted(wanted):
        if not _is_there(namespace, environment):
            async with environment.making:
                if not _is_there(namespace, environment):
                    await environment.cluster.writer.ensure_namespace(namespace)
                    environment.namespaces.add(namespace)


def _is_there(namespace: str, environment: Environment) -> bool:
    return namespace in environment.namespaces or environment.cluster.index.is_in(namespace)


async def _finish(step: Step, application: Application, environment: Environment, observer: Observer) -> StepResult:
    """Do one step, and turn its failure into words."""
    began = time.monotonic()
    error = ""
    try:
        if (manifest := step.manifest) is not None and step.action in (Action.CREATE, Action.UPDATE):
            step = dataclasses.replace(step, drift=await with_values(step.drift, manifest, environment))
            await send(step, as_sent(manifest), application, environment)
    except Stalled as refused:
        error = f"{step.manifest.source}: {refused}" if step.manifest and step.manifest.source else str(refused)
    fields = tuple(field for drift in step.drift for field in drift.fields)
    result = StepResult(step.action, step.key, step.reason, fields, error)
    observer(StepFinished(application.name, result, time.monotonic() - began))
    return result


async def send(step: Step, manifest: Manifest, application: Application, environment: Environment) -> None:
    """Apply one object; what people's tools hold beside or with us is taken over first, or right after an adoption."""
    if any(drift.kind is DriftKind.FOREIGN for drift in step.drift):
        await _take_over(environment.cluster.index.live(step.key), application, environment)
    live = await _apply(step, manifest, application, environment)
    is_held_with_us = bool(intruders(live, application.sync.foreign))
    if is_held_with_us and any(drift.kind is DriftKind.FOREIGN for drift in find(step.key, live, environment)):
        await _take_over(live, application, environment)
        live = await _apply(step, manifest, application, environment)
    note_unverifiable(manifest, live, environment)
    environment.proofs.pop(step.key, None)


async def _take_over(live: LiveMetadata | None, application: Application, environment: Environment) -> None:
    if live is not None:
        await environment.cluster.writer.take_over(live, intruders(live, application.sync.foreign))


async def _apply(step: Step, manifest: Manifest, application: Application, environment: Environment) -> LiveMetadata:
    """Apply; first contact is without force, so that another tool's object is adopted by policy only."""
    writer = environment.cluster.writer
    try:
        return await writer.apply(manifest, force=step.force)
    except FieldConflict as conflict:
        if not _may_adopt(conflict, application.sync.adopt):
            raise
        return await writer.apply(manifest, force=True)
    except ApplyRefused as error:
        if error.code != 404 or not application.destination.create_namespace or not step.key.namespace:
            raise
        await writer.ensure_namespace(step.key.namespace)
        return await writer.apply(manifest, force=step.force)


def _may_adopt(conflict: FieldConflict, policy: AdoptPolicy) -> bool:
    match policy:
        case AdoptPolicy.ALWAYS:
            return True
        case AdoptPolicy.KNOWN:
            return all(is_known(holder.manager) for holder in conflict.holders)
        case AdoptPolicy.NEVER:
            return False
