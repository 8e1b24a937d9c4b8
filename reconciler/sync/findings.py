"""Drift of one object in its surroundings: what it is measured against, what is left out, and the values before a repair."""

import dataclasses
from typing import Any

import orjson

from reconciler.errors import TrueupError
from reconciler.model.declared import DriftPolicy
from reconciler.model.objects import Document, LiveMetadata, Manifest, ObjectKey, format_path
from reconciler.model.outcome import Drift, DriftKind, FieldDrift
from reconciler.plan.diff import value_at
from reconciler.plan.drift import assess, lost_fields
from reconciler.sync.environment import Environment

VALUE_LENGTH = 200
"""Longer values are cut in records."""


def find(key: ObjectKey, live: LiveMetadata | None, environment: Environment) -> tuple[Drift, ...]:
    """What is wrong with a live object, given what its application desires; nothing while that is unknown."""
    rendering = environment.desired.declares(key)
    if rendering is None or rendering.application.sync.drift is DriftPolicy.IGNORE:
        return ()
    manifest = rendering.manifests[key]
    policy, kinds = rendering.application.sync.foreign, environment.cluster.kinds
    found = assess(manifest, live, environment.instance, policy, kinds=kinds)
    known = environment.unverifiable.get(key, frozenset())
    return tuple(drift for drift in (_without(finding, known) for finding in found) if drift is not None)


def note_unverifiable(manifest: Manifest, live: LiveMetadata, environment: Environment) -> tuple[str, ...]:
    """Remember what the server did not keep of our own apply, so that it is reported once and never repaired."""
    paths = frozenset(format_path(path) for path in lost_fields(manifest, live, environment.instance))
    before = environment.unverifiable.get(manifest.key, frozenset())
    if paths:
        environment.unverifiable[manifest.key] = paths
    else:
        environment.unverifiable.pop(manifest.key, None)
    return tuple(sorted(paths - before))


async def with_values(drift: tuple[Drift, ...], manifest: Manifest, environment: Environment) -> tuple[Drift, ...]:
    """The findings with desired and found values, at the cost of one GET; never for Secrets."""
    key = manifest.key
    kind = environment.cluster.kinds.find(key.group, key.kind, manifest.version)
    is_secret = (key.group, key.kind) == ("", "Secret")
    if kind is None or is_secret or not any(finding.fields for finding in drift):
        return drift
    try:
        live = await environment.cluster.client.get(kind, key.namespace, key.name)
    except TrueupError:
        return drift  # a repair without its story is better than none
    return tuple(_told(finding, manifest.document, live or {}) for finding in drift)


def _told(drift: Drift, desired: Document, live: Document) -> Drift:
    fields = tuple(
        dataclasses.replace(field, desired=text_of(value_at(desired, field.path)), found=text_of(value_at(live, field.path)))
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
