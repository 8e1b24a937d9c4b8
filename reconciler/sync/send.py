"""One object, sent: made, brought to its content, made anew, or let go; and what is done about those who hold fields of it."""

import dataclasses

from reconciler.errors import ApplyRefused, Waiting
from reconciler.kube.refusal import Unchangeable
from reconciler.model.declared import Application
from reconciler.model.objects import LiveMetadata, Manifest, ObjectKey
from reconciler.model.options import ApplyMode
from reconciler.model.outcome import Action, DriftKind, Step, Unrecorded
from reconciler.plan.adopt import adoption
from reconciler.plan.foreign import take
from reconciler.plan.marks import APPLIED, APPLY, OWNER
from reconciler.sync.environment import Environment
from reconciler.sync.findings import find, note_unverifiable, tolerance_of
from reconciler.sync.recreate import recreated

UNRECORDED = "is as applied, by its mark; its API keeps no record of fields, so the sweep looks at its values"

LEFT = f"is there, and not ours; {APPLY}: {ApplyMode.IF_ABSENT}"


async def send(step: Step, manifest: Manifest, application: Application, environment: Environment) -> Step:
    """Do a step that writes; the step as it turned out.

    Raises:
        Stalled: when it is refused, by the API server or by policy.
        Waiting: when it cannot be done yet.
        ClusterUnavailable: when the API server does not answer.
    """
    if step.action is Action.RELEASE:
        await environment.writer(application).let_go(step.key)
        return step
    if step.action is Action.CREATE:
        live = await _created(manifest, application, environment)
        if live is None:
            step, live = await _met(step, manifest, application, environment)
    else:
        step, live = await _updated(step, manifest, application, environment)
    if live is not None:
        await _settled(manifest, live, application, environment)
    return step


async def _created(manifest: Manifest, application: Application, environment: Environment) -> LiveMetadata | None:
    """The new object, and before it its namespace where that may be made; None where an object is there already."""
    writer, namespace = environment.writer(application), manifest.key.namespace
    try:
        return await writer.create(manifest)
    except ApplyRefused as error:
        if error.code != 404 or not namespace:
            raise
        if not application.destination.create_namespace:
            if names := environment.desired.declared_by(ObjectKey("", "Namespace", "", namespace)):
                raise Waiting(f"{manifest.key}: namespace {namespace} is not there yet; {names[0]} declares it") from error
            raise
    await writer.ensure_namespace(namespace)
    return await writer.create(manifest)


async def _met(
    step: Step, manifest: Manifest, application: Application, environment: Environment
) -> tuple[Step, LiveMetadata | None]:
    """An object is there that was not known to be ours: take it over, or leave it, and then there is no answer to an apply."""
    writer, tolerance = environment.writer(application), tolerance_of(manifest.key, application, environment)
    seen = await writer.look(manifest.key, manifest.version)
    if seen is None:  # it went meanwhile
        return step, await writer.apply(manifest, force=False, rules=tolerance.rules)
    if manifest.options.apply is ApplyMode.IF_ABSENT:
        environment.others.add(manifest.key)
        return dataclasses.replace(step, action=Action.SKIP, reason=LEFT), None
    if _is_as_applied(manifest, seen.live):
        environment.unrecorded[manifest.key] = Unrecorded(manifest.digest)
        return dataclasses.replace(step, action=Action.SKIP, reason=UNRECORDED), None
    found = adoption(manifest, seen.live, environment.instance, application.sync.adopt, tolerance)
    before = await writer.take_over(manifest, found.choose, seen)
    live = await writer.apply(manifest, force=True, rules=tolerance.rules, live=before)
    return dataclasses.replace(step, action=Action.UPDATE, reason=found.reason), live


def _is_as_applied(manifest: Manifest, live: LiveMetadata) -> bool:
    """Whether an object carries our marks with this very content, of an API that keeps no record of who owns which field."""
    marks = manifest.document["metadata"]["annotations"]
    return not live.managers and not live.deleting and all(live.annotations.get(name) == marks[name] for name in (OWNER, APPLIED))


async def _updated(
    step: Step, manifest: Manifest, application: Application, environment: Environment
) -> tuple[Step, LiveMetadata]:
    """Bring an object of ours to its content; made anew where that is asked for and a field cannot be changed."""
    writer, tolerance = environment.writer(application), tolerance_of(manifest.key, application, environment)
    if any(drift.kind is DriftKind.FOREIGN for drift in step.drift):
        await writer.take_over(manifest, lambda entry: take(entry, manifest, tolerance))
    try:
        return step, await writer.apply(manifest, force=step.force, rules=tolerance.rules)
    except Unchangeable as refused:
        if not manifest.options.recreate:
            raise
        return await recreated(step, manifest, application, environment, refused)


async def _settled(manifest: Manifest, live: LiveMetadata, application: Application, environment: Environment) -> None:
    """Take out what others still hold beside ours, as the answer to our own apply says; and note what was not kept."""
    if not live.managers:
        environment.unrecorded[manifest.key] = Unrecorded(manifest.digest)
        return
    environment.unrecorded.pop(manifest.key, None)
    if any(drift.kind is DriftKind.FOREIGN for drift in find(manifest.key, live, environment)):
        tolerance = tolerance_of(manifest.key, application, environment)
        await environment.writer(application).take_over(manifest, lambda entry: take(entry, manifest, tolerance))
        live = await environment.writer(application).apply(manifest, force=True, rules=tolerance.rules)
    note_unverifiable(manifest, live, application, environment)
