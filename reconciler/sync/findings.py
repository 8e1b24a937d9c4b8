"""Drift of one object in its surroundings: what it is measured against, what is left out, and the values before a repair."""

import dataclasses
from typing import Any

import orjson

from reconciler.errors import TrueupError
from reconciler.model.declared import Application
from reconciler.model.objects import Document, LiveMetadata, Manifest, ObjectKey
from reconciler.model.options import ApplyMode
from reconciler.model.outcome import Drift, DriftKind, FieldDrift
from reconciler.model.policy import DriftPolicy
from reconciler.plan.diff import diff, value_at
from reconciler.plan.drift import assess, lost_fields
from reconciler.plan.foreign import Tolerance
from reconciler.plan.hooks import by_key, has_run
from reconciler.plan.redact import mask_pair, told_path
from reconciler.sync.environment import Environment, Proof

VALUE_LENGTH = 200
"""Longer values are cut in records."""


def find(key: ObjectKey, live: LiveMetadata | None, environment: Environment) -> tuple[Drift, ...]:
    """What is wrong with a live object, given what its application desires; nothing while that is unknown."""
    rendering = environment.desired.declares(key)
    if rendering is None or rendering.application.sync.drift is DriftPolicy.IGNORE:
        return ()
    manifest = rendering.manifests[key]
    if (live is None or live.deleting) and has_run(
        manifest, by_key(environment.cluster.records.known(rendering.application.name).ran)
    ):
        return ()  # it is gone since it is done
    if (seen := environment.unrecorded.get(key)) is not None:
        return seen.drift
    mode = manifest.options.apply
    if mode is ApplyMode.IGNORE or (mode is ApplyMode.IF_ABSENT and live is not None and not live.deleting):
        return ()
    tolerance, kinds = tolerance_of(key, rendering.application, environment), environment.cluster.kinds
    found = assess(manifest, live, environment.instance, tolerance, kinds=kinds)
    known = environment.unverifiable.get(key, frozenset())
    told = tuple(drift for drift in (_without(finding, known) for finding in found) if drift is not None)
    return told or _proven(key, live, environment)


def tolerance_of(key: ObjectKey, application: Application, environment: Environment) -> Tolerance:
    """What others may do to an object of an application."""
    rules = (*environment.ignore, *application.sync.ignore, *environment.desired.rules_about(key))
    return Tolerance(application.sync.foreign, rules)


async def look_closer(key: ObjectKey, environment: Environment) -> bool:
    """Ask the server by one dry run whether an object is as desired, where its metadata cannot tell; whether it is not.

    What is found is known to `find` until the object changes again.

    Raises:
        TrueupError: when the server does not answer, or would refuse the object.
    """
    rendering, live = environment.desired.declares(key), environment.cluster.index.live(key)
    if rendering is None or live is None or rendering.application.sync.drift is DriftPolicy.IGNORE:
        return False
    manifest = rendering.manifests[key]
    if manifest.options.is_left_alone:
        return False
    application = rendering.application
    answer = await environment.writer(application).dry_run(manifest, tolerance_of(key, application, environment).rules)
    if answer["metadata"].get("generation", 0) <= live.generation:
        environment.proofs.pop(key, None)
        return False
    found = await environment.cluster.read(manifest)
    fields = tuple(FieldDrift(c.path, desired=text_of(c.new), found=text_of(c.old)) for c in diff(found or {}, answer))
    environment.proofs[key] = Proof(live.uid, live.generation, Drift(key, DriftKind.CHANGED, fields))
    return True


async def compare(key: ObjectKey, live: Document, environment: Environment) -> bool:
    """Whether one dry run says that a live object has other values than it should; what is found is known to `find` then.

    Raises:
        TrueupError: when the server does not answer, or would refuse the object.
    """
    rendering = environment.desired.declares(key)
    if rendering is None or rendering.manifests[key].options.is_left_alone:
        return False
    rules = tolerance_of(key, rendering.application, environment).rules
    changes = diff(live, await environment.writer(rendering.application).dry_run(rendering.manifests[key], rules))
    if not changes:
        return False
    metadata = live["metadata"]
    fields = tuple(FieldDrift(c.path, desired=text_of(c.new), found=text_of(c.old)) for c in changes)
    environment.proofs[key] = Proof(metadata["uid"], metadata.get("generation", 0), Drift(key, DriftKind.CHANGED, fields))
    return True


def _proven(key: ObjectKey, live: LiveMetadata | None, environment: Environment) -> tuple[Drift, ...]:
    proof = environment.proofs.get(key)
    is_it = proof is not None and live is not None and (live.uid, live.generation) == (proof.uid, proof.generation)
    return (proof.drift,) if proof is not None and is_it else ()


def note_unverifiable(
    manifest: Manifest, live: LiveMetadata, application: Application, environment: Environment
) -> tuple[str, ...]:
    """Remember what the server did not keep of our own apply, so that it is reported once and never repaired."""
    environment.proofs.pop(manifest.key, None)  # of what was there before
    rules = tolerance_of(manifest.key, application, environment).rules
    paths = frozenset(told_path(path, manifest) for path in lost_fields(manifest, live, environment.instance, rules))
    before = environment.unverifiable.get(manifest.key, frozenset())
    if paths:
        environment.unverifiable[manifest.key] = paths
    else:
        environment.unverifiable.pop(manifest.key, None)
    return tuple(sorted(paths - before))


async def with_values(
    drift: tuple[Drift, ...], manifest: Manifest, seen: LiveMetadata | None, environment: Environment
) -> tuple[Drift, ...]:
    """The findings with desired and found values, at the cost of one request; never for Secrets, and masked where the object says so.

    The object is read as it was when the drift was seen, so a repair need not wait for that.
    """
    is_secret = (manifest.key.group, manifest.key.kind) == ("", "Secret")
    is_told = all(field.desired or field.found for finding in drift for field in finding.fields)
    if is_secret or is_told or seen is None:
        return drift
    try:
        live = await environment.cluster.read_at(manifest, seen.resource_version)
    except TrueupError:
        return drift  # a repair without its story is better than none
    return tuple(_told(finding, manifest.document, live or {}) for finding in drift)


def _told(drift: Drift, desired: Document, live: Document) -> Drift:
    found, wanted = mask_pair(live, desired)
    fields = tuple(
        dataclasses.replace(field, desired=text_of(value_at(wanted, field.path)), found=text_of(value_at(found, field.path)))
        for field in drift.fields
    )
    return dataclasses.replace(drift, fields=fields)


def text_of(value: Any) -> str:
    """A value as it is shown and stored: JSON, cut where it is long; empty where there is none."""
    return "" if value is None else orjson.dumps(value).decode()[:VALUE_LENGTH]


def _without(drift: Drift, known: frozenset[str]) -> Drift | None:
    if drift.kind is not DriftKind.CHANGED or not known:
        return drift
    fields: tuple[FieldDrift, ...] = tuple(field for field in drift.fields if field.path not in known)
    return dataclasses.replace(drift, fields=fields) if fields else None
