"""Whether a live object has left what is desired, which fields, and who did it: from its metadata alone.

The rules were found, and tried to be broken, on a real API server; the cases stand in tests/contract/test_ownership.py.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from reconciler.model.declared import ForeignPolicy, Instance
from reconciler.model.objects import Document, FieldPath, FieldSet, LiveMetadata, ManagerEntry, Manifest, format_path
from reconciler.model.outcome import Drift, DriftKind, FieldDrift
from reconciler.plan.claim import our_entry
from reconciler.plan.ignore import is_ignored, left_to_others
from reconciler.plan.marks import APPLIED
from reconciler.plan.ownership import lost
from reconciler.plan.tools import is_people


def assess(
    manifest: Manifest, live: LiveMetadata | None, instance: Instance, foreign: ForeignPolicy | None = None
) -> tuple[Drift, ...]:
    """What is wrong with a live object: nothing, or one finding.

    An object that merely has older content of ours is no drift: that is for the plan to see. What people put beside ours is
    looked at only when nothing of ours is lost: until then, what they changed and what they added cannot be told apart.
    """
    if live is None or live.deleting:
        return (Drift(manifest.key, DriftKind.MISSING),)
    entry = our_entry(live, instance.manager)
    if entry is None:
        return (Drift(manifest.key, DriftKind.CHANGED, (FieldDrift("", *_newest(live.managers)),)),)
    if live.annotations.get(APPLIED) != manifest.digest and _holds_applied(entry):
        return ()
    finding = _changed(manifest, live, entry) or _foreign(manifest, live, entry, foreign)
    return (finding,) if finding else ()


def lost_fields(manifest: Manifest, live: LiveMetadata, instance: Instance) -> tuple[FieldPath, ...]:
    """The desired fields that our entry does not hold; everything (the empty path) when there is no entry.

    Asked of the answer to our own apply, these are *unverifiable*: the server does not keep them.
    """
    entry = our_entry(live, instance.manager)
    if entry is None:
        return ((),)
    left = left_to_others(live)
    others = [other.fields for other in live.managers if other is not entry]
    return tuple(path for path in lost(_ownable(manifest.document), entry.fields, others) if not is_ignored(path, left))


def intruders(live: LiveMetadata, foreign: ForeignPolicy | None) -> tuple[ManagerEntry, ...]:
    """The entries whose fields are to be taken out: people's tools, unless the policy says less; subresources never."""
    if foreign not in (None, ForeignPolicy.REMOVE):
        return ()
    return tuple(entry for entry in live.managers if not entry.subresource and is_people(entry.manager))


def united(ours: FieldSet, theirs: Sequence[FieldSet]) -> FieldSet:
    """Our fields and theirs together; applying afterwards removes what is theirs and not desired."""
    union: dict[str, Any] = dict(ours)
    for fields in theirs:
        for element, node in fields.items():
            union[element] = united(union[element], [node]) if element in union else node
    return union


def fingerprint(live: LiveMetadata, manager: str) -> str:
    """A hash of all that drift is read from: as long as it stays the same, nothing has drifted."""
    relevant = [
        (entry.manager, entry.operation, entry.subresource, entry.fields)
        for entry in live.managers
        if entry.manager == manager or is_people(entry.manager) or entry.subresource == "scale"
    ]
    text = orjson.dumps((relevant, live.deleting), option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=12).hexdigest()


def _changed(manifest: Manifest, live: LiveMetadata, entry: ManagerEntry) -> Drift | None:
    left = left_to_others(live)
    others = [other for other in live.managers if other is not entry]
    document = _ownable(manifest.document)
    missing = (leaf for path in lost(document, entry.fields, [o.fields for o in others]) for leaf in _leaves(document, path))
    gone = [path for path in missing if not is_ignored(path, left)]
    if not gone:
        return None
    fields = tuple(FieldDrift(format_path(path), *_newest(_holders(document, path, others))) for path in gone)
    return Drift(manifest.key, DriftKind.CHANGED, fields)


def _foreign(manifest: Manifest, live: LiveMetadata, entry: ManagerEntry, policy: ForeignPolicy | None) -> Drift | None:
    """What people's tools hold beside us; also what they merely hold with us, since it would outlive its removal from Git."""
    found = [other for other in intruders(live, policy) if other is not entry]
    if not found:
        return None
    fields = [
        FieldDrift(format_path(path), other.manager, other.time)
        for other in found
        for path in _beside(other.fields, entry.fields)
    ]
    return Drift(manifest.key, DriftKind.FOREIGN, tuple(fields))


def _leaves(document: Any, path: FieldPath) -> Iterator[FieldPath]:
    """The fields of a map that is lost as a whole, each by itself; anything else as it is."""
    value = document
    for part in path:
        value = value[part]
    if isinstance(value, dict) and value:
        for name in value:
            yield from _leaves(document, (*path, name))
    else:
        yield path


def _ownable(document: Document) -> Document:
    """The document without what nobody owns."""
    metadata = {name: value for name, value in document["metadata"].items() if name not in ("name", "namespace")}
    return {name: value for name, value in document.items() if name not in ("apiVersion", "kind")} | {"metadata": metadata}


def _holds_applied(entry: ManagerEntry) -> bool:
    return f"f:{APPLIED}" in entry.fields.get("f:metadata", {}).get("f:annotations", {})


def _newest(entries: Sequence[ManagerEntry]) -> tuple[str, str]:
    newest = max(entries, key=lambda entry: entry.time, default=None)
    return (newest.manager, newest.time) if newest else ("", "")


def _holders(document: Document, path: FieldPath, entries: Sequence[ManagerEntry]) -> Sequence[ManagerEntry]:
    return [entry for entry in entries if _reaches(entry.fields, document, path)]


def _reaches(fields: FieldSet, document: Any, path: FieldPath) -> bool:
    """Whether a field set holds the field at a path of the document, or an atomic value that contains it."""
    if not path:
        return True
    if not fields:  # a leaf above the field: an atomic list or map
        return True
    part, *rest = path
    if isinstance(part, str):
        element, below = f"f:{part}", document.get(part) if isinstance(document, dict) else None
    else:
        below = document[part]
        element = next((name for name in fields if _names_item(name, below)), "")
    if element not in fields or set(fields) == {"."}:
        return False
    return _reaches(fields[element], below, tuple(rest))


def _names_item(element: str, item: Any) -> bool:
    if element.startswith("v:"):
        return bool(json.loads(element[2:]) == item)
    if element.startswith("k:") and isinstance(item, dict):
        return all(item.get(name, value) == value for name, value in json.loads(element[2:]).items())
    return False


def _item_name(element: str) -> str:
    """`[name=web]` of `k:{"name":"web"}`, `["x"]` of `v:"x"`."""
    if element.startswith("k:"):
        return "[" + ",".join(f"{name}={value}" for name, value in json.loads(element[2:]).items()) + "]"
    return f"[{element[2:]}]"


def _beside(theirs: FieldSet, ours: FieldSet) -> Iterator[FieldPath]:
    """The highest fields of theirs that we do not hold; list items are named by their keys."""
    for element, node in theirs.items():
        if element == ".":
            continue
        name = element[2:] if element.startswith("f:") else _item_name(element)
        if element not in ours:
            yield (name,)
        elif isinstance(node, Mapping) and node and ours[element]:
            yield from ((name, *rest) for rest in _beside(node, ours[element]))
