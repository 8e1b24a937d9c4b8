"""Whether a live object has left what is desired, which fields, and who did it: from its metadata alone.

The rules were found, and tried to be broken, on a real API server; the cases stand in tests/contract/test_ownership.py.
"""

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson

from reconciler.model.declared import Instance
from reconciler.model.objects import Document, FieldPath, Kinds, LiveMetadata, ManagerEntry, Manifest, format_path
from reconciler.model.outcome import Drift, DriftKind, FieldDrift
from reconciler.model.policy import ForeignPolicy, IgnoreRule
from reconciler.plan.claim import our_entry
from reconciler.plan.fieldset import beside, holds
from reconciler.plan.foreign import STRICT, Tolerance, divided, intruders
from reconciler.plan.ignore import is_ignored, left_to_others
from reconciler.plan.marks import APPLIED
from reconciler.plan.ownership import lost
from reconciler.plan.redact import told_path
from reconciler.plan.tools import is_people

RECORD = "managedFields"
"""Stands for a field where it is the record of ownership itself that was changed."""


def assess(
    manifest: Manifest,
    live: LiveMetadata | None,
    instance: Instance,
    tolerance: Tolerance = STRICT,
    *,
    kinds: Kinds | None = None,
) -> tuple[Drift, ...]:
    """What is wrong with a live object: nothing, or one finding that a repair puts right.

    An object that merely has older content of ours is no drift: that is for the plan to see. What people put beside ours is
    looked at only when nothing of ours is lost: until then, what they changed and what they added cannot be told apart.

    Args:
        manifest: what is desired.
        live: what the API server says; None when the object is not there.
        instance: whose manager is ours.
        tolerance: what others may do to the object.
        kinds: what the cluster serves, where known: an entry at a version that it no longer serves is no entry, since until it
            is mended nobody can apply (https://github.com/kubernetes/kubernetes/issues/111937).
    """
    if live is None or live.deleting:
        return (Drift(manifest.key, DriftKind.MISSING),)
    entry = our_entry(live, instance.manager)
    if entry is None:
        doer = _newest(other for other in live.managers if not other.subresource)
        return (Drift(manifest.key, DriftKind.CHANGED, (FieldDrift(RECORD, *doer),)),)
    if kinds is not None and _is_unserved(entry, manifest, kinds):
        return (Drift(manifest.key, DriftKind.CHANGED, (FieldDrift(RECORD),)),)
    if live.annotations.get(APPLIED) != manifest.digest and _holds_applied(entry):
        return ()
    finding = _changed(manifest, live, instance, tolerance) or _foreign(manifest, live, entry, tolerance)
    return (finding,) if finding else ()


def lost_fields(
    manifest: Manifest, live: LiveMetadata, instance: Instance, rules: Sequence[IgnoreRule] = ()
) -> tuple[FieldPath, ...]:
    """The desired fields that our entry does not hold; everything (the empty path) when there is no entry.

    Asked of the answer to our own apply, these are *unverifiable*: the server does not keep them.
    """
    entry = our_entry(live, instance.manager)
    if entry is None:
        return ((),)
    others = [other.fields for other in live.managers if other is not entry]
    document = _ownable(manifest.document)
    gone = [field for path in lost(document, entry.fields, others) for field in _fields_of(document, path)]
    if not gone:
        return ()
    left = left_to_others(manifest, live, instance.manager, rules)
    return tuple(path for path in gone if not is_ignored(manifest, path, left, rules))


def tolerated(manifest: Manifest, live: LiveMetadata, instance: Instance, tolerance: Tolerance) -> Drift | None:
    """What others hold beside ours and is left there: for people to see, never to repair; None when there is nothing.

    Nothing of it concerns a sync: controllers put fields beside ours all the time. As in `assess`, it is looked at only when
    nothing of ours is lost. What an ignore rule names is nobody's business here either.
    """
    entry = our_entry(live, instance.manager)
    is_told = entry is not None and tolerance.of(manifest) is not ForeignPolicy.IGNORE
    if entry is None or not is_told or lost_fields(manifest, live, instance, tolerance.rules):
        return None
    doomed = {(e.manager, e.operation, e.api_version) for e in intruders(manifest, live, instance.manager, tolerance)}
    found = [
        dataclasses.replace(other, fields=divided(other, manifest, tolerance)[0])
        for other in live.managers
        if other is not entry and not other.subresource and (other.manager, other.operation, other.api_version) not in doomed
    ]
    fields = _fields_beside(found, entry)
    return Drift(manifest.key, DriftKind.FOREIGN, fields) if fields else None


def fingerprint(live: LiveMetadata, manager: str, *, is_whole: bool = False) -> str:
    """A hash of all that drift is read from: as long as it stays the same, nothing has drifted.

    Of an object that is applied as a whole every entry counts.
    """
    relevant = [
        (entry.manager, entry.operation, entry.subresource, entry.api_version, entry.fields)
        for entry in live.managers
        if is_whole or entry.manager == manager or is_people(entry.manager) or entry.subresource == "scale"
    ]
    text = orjson.dumps((relevant, live.deleting), option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=12).hexdigest()


def _changed(manifest: Manifest, live: LiveMetadata, instance: Instance, tolerance: Tolerance) -> Drift | None:
    gone = lost_fields(manifest, live, instance, tolerance.rules)
    if not gone:
        return None
    ours, document = our_entry(live, instance.manager), _ownable(manifest.document)
    others = [other for other in live.managers if other is not ours]
    fields = tuple(
        FieldDrift(told_path(path, manifest), *_newest(other for other in others if holds(other.fields, document, path)))
        for path in gone
    )
    return Drift(manifest.key, DriftKind.CHANGED, fields)


def _foreign(manifest: Manifest, live: LiveMetadata, entry: ManagerEntry, tolerance: Tolerance) -> Drift | None:
    """What is to be taken out beside us; also what is merely held with us, since it would outlive its removal from Git."""
    found = intruders(manifest, live, entry.manager, tolerance)
    if not found:
        return None
    fields = _fields_beside(found, entry) or tuple(FieldDrift(RECORD, other.manager, other.time) for other in found)
    return Drift(manifest.key, DriftKind.FOREIGN, fields)


def _fields_beside(entries: Sequence[ManagerEntry], ours: ManagerEntry) -> tuple[FieldDrift, ...]:
    return tuple(
        FieldDrift(format_path(path), other.manager, other.time)
        for other in entries
        for path in beside(other.fields, ours.fields)
    )


def _fields_of(document: Document, path: FieldPath) -> Iterator[FieldPath]:
    """The fields of a map that is lost as a whole, each by itself, since some may be left to others; an item is one thing."""
    value: Any = document
    for part in path:
        value = value[part]
    if isinstance(value, dict) and value and isinstance(path[-1], str):
        for name in value:
            yield from _fields_of(document, (*path, name))
    else:
        yield path


def _ownable(document: Document) -> Document:
    """The document without what nobody owns."""
    metadata = {name: value for name, value in document["metadata"].items() if name not in ("name", "namespace")}
    return {name: value for name, value in document.items() if name not in ("apiVersion", "kind")} | {"metadata": metadata}


def _holds_applied(entry: ManagerEntry) -> bool:
    return f"f:{APPLIED}" in entry.fields.get("f:metadata", {}).get("f:annotations", {})


def _is_unserved(entry: ManagerEntry, manifest: Manifest, kinds: Kinds) -> bool:
    key, version = manifest.key, entry.api_version.rpartition("/")[2]
    return kinds.find(key.group, key.kind) is not None and kinds.find(key.group, key.kind, version) is None


def _newest(entries: Iterable[ManagerEntry]) -> tuple[str, str]:
    newest = max(entries, key=lambda entry: entry.time, default=None)
    return (newest.manager, newest.time) if newest else ("", "")
