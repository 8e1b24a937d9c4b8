"""What a sync would do: the plan, and the fields that would change as the server's dry run says. Nothing is written, or remembered."""

import asyncio
import dataclasses
from collections.abc import Sequence

from reconciler.errors import Stalled, TrueupError, Waiting
from reconciler.model.declared import Application
from reconciler.model.outcome import Action, FieldDrift, Plan, Step, StepResult
from reconciler.plan.diff import FieldChange, diff
from reconciler.sync.decide import accept, decide
from reconciler.sync.environment import Environment
from reconciler.sync.findings import text_of
from reconciler.sync.source import Target, load

AT_ONCE = 10
"""Dry runs under way at once."""

NOT_FOUND = 404


@dataclasses.dataclass(frozen=True, slots=True)
class Preview:
    """A plan, and for every step that is more than KEEP what it would come to."""

    plan: Plan
    results: tuple[StepResult, ...]
    """Fields with the desired value and the one that is there; `error` where the server would refuse the step."""

    @property
    def kept(self) -> int:
        """How many objects are as desired."""
        return len(self.plan.steps) - len(self.results)


async def preview(target: Target, environment: Environment, *, approved: str = "") -> Preview:
    """What a sync of one application to this revision would do now.

    Raises:
        TrueupError: when it cannot be rendered, or must not be applied as a whole.
    """
    scratch = dataclasses.replace(environment, desired=environment.desired.copy())
    await environment.cluster.records.intents()
    refused = await accept(await load([target], environment.workshop), [target], scratch, is_kept=False)
    if target.name in refused:
        raise refused[target.name]
    plan = decide(target, scratch, approved=approved)
    free = asyncio.Semaphore(AT_ONCE)
    steps = [step for step in plan.steps if step.action is not Action.KEEP]
    results = await asyncio.gather(*(_result(step, target.application, scratch, free) for step in steps))
    return Preview(plan, tuple(results))


async def _result(step: Step, application: Application, environment: Environment, free: asyncio.Semaphore) -> StepResult:
    fields: Sequence[FieldChange] = ()
    error = ""
    if step.manifest is not None and step.action in (Action.CREATE, Action.UPDATE):
        async with free:
            try:
                fields = await _changes(step, environment)
            except (Stalled, Waiting) as refused:
                is_to_be_made = application.destination.create_namespace and getattr(refused, "code", 0) == NOT_FOUND
                error = "" if is_to_be_made else str(refused)
            except TrueupError as failed:
                error = f"the dry run failed: {failed}"
    told = tuple(FieldDrift(c.path, desired=text_of(c.new), found=text_of(c.old)) for c in fields)
    return StepResult(step.action, step.key, step.reason, told, error)


async def _changes(step: Step, environment: Environment) -> Sequence[FieldChange]:
    """Every field that would differ; none for what would be created, whose manifest says it all."""
    assert step.manifest is not None
    answer = await environment.cluster.writer.dry_run(step.manifest)
    live = await environment.cluster.read(step.manifest)
    return diff(live, answer) if live else ()
