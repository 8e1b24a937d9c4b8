"""What a sync would do: the plan, and the fields that would change as the server's dry run says. Nothing is written, or remembered."""

import asyncio
import dataclasses
from collections.abc import Sequence

from reconciler.errors import Stalled, TrueupError, Waiting
from reconciler.kube.refusal import Unchangeable
from reconciler.model.declared import Application
from reconciler.model.gates import Finding
from reconciler.model.objects import LiveMetadata, Manifest
from reconciler.model.options import ApplyMode
from reconciler.model.outcome import Action, FieldDrift, Plan, Step, StepResult
from reconciler.plan.adopt import adoption
from reconciler.plan.diff import FieldChange, diff
from reconciler.sync.decide import accept, decide, measure
from reconciler.sync.environment import Environment
from reconciler.sync.findings import text_of, tolerance_of
from reconciler.sync.recreate import why_anew
from reconciler.sync.refresh import refresh
from reconciler.sync.send import LEFT
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
    findings: tuple[Finding, ...] = ()
    """What policies warn of; what they deny has no plan."""

    @property
    def kept(self) -> int:
        """How many objects are as desired."""
        return len(self.plan.steps) - len(self.results)


async def preview(
    target: Target, environment: Environment, *, approved: str = "", only: Sequence[str] = (), is_refreshed: bool = False
) -> Preview:
    """What a sync of one application to this revision would do now.

    Args:
        target: the application and its commits.
        environment: where it is desired; what is known of it stays as it is.
        approved: the digest of the deletions that a person approved.
        only: the objects that are meant, as people name them; none: all.
        is_refreshed: whether the live objects themselves are listed, instead of trusting the watches.

    Raises:
        NotAllowed: when a policy denies it.
        TrueupError: when it cannot be rendered, or must not be applied as a whole.
    """
    scratch = dataclasses.replace(environment, desired=environment.desired.copy())
    await environment.cluster.records.intents()
    refused = await accept(await load([target], environment.workshop), [target], scratch, is_kept=False)
    if target.name in refused:
        raise refused[target.name]
    try:
        if is_refreshed:
            await refresh([target], scratch)
        plan = decide(target, scratch, approved=approved, only=only)
    finally:
        measure(target.name, environment)
    free = asyncio.Semaphore(AT_ONCE)
    steps = [step for step in plan.steps if step.action is not Action.KEEP]
    results = await asyncio.gather(*(foretell(step, target.application, scratch, free) for step in steps))
    return Preview(plan, tuple(results), scratch.desired.findings(target.name))


async def foretell(step: Step, application: Application, environment: Environment, free: asyncio.Semaphore) -> StepResult:
    """What one step would come to, as the server's dry run says; `error` where it would be refused.

    Args:
        step: any but KEEP.
        application: whose it is.
        environment: where it is desired.
        free: how many dry runs may be under way at once.
    """
    warned: list[str] = []
    fields: Sequence[FieldChange] = ()
    error = ""
    if step.manifest is not None and step.action in (Action.CREATE, Action.UPDATE):
        async with free:
            try:
                step, fields = await _changes(step, step.manifest, application, environment, warned)
            except (Stalled, Waiting) as refused:
                is_to_be_made = application.destination.create_namespace and getattr(refused, "code", 0) == NOT_FOUND
                error = "" if is_to_be_made else str(refused)
            except TrueupError as failed:
                error = f"the dry run failed: {failed}"
    told = tuple(FieldDrift(c.path, desired=text_of(c.new), found=text_of(c.old)) for c in fields)
    return StepResult(step.action, step.key, step.reason, told, error, tuple(dict.fromkeys(warned)))


async def _changes(
    step: Step, manifest: Manifest, application: Application, environment: Environment, warned: list[str]
) -> tuple[Step, Sequence[FieldChange]]:
    """The step as it would turn out, and every field that would differ; none of what would be made, which says it all."""
    cluster, tolerance = environment.cluster, tolerance_of(manifest.key, application, environment)
    kind, live = cluster.kinds.find(manifest.key.group, manifest.key.kind, manifest.version), await cluster.read(manifest)
    if step.action is Action.CREATE and live and kind:
        if manifest.options.apply is ApplyMode.IF_ABSENT:
            return dataclasses.replace(step, action=Action.SKIP, reason=LEFT), ()
        found = adoption(manifest, LiveMetadata.of(live, kind), environment.instance, application.sync.adopt, tolerance)
        step = dataclasses.replace(step, action=Action.UPDATE, reason=found.reason)
    try:
        answer = await environment.writer(application).dry_run(manifest, tolerance.rules, warned=warned)
    except Unchangeable as refused:
        if not manifest.options.recreate:
            raise
        return dataclasses.replace(step, reason=why_anew(refused)), ()
    return step, diff(live, answer) if live else ()
