"""Desired fields that are left to others: what ignore rules name, replicas under an autoscaler, certificates that are injected.

An ignored field is no longer sent only once another manager owns it: dropped while we are its only owner, the server would reset
it to its default (replicas 5 → 1, seen on a real API server). What only we own is sent as Git has it.

The smallest thing that somebody can own is what is left: an item of a list that Kubernetes treats as one value is not, so the
whole list is. The keys of an item, which say that it is there at all, are always sent.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from reconciler.model.objects import Document, FieldPath, LiveMetadata, ManagerEntry, Manifest, ObjectKey
from reconciler.model.patterns import Part, fits
from reconciler.model.policy import IgnoreRule
from reconciler.plan.fieldset import held_at, leaves
from reconciler.plan.marks import PREFIX
from reconciler.plan.tools import is_scaler

_WEBHOOKS = ("webhooks[*].clientConfig.caBundle",)

INJECTED: Mapping[tuple[str, str], IgnoreRule] = {
    (group, kind): IgnoreRule(kind, group, paths=paths)
    for group, kind, paths in (
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration", _WEBHOOKS),
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", _WEBHOOKS),
        ("apiextensions.k8s.io", "CustomResourceDefinition", ("spec.conversion.webhook.clientConfig.caBundle",)),
        ("apiregistration.k8s.io", "APIService", ("spec.caBundle",)),
    )
}
"""Fields that certificate injectors fill in, whatever stands in Git: never drift."""


def rules_about(key: ObjectKey, rules: Iterable[IgnoreRule]) -> tuple[IgnoreRule, ...]:
    """Those of some rules that concern an object, and those that always do."""
    injected = INJECTED.get((key.group, key.kind))
    found = tuple(rule for rule in rules if rule.covers(key.group, key.kind, key.namespace, key.name))
    return (*found, injected) if injected else found


def left_to_others(
    manifest: Manifest, live: LiveMetadata, manager: str, rules: Iterable[IgnoreRule] = ()
) -> tuple[FieldPath, ...]:
    """Desired fields that others own by right, and that are not sent.

    Args:
        manifest: what is desired.
        live: what the API server says.
        manager: our field manager; what only we hold is never left out.
        rules: of the application and of the instance; those about other objects do not matter.
    """
    others = [entry for entry in live.managers if (entry.manager, entry.operation) != (manager, "Apply")]
    scaled = [
        ("spec", *below)
        for entry in others
        if entry.subresource == "scale" and is_scaler(entry.manager)
        for below in leaves(entry.fields.get("f:spec", {}))
    ]
    ignored = [path for rule in rules_about(manifest.key, rules) for path in _held(rule, manifest.document, others)]
    return tuple(dict.fromkeys([*scaled, *ignored]))


def is_ignored(manifest: Manifest, path: FieldPath, left: Iterable[FieldPath], rules: Iterable[IgnoreRule] = ()) -> bool:
    """Whether the loss of a field, with all that is below it, is nobody's business."""
    document, known = manifest.document, frozenset(left)
    patterns = [pattern.parts for rule in rules_about(manifest.key, rules) if not rule.managers for pattern in rule.patterns]
    if not known and not patterns:
        return False
    return all(
        any(leaf[:end] in known for end in range(1, len(leaf) + 1)) or any(_is_below(leaf, parts, document) for parts in patterns)
        for leaf in _leaves(_at(document, path), path)
    )


def without(manifest: Manifest, left: Iterable[FieldPath]) -> Manifest:
    """The manifest as it is sent when these fields are left to others; its digest stays that of the whole."""
    paths = frozenset(left)
    if not paths:
        return manifest
    document = _pruned(orjson.loads(manifest.body), (), paths)
    return replace(manifest, body=orjson.dumps(document, option=orjson.OPT_SORT_KEYS))


def field_leaves(document: Document) -> Iterator[FieldPath]:
    """Every field of a document that somebody could own."""
    return _leaves({name: value for name, value in document.items() if name not in ("apiVersion", "kind")}, ())


def is_mark(path: Sequence[str | int]) -> bool:
    """Whether a field is a label or annotation of ours, which is left to nobody."""
    return len(path) == 3 and path[0] == "metadata" and str(path[2]).startswith(PREFIX)


def _held(rule: IgnoreRule, document: Document, others: Sequence[ManagerEntry]) -> Iterator[FieldPath]:
    """What a rule means and its managers hold, by the fields of the document."""
    holders = [entry for entry in others if rule.is_by(entry.manager)]
    if not holders:
        return
    for pattern in rule.patterns:
        for path in _named(pattern.parts, document):
            for leaf in _leaves(_at(document, path), path):
                found = (held_at(entry.fields, document, leaf) for entry in holders)
                if (held := next((at for at in found if at), None)) and not is_mark(held):
                    yield held


def _named(parts: Sequence[Part], value: Any, path: FieldPath = ()) -> Iterator[FieldPath]:
    """The fields of a document that a pattern names."""
    if not parts:
        yield path
        return
    for name, below in _children(value):
        if fits(parts[0], name, below):
            yield from _named(parts[1:], below, (*path, name))


def _is_below(path: FieldPath, parts: Sequence[Part], document: Document) -> bool:
    """Whether a field is the one that a pattern names, or lies below it."""
    value: Any = document
    if len(path) < len(parts) or is_mark(path):
        return False
    for name, part in zip(path, parts, strict=False):
        value = value[name]
        if not fits(part, name, value):
            return False
    return True


def _leaves(value: Any, path: FieldPath) -> Iterator[FieldPath]:
    children = list(_children(value))
    if not children:
        yield path
    for name, below in children:
        yield from _leaves(below, (*path, name))


def _children(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _at(document: Document, path: FieldPath) -> Any:
    value: Any = document
    for name in path:
        value = value[name]
    return value


def _pruned(value: Any, path: FieldPath, left: frozenset[FieldPath]) -> Any:
    """The value without the fields that are left, and without containers that held nothing else."""
    kept = [(name, _pruned(below, (*path, name), left)) for name, below in _children(value) if (*path, name) not in left]
    if isinstance(value, dict):
        return {name: below for name, below in kept if below not in ({}, []) or value[name] in ({}, [])}
    return [below for _, below in kept] if isinstance(value, list) else value
