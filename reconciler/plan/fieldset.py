"""Walking fieldsV1, the sets of fields that managers own; the grammar stands in `ownership`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.model.objects import FieldPath, FieldSet
from reconciler.model.patterns import Part, fits


def holds(fields: FieldSet, document: Any, path: FieldPath) -> bool:
    """Whether a field set holds the field at a path of the document, or an atomic value that contains it.

    Args:
        fields: the fieldsV1 of one entry.
        document: the desired document, which says which item an index means.
        path: as `ownership.lost` gives it.
    """
    if not fields:
        return False
    if not path:
        return True
    part, rest = path[0], path[1:]
    if isinstance(part, int):
        below = document[part]
        element = next((element for element in fields if _is_item(element, below)), "")
    else:
        below = document.get(part) if isinstance(document, dict) else None
        element = f"f:{part}"
    if element not in fields:
        return False
    return not fields[element] or holds(fields[element], below, rest)


def beside(theirs: FieldSet, ours: FieldSet) -> Iterator[FieldPath]:
    """The highest fields of theirs that we do not hold; items are named as people write them: `[name=web]`, `["x"]`."""
    for element, node in theirs.items():
        if element == ".":
            continue
        name = _name(element)
        if element not in ours:
            yield (name,)
        elif node and ours[element]:
            yield from ((name, *rest) for rest in beside(node, ours[element]))


def union(ours: FieldSet, theirs: Sequence[FieldSet]) -> FieldSet:
    """All fields of both."""
    united: dict[str, Any] = dict(ours)
    for fields in theirs:
        for element, node in fields.items():
            united[element] = union(united[element], [node]) if element in united else node
    return united


def less(fields: FieldSet, unwanted: str) -> FieldSet:
    """The set without an element, at whatever depth, and without the containers that held nothing else.

    A container that keeps other elements is itself no longer held: who gives it up gives up all that is in it.
    """
    if unwanted in fields:
        return {element: node for element, node in fields.items() if element not in (unwanted, ".")}
    kept: dict[str, Any] = {}
    for element, node in fields.items():
        below = less(node, unwanted)
        if below.keys() - {"."} or below == node:
            kept[element] = below
    return kept


def held_at(fields: FieldSet, document: Any, path: FieldPath) -> FieldPath | None:
    """Where a field of the document is held: at its own path, or at the value that Kubernetes treats as one and that contains it.

    None when it is not held. The keys of an item are no field of their own: whoever holds them holds that the item is there.
    """
    for depth, part in enumerate(path):
        below = document[part]
        element = f"f:{part}" if isinstance(part, str) else next((e for e in fields if _is_item(e, below)), "")
        if element not in fields:
            return None
        fields, document = fields[element], below
        if not fields:
            return path[: depth + 1]
        if element.startswith("k:") and path[depth + 1 : depth + 2] and path[depth + 1] in json.loads(element[2:]):
            return None
    return path


def split(fields: FieldSet, patterns: Sequence[Sequence[Part]], document: Any) -> tuple[FieldSet, FieldSet]:
    """The fields of a set that patterns mean, and the others; a value that Kubernetes treats as one is not divided.

    Args:
        fields: a fieldsV1, or a node of one.
        patterns: what is looked for, from this node down.
        document: the desired document at this node, which tells which item a place means; None where it has nothing here.
    """
    if any(not parts for parts in patterns):
        return fields, {}
    meant: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for element, node in fields.items():
        name, below = _child(element, document)
        further = [parts[1:] for parts in patterns if element != "." and fits(parts[0], name, below)]
        if further and not node:
            meant[element] = node
            continue
        found, rest = split(node, further, below) if further else ({}, node)
        if found:  # who gives up a container gives up all that is in it; who gives up its key gives up an item
            meant[element] = found
            rest = {name: node for name, node in rest.items() if name not in (".", *_key_elements(element))}
        if rest or not node:
            others[element] = rest
    return meant, others


def leaves(fields: FieldSet) -> Iterator[tuple[str, ...]]:
    """The paths of all leaves of a set that has only named fields."""
    for element, node in fields.items():
        if element.startswith("f:"):
            yield from ((element[2:], *below) for below in leaves(node)) if node else [(element[2:],)]


def is_named(element: str, item: Any) -> bool:
    """Whether an item of a list is the one that an element `k:{...}` names; keys that the server filled in may be absent."""
    if not (element.startswith("k:") and isinstance(item, dict)):
        return False
    key: Mapping[str, Any] = json.loads(element[2:])
    return all(item.get(name, value) == value for name, value in key.items())


def _is_item(element: str, item: Any) -> bool:
    if element.startswith("v:"):
        return bool(json.loads(element[2:]) == item)
    return is_named(element, item)


def _key_elements(element: str) -> list[str]:
    return [f"f:{name}" for name in json.loads(element[2:])] if element.startswith("k:") else []


def _child(element: str, document: Any) -> tuple[str | int, Any]:
    """What an element is called in the document, or as a pattern would call it, and its value."""
    if element.startswith("f:"):
        return element[2:], document.get(element[2:]) if isinstance(document, dict) else None
    for place, item in enumerate(document if isinstance(document, list) else ()):
        if _is_item(element, item):
            return place, item
    return -1, json.loads(element[2:]) if element.startswith("k:") else None


def _name(element: str) -> str:
    if element.startswith("k:"):
        return "[" + ",".join(f"{name}={value}" for name, value in json.loads(element[2:]).items()) + "]"
    return element[2:] if element.startswith("f:") else f"[{element[2:]}]"
