"""The plan of a sync: what is done to each object, and why. An object is sent only when its content differs or has drifted."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import assert_never

from reconciler.model.declared import Application, Name
from reconciler.model.hooks import Phase
from reconciler.model.intent import HookRun
from reconciler.model.objects import Kinds, Manifest, ObjectKey
from reconciler.model.options import ApplyMode
from reconciler.model.outcome import Action, Awaited, Drift, DriftKind, Owned, Plan, Revision, Step, Unrecorded
from reconciler.model.policy import DriftPolicy
from reconciler.plan.hooks import RunKey, due, has_run
from reconciler.plan.marks import APPLY
from reconciler.plan.order import stages
from reconciler.plan.prune import Deletions, PruneRequest, deletions

SHOWN = 5
"""So many fields are named in a reason, the others counted; the step has them all."""


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """The facts that a plan is made from."""

    application: Application
    revision: Revision
    manifests: tuple[Manifest, ...]
    owned: Mapping[ObjectKey, Owned]
    """Everything this instance owns in the cluster, with the drift that is known."""
    mine: Mapping[ObjectKey, Owned]
    """What of it the application owns."""
    is_desired: Callable[[ObjectKey], bool]
    """Whether any application desires an object."""
    kinds: Kinds
    deletions_in_job: int = 0
    """How many deletions the other applications of the job plan."""
    approved: str = ""
    """The digest of the deletions that a person approved; empty: none."""
    hooks: tuple[Manifest, ...] = ()
    content: str = ""
    """The digest of all that the application renders to; left out where there are no hooks."""
    past: Mapping[RunKey, HookRun] = field(default_factory=dict)
    """What is remembered of hooks, and of Jobs that are gone when they are done."""
    unrecorded: Mapping[ObjectKey, Unrecorded] = field(default_factory=dict)
    """Objects whose API keeps no record of fields."""
    others: AbstractSet[ObjectKey] = frozenset()
    """Objects that are there and are not ours, as far as they were met."""


def plan(request: PlanRequest) -> Plan:
    """What to do, in order; costs no request."""
    steps = tuple(tuple(_step(manifest, request) for manifest in stage) for stage in stages(request.manifests))
    doomed = doomed_by(request)
    planned = Plan(request.application.name, request.revision, steps, doomed.steps, doomed.holds)
    return replace(planned, hooks=_hooks(request, planned))


def awaited(planned: Plan, owned: Mapping[ObjectKey, Owned]) -> Awaited:
    """What has to come before everything of a plan can be done: kinds that are served, objects that are gone."""
    deferred = [step for stage in planned.stages for step in stage if step.action is Action.DEFER and step.manifest is not None]
    going = frozenset(step.key for step in deferred if step.key in owned and owned[step.key].deleting)
    kinds = frozenset((s.key.group, s.key.kind, s.manifest.version) for s in deferred if s.manifest and s.key not in going)
    return Awaited(kinds=kinds, objects=going)


def is_end(planned: Plan) -> bool:
    """Whether a sync deletes everything that its application has."""
    return not planned.stages and any(step.action is Action.DELETE for step in planned.deletions)


def _hooks(request: PlanRequest, planned: Plan) -> tuple[Step, ...]:
    """The hooks that run when all goes well."""
    phases = (Phase.PRE_SYNC, Phase.POST_SYNC, *((Phase.PRE_DELETE,) if is_end(planned) else ()))
    return tuple(
        Step(Action.RUN, manifest.key, phase.reason, manifest)
        for phase in phases
        for manifest in due(request.hooks, phase, request.past, request.content)
    )


def namespaces_of_hooks(planned: Plan) -> Plan | None:
    """The part of a plan that makes the namespaces of the hooks that run before all else; None when they are there."""
    wanted = {step.key.namespace for step in planned.hooks}
    missing = tuple(
        step for stage in planned.stages for step in stage
        if (step.key.group, step.key.kind) == ("", "Namespace") and step.key.name in wanted and step.action is Action.CREATE
    )  # fmt: skip
    return replace(planned, stages=(missing,), deletions=(), holds=(), hooks=()) if missing else None


def doomed_by(request: PlanRequest) -> Deletions:
    """What the application no longer declares, deleted or held."""
    if not request.application.sync.prune:
        return Deletions()
    return deletions(
        PruneRequest(
            application=request.application.name,
            renders_nothing=not request.manifests,
            owned=request.owned,
            mine=request.mine,
            is_desired=request.is_desired,
            kinds=request.kinds,
            deletions_in_job=request.deletions_in_job,
            approved=request.approved,
            left_behind=left_behind(request),
        )
    )


def left_behind(request: PlanRequest) -> frozenset[str]:
    """Namespaces with objects of the application, none of which is desired there, and the like of one in the destination.

    That is how it looks when a destination was moved: nobody said that what is in the old one is to be deleted.
    """
    destination = request.application.destination.namespace
    desired = {m.key.namespace for m in request.manifests}
    likes = {(m.key.group, m.key.kind, m.key.name) for m in request.manifests if m.key.namespace == destination}
    return frozenset(
        key.namespace
        for key, owned in request.mine.items()
        if key.namespace not in ("", *desired) and not owned.deleting and (key.group, key.kind, key.name) in likes
    )


def _step(manifest: Manifest, request: PlanRequest) -> Step:
    key, mode = manifest.key, manifest.options.apply
    if mode is ApplyMode.IGNORE:
        return _ignored(manifest, request.owned.get(key), request.application.name)
    if request.kinds.find(key.group, key.kind, manifest.version) is None:
        return Step(Action.DEFER, key, _why_unserved(manifest, request.kinds), manifest)
    owned = request.owned.get(key)
    if mode is ApplyMode.IF_ABSENT and (key in request.others if owned is None else not owned.deleting):
        return Step(Action.KEEP, key, f"is there; {APPLY}: {mode}", manifest)
    if (owned is None or owned.deleting) and (run := has_run(manifest, request.past)) is not None:
        return Step(Action.KEEP, key, f"ran at {run.at}, and is gone since it has a time to live", manifest)
    if owned is None:
        return _unowned(manifest, request.unrecorded.get(key), request.application.sync.drift)
    if owned.deleting:
        return Step(Action.DEFER, key, "is being deleted; created again when it is gone", manifest)
    if owned.application != request.application.name:
        return Step(Action.UPDATE, key, f"moves here from {owned.application}", manifest, force=True)
    if owned.applied != manifest.digest:
        return Step(Action.UPDATE, key, "content changed", manifest, force=True, drift=owned.drift)
    if owned.drift:
        return _repair(manifest, owned.drift, request.application.sync.drift)
    return Step(Action.KEEP, key, "as desired", manifest)


def _unowned(manifest: Manifest, seen: Unrecorded | None, policy: DriftPolicy) -> Step:
    """An object that is not there; or one whose API keeps no record of fields, judged by the last look at its values."""
    if seen is None:
        return Step(Action.CREATE, manifest.key, "not there", manifest)
    if seen.digest != manifest.digest:
        return Step(Action.UPDATE, manifest.key, "content changed", manifest, force=True, drift=seen.drift)
    if seen.drift:
        return _repair(manifest, seen.drift, policy)
    return Step(Action.KEEP, manifest.key, "as desired when its values were last looked at", manifest)


def _ignored(manifest: Manifest, owned: Owned | None, application: Name) -> Step:
    """An object that is ours is let go once: nothing is done about it from then on, not even when it leaves Git."""
    if owned is None or owned.deleting or owned.application != application:
        return Step(Action.KEEP, manifest.key, f"{APPLY}: {ApplyMode.IGNORE}", manifest)
    return Step(Action.RELEASE, manifest.key, f"{APPLY}: {ApplyMode.IGNORE}; it stays as it is, and is ours no longer", manifest)


def _why_unserved(manifest: Manifest, kinds: Kinds) -> str:
    key = manifest.key
    if key.group in kinds.failed:
        return f"the cluster did not tell what it serves of {key.group}"
    if other := kinds.find(key.group, key.kind):
        return f"the cluster serves {key.kind} at {other.api_version}, not at {manifest.api_version}; change its apiVersion"
    return f"the cluster does not serve {manifest.api_version} {key.kind} yet"


def _repair(manifest: Manifest, drift: tuple[Drift, ...], policy: DriftPolicy) -> Step:
    told = explain(drift)
    match policy:
        case DriftPolicy.REPAIR:
            repairable = tuple(finding for finding in drift if finding.kind is not DriftKind.UNVERIFIABLE)
            action = Action.UPDATE if repairable else Action.SKIP
            return Step(action, manifest.key, told, manifest, force=True, drift=drift)
        case DriftPolicy.REPORT:
            return Step(Action.SKIP, manifest.key, f"{told}; left, since spec.sync.drift is report", manifest, drift=drift)
        case DriftPolicy.IGNORE:
            return Step(Action.KEEP, manifest.key, "drift is ignored", manifest)
        case _:  # pragma: no cover - mypy proves that there is no other
            assert_never(policy)


def explained(step: Step, drift: tuple[Drift, ...], left: str = "") -> Step:
    """A step that puts drift back says what it was, or why it is left."""
    if left:
        return replace(step, action=Action.SKIP, reason=f"{explain(drift)}; left, since {left}", drift=drift)
    return replace(step, reason=explain(drift), drift=drift)


def explain(drift: tuple[Drift, ...]) -> str:
    """All findings of one object in words."""
    return "; ".join(describe(finding) for finding in drift)


def describe(drift: Drift) -> str:
    """A finding in words: `spec.replicas changed by kubectl`."""
    managers = sorted({field.manager for field in drift.fields if field.manager})
    paths = ", ".join(field.path for field in drift.fields[:SHOWN])
    paths += f" and {len(drift.fields) - SHOWN} more" if len(drift.fields) > SHOWN else ""
    by = f" by {', '.join(managers)}" if managers else ""
    match drift.kind:
        case DriftKind.MISSING:
            return "was deleted"
        case DriftKind.CHANGED:
            return f"{paths} changed{by}"
        case DriftKind.FOREIGN:
            return f"{paths} put beside ours{by}"
        case DriftKind.UNVERIFIABLE:
            return f"{paths} not kept by the server"
        case _:  # pragma: no cover - mypy proves that there is no other
            assert_never(drift.kind)


def conflict(key: ObjectKey, names: tuple[Name, ...]) -> str:
    """Why two applications that declare one object are both stalled."""
    both = " and ".join(str(name) for name in names)
    return f"{key} is declared by {both}; take it out of all but one of them, or give it another name"
