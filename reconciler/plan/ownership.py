"""Which desired fields are no longer ours, read from an object's metadata alone.

The API server keeps, for every field manager, the set of fields it owns, in `metadata.managedFields[].fieldsV1`. Whoever else
changes or removes one of our fields takes it out of our set. So a desired field that is missing from our set has drifted, and
one that is there has not: no diff, no schema, no copy of the live object.

fieldsV1 is a tree of path elements, and it says itself which lists are associative:

    f:name      the field `name` of a map
    k:{...}     the item of a list whose key fields have these values (JSON)
    v:...       the member of a set with this value (JSON)
    .           the map or item itself
    {}          a leaf: a scalar, an atomic list or map, an empty container

Rules: https://kubernetes.io/docs/reference/using-api/server-side-apply/ and, for the grammar,
sigs.k8s.io/structured-merge-diff/v6/fieldpath. What the documents leave open was settled on a real API server; the cases
stand in tests/contract/test_ownership.py.
"""

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.model.objects import FieldPath, FieldSet


def lost(desired: Any, ours: FieldSet, others: Sequence[FieldSet] = ()) -> Iterator[FieldPath]:
    """Yield the path of every desired field that `ours` does not hold, in document order.

    A path stops at the highest field that is gone: a removed container is one path, not one for each of its fields.

    Args:
        desired: the normalised document without `apiVersion`, `kind` and `metadata.name`, `.namespace`, which nobody owns.
        ours: the fieldsV1 of our Apply entry.
        others: the fieldsV1 of every other entry. Needed for empty lists only: the server tracks them where the list is
            atomic, so they are lost only when somebody else holds them.
    """
    match desired:
        case dict():
            yield from _lost_in_map(desired, ours, others)
        case list():
            yield from _lost_in_list(desired, ours, others)


def _lost_in_map(desired: Mapping[str, Any], ours: FieldSet, others: Sequence[FieldSet]) -> Iterator[FieldPath]:
    for name, value in desired.items():
        if value is None:  # means "not set", and is never owned
            continue
        element = f"f:{name}"
        theirs = [fields[element] for fields in others if element in fields]
        node = ours.get(element)
        if node is None:
            if value != [] or theirs:
                yield (name,)
        elif _is_leaf(node):
            if "." in node and isinstance(value, dict):  # we hold the map itself, but nothing in it any more
                yield from ((name, key) for key in value)
        else:
            yield from ((name, *rest) for rest in lost(value, node, theirs))


def _lost_in_list(desired: Sequence[Any], ours: FieldSet, others: Sequence[FieldSet]) -> Iterator[FieldPath]:
    members = [json.loads(element[2:]) for element in ours if element.startswith("v:")]
    nodes = _nodes_of_items(desired, ours)
    for index, item in enumerate(desired):
        if not isinstance(item, dict) or (members and not nodes):
            if item not in members:
                yield (index,)
        elif index not in nodes:
            yield (index,)
        else:
            element = nodes[index]
            theirs = [fields[element] for fields in others if element in fields]
            keyless = {name: value for name, value in item.items() if name not in _key(element)}
            yield from ((index, *rest) for rest in lost(keyless, ours[element], theirs))


def _nodes_of_items(items: Sequence[Any], ours: FieldSet) -> dict[int, str]:
    """Pair the items of an associative list with their `k:` elements, each element with one item at most.

    A key field that the server filled in (a Service port's `protocol`) is in the element and may be absent from the item, so
    items that name all their keys choose first.
    """
    free = [element for element in ours if element.startswith("k:")]
    nodes: dict[int, str] = {}
    for exact in (True, False):
        for index, item in enumerate(items):
            if index in nodes or not isinstance(item, dict):
                continue
            element = next((element for element in free if _names(item, _key(element), exact=exact)), None)
            if element is not None:
                nodes[index] = element
                free.remove(element)
    return nodes


def _names(item: Mapping[str, Any], key: Mapping[str, Any], *, exact: bool) -> bool:
    return all(item[field] == value if field in item else not exact for field, value in key.items())


@functools.lru_cache(maxsize=4096)
def _key(element: str) -> Mapping[str, Any]:
    key: Mapping[str, Any] = json.loads(element.removeprefix("k:"))
    return key


def _is_leaf(node: FieldSet) -> bool:
    return not node or set(node) == {"."}
