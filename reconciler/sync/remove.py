"""Deleting what an application that is gone has left: each object under its preconditions, and waited for until it is gone."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from reconciler.errors import ApplyRefused, Stalled
from reconciler.events import Observer, PruneHeld, StepFinished
from reconciler.model.declared import EVERYTHING, Allowance, Name
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import Action, Health, HealthStatus, Revision, Step, StepResult, SyncReport, SyncState, digest_of
from reconciler.plan.prune import Deletions, PruneRequest
from reconciler.plan.removal import removal
from reconciler.sync.environment import Environment

TRIES = 3
"""A conflict means that the object changed since it was seen: decided again, this often."""

NEWS_SECONDS = 0.1
"""How long the news of what an object is now may be on its way."""

GONE_SECONDS = 30.0
"""How long one try waits until what was deleted is gone; then it is tried again later."""

RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Removal:
    """What is to be removed, and what people said to it."""

    application: Name
    unmeant: str = ""
    """Why nobody asked for it; empty when the deletion policy did."""
    approved: Collection[ObjectKey] = ()
    deletions_beside: int = 0
    """How many objects others leave at the same time."""
    allowance: Allowance = EVERYTHING
    only_marked: bool = False
    """Leave what does not say itself that it goes with its application."""
    last_hooks: Callable[[], Awaitable[tuple[StepResult, ...]]] | None = None
    """Runs what is to run before anything is deleted, each time that it is called; None: there is nothing."""


def removal_request(wanted: Removal, environment: Environment) -> PruneRequest:
    """The facts that a removal is decided from."""
    mine = environment.cluster.index.owned_by(wanted.application)
    if wanted.only_marked:
        mine = {key: owned for key, owned in mine.items() if owned.goes_along}
    return PruneRequest(
        application=wanted.application,
        renders_nothing=False,
        owned=environment.cluster.index.owned,
        mine=mine,
        is_desired=lambda key: bool(environment.desired.declared_by(key)),
        kinds=environment.cluster.kinds,
        deletions_in_job=wanted.deletions_beside,
    )


async def remove(wanted: Removal, environment: Environment, observer: Observer) -> SyncReport:
    """Run the last hooks, delete, or hold, and wait until what was deleted is gone.

    Raises:
        ClusterUnavailable: when the API server does not answer.
        TrueupError: what the last hooks raise; nothing is deleted then.
    """
    index = environment.cluster.index
    if not index.is_synced:
        return _report(wanted, (), SyncState.WAITING, "what is in the cluster is not known yet")
    hooks: tuple[StepResult, ...] = ()
    if wanted.last_hooks is not None and _is_begun(_decide(wanted, environment)):
        hooks = await wanted.last_hooks()
        if error := next((result.error for result in hooks if result.error), ""):
            return _report(wanted, hooks, SyncState.FAILED, f"nothing is deleted: {error}")
    results: dict[ObjectKey, StepResult] = {}
    deleted: list[ObjectKey] = []
    for _ in range(TRIES):
        decided = _decide(wanted, environment)
        if decided.holds:
            return _held(wanted, decided, (*hooks, *results.values()), observer)
        done = [(step, await _delete(step, wanted, environment, observer)) for step in decided.steps]
        results |= {step.key: result for step, result in done if result is not None}
        deleted += [s.key for s, result in done if result is not None and s.action is Action.DELETE and not result.error]
        if all(result is not None for _, result in done):
            break
    steps = (*hooks, *results.values())
    errors = [result.error for result in results.values() if result.error]
    if errors:
        return _report(wanted, steps, SyncState.FAILED, errors[0])
    mine = index.owned_by(wanted.application)
    left = await _until_gone(dict.fromkeys([*deleted, *(key for key, owned in mine.items() if owned.deleting)]), environment)
    if left:
        message = f"waits until {left[0]} is gone" + (f" (and {len(left) - 1} more)" if len(left) > 1 else "")
        return _report(wanted, steps, SyncState.WAITING, message)
    return _report(wanted, steps, SyncState.SUCCEEDED, f"{len(deleted)} objects deleted")


def _decide(wanted: Removal, environment: Environment) -> Deletions:
    return removal(removal_request(wanted, environment), approved=wanted.approved, unmeant=wanted.unmeant)


def _is_begun(decided: Deletions) -> bool:
    return not decided.holds and any(step.action is Action.DELETE for step in decided.steps)


async def _delete(step: Step, wanted: Removal, environment: Environment, observer: Observer) -> StepResult | None:
    """Delete one object; None when it changed meanwhile."""
    began = time.monotonic()
    error = ""
    if step.action is Action.DELETE:
        try:
            await environment.writer_within(wanted.allowance).delete(
                step.key, uid=step.uid, resource_version=step.resource_version
            )
            environment.cluster.index.doomed(step.key)
        except ApplyRefused as refused:
            if refused.code == 409:
                await asyncio.sleep(NEWS_SECONDS)
                return None
            error = str(refused)
        except Stalled as refused:
            error = str(refused)
    result = StepResult(step.action, step.key, step.reason, error=error)
    observer(StepFinished(wanted.application, result, time.monotonic() - began))
    return result


async def _until_gone(keys: Collection[ObjectKey], environment: Environment) -> list[ObjectKey]:
    """Wait by events until the objects are gone; what is left when time is up."""
    index = environment.cluster.index
    deadline = time.monotonic() + GONE_SECONDS
    with index.noticed(keys) as changed:
        while True:
            changed.clear()
            left = [key for key in keys if key in index.owned]
            seconds = deadline - time.monotonic()
            if not left or seconds <= 0:
                return left
            try:
                async with asyncio.timeout(seconds):
                    await changed.wait()
            except TimeoutError:
                continue


def _held(wanted: Removal, decided: Deletions, before: tuple[StepResult, ...], observer: Observer) -> SyncReport:
    for hold in decided.holds:
        observer(PruneHeld(wanted.application, hold))
    steps = (*before, *(StepResult(step.action, step.key, step.reason) for step in decided.steps))
    held = [step.key for step in decided.steps if step.action is Action.HOLD]
    return SyncReport(
        wanted.application, Revision("", ""), SyncState.HELD, f"held: {decided.holds[0].reason}", steps, holds=decided.holds,
        held_digest=digest_of(held), health=Health(HealthStatus.UNKNOWN),
    )  # fmt: skip


def _report(wanted: Removal, steps: tuple[StepResult, ...], state: SyncState, message: str) -> SyncReport:
    retry = RETRY_SECONDS if state is SyncState.WAITING else None
    return SyncReport(wanted.application, Revision("", ""), state, message, steps, retry_seconds=retry)
