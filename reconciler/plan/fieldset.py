"""Walking fieldsV1, the sets of fields that managers own; the grammar stands in `ownership`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.model.objects import FieldPath, FieldSet

ANY = "*"
"""In a pattern: every item of an associative list."""


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


def matching(fields: FieldSet, pattern: Sequence[str]) -> Iterator[FieldPath]:
    """The fields of a set at a path in which `ANY` stands for every item; items are elements, `k:{"name":"web"}`."""
    if not pattern:
        yield ()
        return
    first, rest = pattern[0], pattern[1:]
    names = [element for element in fields if element.startswith("k:")] if first == ANY else [f"f:{first}"]
    for element in names:
        if element in fields:
            part = element if first == ANY else first
            yield from ((part, *below) for below in matching(fields[element], rest))


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


def _name(element: str) -> str:
    if element.startswith("k:"):
        return "[" + ",".join(f"{name}={value}" for name, value in json.loads(element[2:]).items()) + "]"
    return element[2:] if element.startswith("f:") else f"[{element[2:]}]"
