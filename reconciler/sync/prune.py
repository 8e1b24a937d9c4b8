"""Deleting what an application no longer declares: decided anew at the last moment, each object under its preconditions.

Waves go in reverse, and what is of a higher one is gone before the next is touched: an operator outlives the objects that only it
can end.
"""

import asyncio
import time
from dataclasses import dataclass, field

from reconciler.errors import ApplyRefused, Stalled
from reconciler.events import Observer, PruneHeld, StepFinished
from reconciler.kube.wait import wait_gone
from reconciler.model.outcome import Action, Hold, Step, StepResult, withheld
from reconciler.plan.order import deletion_place, deletion_waves
from reconciler.plan.prune import Deletions
from reconciler.plan.steps import PlanRequest, doomed_by
from reconciler.sync.decide import plan_request
from reconciler.sync.environment import Environment
from reconciler.sync.source import Target

TRIES = 3
"""A conflict means that the object changed since it was seen: decided again, this often."""


@dataclass(slots=True)
class Pruning:
    """What one application may delete."""

    target: Target
    environment: Environment
    observer: Observer
    deletions_in_job: int = 0
    """How many deletions the other applications of the job plan."""
    approved: str = ""
    """The digest of the set that a person approved."""
    preempted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a newer commit waits."""

    async def run(self) -> tuple[tuple[StepResult, ...], tuple[Hold, ...]]:
        """Delete, or hold; the results, and the guards that refused.

        Nothing is deleted while a watch is not synced: what is owned would be a guess.
        """
        if not self.environment.cluster.index.is_synced:
            return (), ()
        results: list[StepResult] = []
        waiting: list[Step] = []
        for _ in range(TRIES):
            doomed = doomed_by(self._request())
            if doomed.holds:
                for hold in doomed.holds:
                    self.observer(PruneHeld(self.target.name, hold))
                return (*results, *_held(doomed)), doomed.holds
            done = await self._delete_all([step for step in doomed.steps if step.action is Action.DELETE])
            results += [result for result in done if result is not None]
            waiting = [step for step in doomed.steps if withheld([step])]
            if all(result is not None for result in done):
                break
        return (*results, *(StepResult(step.action, step.key, step.reason) for step in waiting)), ()

    def _request(self) -> PlanRequest:
        return plan_request(self.target, self.environment, deletions_in_job=self.deletions_in_job, approved=self.approved)

    async def _delete_all(self, steps: list[Step]) -> list[StepResult | None]:
        """Wave by wave; None for each object that changed meanwhile."""
        done: list[StepResult | None] = []
        for wave in deletion_waves(steps):
            if late := await self._still_there(deletion_place(wave[0].key, wave[0].wave)):
                return [*done, *(StepResult(Action.DEFER, step.key, late) for step in steps[len(done) :])]
            done += [await self._delete(step) for step in wave]
        return done

    async def _still_there(self, place: tuple[int, int]) -> str:
        """Wait until all that goes before a place is gone; why it is not, when time is up."""
        index, desired = self.environment.cluster.index, self.environment.desired
        going = [
            key for key, owned in index.owned_by(self.target.name).items()
            if owned.deleting and not desired.declared_by(key) and deletion_place(key, owned.wave) < place
        ]  # fmt: skip
        seconds = self.target.application.sync.timeout_seconds
        left = await wait_gone(index, going, timeout_seconds=seconds, preempted=self.preempted)
        return "; ".join(f"waits for {key}, which {health.reason or 'is being deleted'}" for key, health in left.items())

    async def _delete(self, step: Step) -> StepResult | None:
        """Delete one object; None when it changed meanwhile."""
        began = time.monotonic()
        error = ""
        cluster = self.environment.cluster
        try:
            await self.environment.writer(self.target.application).delete(
                step.key,
                uid=step.uid,
                resource_version=step.resource_version,
            )
            cluster.index.doomed(step.key)
        except ApplyRefused as refused:
            if refused.code == 409:
                return None
            error = str(refused)
        except Stalled as refused:
            error = str(refused)
        result = StepResult(step.action, step.key, step.reason, error=error)
        self.observer(StepFinished(self.target.name, result, time.monotonic() - began))
        return result


def _held(doomed: Deletions) -> tuple[StepResult, ...]:
    return tuple(StepResult(step.action, step.key, step.reason) for step in doomed.steps)
