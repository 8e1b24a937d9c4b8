"""Desired fields that are left to others: replicas under an autoscaler, certificates that controllers inject.

An ignored field is no longer sent only once another manager owns it: dropped while we are its only owner, the server would reset
it to its default (replicas 5 → 1, seen on a real API server).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from reconciler.model.objects import FieldPath, LiveMetadata, Manifest, ObjectKey
from reconciler.plan.fieldset import ANY, is_named, leaves, matching
from reconciler.plan.tools import is_scaler

_WEBHOOKS = (("webhooks", ANY, "clientConfig", "caBundle"),)

INJECTED: Mapping[tuple[str, str], tuple[tuple[str, ...], ...]] = {
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): _WEBHOOKS,
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): _WEBHOOKS,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): (("spec", "conversion", "webhook", "clientConfig", "caBundle"),),
    ("apiregistration.k8s.io", "APIService"): (("spec", "caBundle"),),
}
"""Fields that certificate injectors fill in, whatever stands in Git: never drift."""


def left_to_others(live: LiveMetadata, manager: str) -> tuple[FieldPath, ...]:
    """Desired fields that others own by right, and that are not sent: the replicas of what is scaled, injected certificates.

    Args:
        live: what the API server says.
        manager: our field manager; what only we hold is never left out.
    """
    others = [entry for entry in live.managers if (entry.manager, entry.operation) != (manager, "Apply")]
    scaled = [
        ("spec", *below)
        for entry in others
        if entry.subresource == "scale" and is_scaler(entry.manager)
        for below in leaves(entry.fields.get("f:spec", {}))
    ]
    patterns = INJECTED.get((live.key.group, live.key.kind), ())
    injected = [path for entry in others for pattern in patterns for path in matching(entry.fields, pattern)]
    return tuple(dict.fromkeys([*scaled, *injected]))


def is_ignored(key: ObjectKey, path: FieldPath, left: Iterable[FieldPath]) -> bool:
    """Whether the loss of a field is nobody's business."""
    return path in tuple(left) or any(_matches(path, pattern) for pattern in INJECTED.get((key.group, key.kind), ()))


def without(manifest: Manifest, left: Iterable[FieldPath]) -> Manifest:
    """The manifest as it is sent when these fields are left to others; its digest stays that of the whole."""
    paths = tuple(left)
    if not paths:
        return manifest
    document = orjson.loads(manifest.body)
    for path in paths:
        _drop(document, path)
    return replace(manifest, body=orjson.dumps(document, option=orjson.OPT_SORT_KEYS))


def _matches(path: FieldPath, pattern: tuple[str, ...]) -> bool:
    return len(path) == len(pattern) and all(
        isinstance(part, int) if wanted == ANY else part == wanted for part, wanted in zip(path, pattern, strict=True)
    )


def _drop(node: Any, path: FieldPath) -> None:
    """Take out what a path of names and list elements leads to, where the document has it."""
    part, rest = path[0], path[1:]
    if isinstance(node, dict) and part in node:
        if rest:
            _drop(node[part], rest)
        else:
            del node[part]
    elif isinstance(node, list):
        for item in node:
            if is_named(str(part), item):
                _drop(item, rest)
