"""Deleting what an application no longer declares: decided anew at the last moment, each object under its preconditions."""

import time

from reconciler.errors import ApplyRefused, Stalled
from reconciler.events import Observer, PruneHeld, StepFinished
from reconciler.model.outcome import Action, Hold, Step, StepResult
from reconciler.plan.prune import Deletions
from reconciler.plan.steps import doomed_by
from reconciler.sync.decide import plan_request
from reconciler.sync.environment import Environment
from reconciler.sync.source import Target

TRIES = 3
"""A conflict means that the object changed since it was seen: decided again, this often."""


async def prune(
    target: Target, environment: Environment, observer: Observer, *, deletions_in_job: int, approved: str
) -> tuple[tuple[StepResult, ...], tuple[Hold, ...]]:
    """Delete, or hold; the results, and the guards that refused.

    Nothing is deleted while a watch is not synced: what is owned would be a guess.
    """
    index = environment.cluster.index
    if not index.is_synced:
        return (), ()
    results: list[StepResult] = []
    for _ in range(TRIES):
        request = plan_request(target, environment, deletions_in_job=deletions_in_job, approved=approved)
        doomed = doomed_by(request)
        if doomed.holds:
            for hold in doomed.holds:
                observer(PruneHeld(target.name, hold))
            return (*results, *_held(doomed)), doomed.holds
        steps = [step for step in doomed.steps if step.action is Action.DELETE]
        done = [await _delete(step, target, environment, observer) for step in steps]
        results += [result for result in done if result is not None]
        if all(result is not None for result in done):
            break
    return tuple(results), ()


async def _delete(step: Step, target: Target, environment: Environment, observer: Observer) -> StepResult | None:
    """Delete one object; None when it changed meanwhile."""
    began = time.monotonic()
    error = ""
    try:
        await environment.cluster.writer.delete(step.key, uid=step.uid, resource_version=step.resource_version)
        environment.cluster.index.doomed(step.key)
    except ApplyRefused as refused:
        if refused.code == 409:
            return None
        error = str(refused)
    except Stalled as refused:
        error = str(refused)
    result = StepResult(step.action, step.key, step.reason, error=error)
    observer(StepFinished(target.name, result, time.monotonic() - began))
    return result


def _held(doomed: Deletions) -> tuple[StepResult, ...]:
    return tuple(StepResult(step.action, step.key, step.reason) for step in doomed.steps)
