"""Acting on a plan: stage by stage, several objects at once, each object's failure its own.

A stage is healthy before the next one begins; one that fails, or is not healthy in time, stops those that come after it. So does a
wave in which something could not be done yet; what is deferred before the waves does not, since a wave may bring what it waits for.
"""

import asyncio
import dataclasses
import time
from collections.abc import Coroutine, Iterable, Iterator

from reconciler.errors import Stalled, TrueupError, Waiting
from reconciler.events import Observer, StepFinished
from reconciler.kube.refusal import ObjectUnavailable
from reconciler.model.declared import Application
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import GOOD, Action, Plan, Step, StepResult
from reconciler.plan.hooks import as_sent
from reconciler.plan.order import is_in_wave
from reconciler.sync.desired import CHILD
from reconciler.sync.environment import Environment
from reconciler.sync.findings import with_values
from reconciler.sync.report import Course
from reconciler.sync.send import send
from reconciler.sync.vigil import Vigil

SENT = frozenset({Action.CREATE, Action.UPDATE, Action.RELEASE})
"""What takes a request."""


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
        done = await _together(_finish(step, application, environment, observer) for step in steps)
        results += done
        later = sum(len(stage) for stage in plan.stages[number + 1 :])
        has_failed = any(result.error for result in done)
        is_incomplete = any(result.action is Action.DEFER and is_in_wave(result.key) for result in done)
        health = {} if has_failed or not later else await vigil.healthy(_present(stage, environment))
        if has_failed or (later and is_incomplete) or any(found.status not in GOOD for found in health.values()):
            return Course(tuple(results), health=health, unreached=later)
    return Course(tuple(results))


def _present(stage: tuple[Step, ...], environment: Environment) -> Iterator[ObjectKey]:
    """What of a stage is there and ours to care for; what is deferred is waited for where it is needed, Applications by dependents."""
    owned = environment.cluster.index.owned
    for step in stage:
        is_alone = step.manifest is not None and step.manifest.options.is_left_alone and step.key not in owned
        is_child = (step.key.group, step.key.kind) == CHILD
        if step.action in (Action.CREATE, Action.UPDATE, Action.KEEP) and not is_alone and not is_child:
            yield step.key


async def _ensure_namespaces(plan: Plan, application: Application, environment: Environment) -> None:
    """Create the namespaces that the application may create, where nothing of ours shows that they are there."""
    if not application.destination.create_namespace:
        return
    wanted = {step.key.namespace for step in plan.steps if step.action is Action.CREATE and step.key.namespace}
    for namespace in sorted(wanted):
        if not _is_there(namespace, environment):
            async with environment.making:
                if not _is_there(namespace, environment):
                    await environment.writer(application).ensure_namespace(namespace)
                    environment.namespaces.add(namespace)


def _is_there(namespace: str, environment: Environment) -> bool:
    return namespace in environment.namespaces or environment.cluster.index.is_in(namespace)


async def _finish(step: Step, application: Application, environment: Environment, observer: Observer) -> StepResult:
    """Do one step, and turn its failure into words."""
    began = time.monotonic()
    error = ""
    seen = environment.cluster.index.live(step.key) if step.drift else None
    try:
        if (manifest := step.manifest) is not None and step.action in SENT:
            step = await send(step, as_sent(manifest), application, environment)
    except Stalled as refused:
        error = f"{step.manifest.source}: {refused}" if step.manifest and step.manifest.source else str(refused)
    except (Waiting, ObjectUnavailable) as later:  # the others go on
        step = dataclasses.replace(step, action=Action.DEFER, reason=_about(step, later))
    if step.manifest is not None and step.action in SENT:
        step = dataclasses.replace(step, drift=await with_values(step.drift, step.manifest, seen, environment))
    fields = tuple(field for drift in step.drift for field in drift.fields)
    result = StepResult(step.action, step.key, step.reason, fields, error)
    observer(StepFinished(application.name, result, time.monotonic() - began))
    return result


def _about(step: Step, error: TrueupError) -> str:
    """Why an object waits, without its name, which stands beside it."""
    return str(error).removeprefix("apply ").removeprefix(str(step.key)).lstrip(": ")


async def _together(work: Iterable[Coroutine[None, None, StepResult]]) -> list[StepResult]:
    """Several objects at once. When the API server is away none of them goes on alone."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in work]
    except BaseExceptionGroup as errors:  # callers know errors, not groups; one is as good as another here
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
