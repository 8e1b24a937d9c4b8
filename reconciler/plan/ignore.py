"""Desired fields that are left to others: replicas under an autoscaler, certificates that controllers inject.

An ignored field is no longer sent only once another manager owns it: dropped while we are its only owner, the server would reset
it to its default (replicas 5 → 1, seen on a real API server).
"""

from collections.abc import Iterable
from dataclasses import replace

import orjson

from reconciler.model.objects import Document, FieldPath, LiveMetadata, Manifest
from reconciler.plan.tools import is_scaler

REPLICAS: FieldPath = ("spec", "replicas")

INJECTED = frozenset({"caBundle"})
"""Fields that certificate injectors fill in; never drift."""


def left_to_others(live: LiveMetadata) -> tuple[FieldPath, ...]:
    """Desired fields that another manager owns by right: nothing or `spec.replicas`."""
    scaled = any(
        entry.subresource == "scale" and is_scaler(entry.manager) and "f:replicas" in entry.fields.get("f:spec", {})
        for entry in live.managers
    )
    return (REPLICAS,) if scaled else ()


def is_ignored(path: FieldPath, left: Iterable[FieldPath]) -> bool:
    """Whether the loss of a field is nobody's business."""
    return path in tuple(left) or (bool(path) and path[-1] in INJECTED)


def without(manifest: Manifest, left: Iterable[FieldPath]) -> Manifest:
    """The manifest as it is sent when these fields are left to others; its digest stays that of the whole."""
    paths = tuple(left)
    if not paths:
        return manifest
    document = orjson.loads(manifest.body)
    for path in paths:
        _drop(document, path)
    return replace(manifest, body=orjson.dumps(document, option=orjson.OPT_SORT_KEYS))


def _drop(document: Document, path: FieldPath) -> None:
    node = document
    for part in path[:-1]:
        node = node.get(part, {})  # type: ignore[arg-type]  # the paths of this room are keys of maps
    node.pop(path[-1], None)  # type: ignore[arg-type]  # the same
