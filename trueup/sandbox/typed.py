"""Values beside their types: the set of fields a document names, merging, comparing, and removing fields.

This is the behaviour of server-side apply on one pair of documents; who owns what is in `managed.py`. The rules are those of
https://pkg.go.dev/sigs.k8s.io/structured-merge-diff/v6/typed as observed on a real API server. Values are never changed; results
share their unchanged parts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trueup.sandbox.fields import LEAF, Tree, is_member, key_element, value_element
from trueup.sandbox.schema import Fields, ListOf, Scalar, Type, Untyped

ABSENT: Any = object()
"""Stands for a field that is not there, as null is a value."""


@dataclass(slots=True)
class Comparison:
    """What differs between two documents: paths added, removed and modified."""

    added: Tree = field(default_factory=dict)
    removed: Tree = field(default_factory=dict)
    modified: Tree = field(default_factory=dict)


def items_by_element(kind: ListOf, items: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """The path element of every item of an associative list; a field that is missing from a key counts with its default."""
    defaults = kind.items.defaults if isinstance(kind.items, Fields) else {}
    for item in items:
        if kind.is_set:
            yield value_element(item), item
        elif isinstance(item, dict):
            values = ((key, item.get(key, defaults.get(key))) for key in sorted(kind.keys))
            yield key_element(*(pair for pair in values if pair[1] is not None)), item


def is_granular(kind: Type, value: Any) -> bool:
    """Are the value's parts owned one by one?"""
    match kind:
        case Fields():
            return not kind.is_atomic
        case ListOf():
            return bool(kind.keys) or kind.is_set
        case Untyped():
            return isinstance(value, dict)
        case Scalar():
            return False


def field_set(kind: Type, value: Any) -> Tree:
    """The fields that an applied document names; called on a value whose parts are owned one by one."""
    tree: Tree = {}
    if isinstance(value, list) and isinstance(kind, ListOf):
        for element, item in items_by_element(kind, value):
            children = field_set(kind.items, item) if is_granular(kind.items, item) else LEAF
            tree[element] = {".": LEAF, **children} if children else LEAF
    elif isinstance(value, dict):
        for name, child in value.items():
            node = _field_node(kind, name, child)
            if node is not None:
                tree[f"f:{name}"] = node
    return tree


def _field_node(kind: Type, name: str, value: Any) -> Tree | None:
    child = _child(kind, name)
    if value is None or value == {} or not is_granular(child, value):
        return LEAF
    node = field_set(child, value)
    if not node:
        return None  # an associative list without items names nothing
    is_free = isinstance(kind, Untyped) or (isinstance(kind, Fields) and name not in kind.known)
    return {".": LEAF, **node} if is_free else node


def merge(kind: Type, live: Any, applied: Any) -> Any:
    """The live value with what the applied one says laid over it."""
    if live is ABSENT or live is None:
        return applied
    if not is_granular(kind, applied):
        return applied
    if isinstance(live, dict) and isinstance(applied, dict):
        return _merge_maps(kind, live, applied)
    if isinstance(live, list) and isinstance(applied, list) and isinstance(kind, ListOf):
        return _merge_lists(kind, live, applied)
    return live if applied is None and live else applied


def _merge_maps(kind: Type, live: Mapping[str, Any], applied: Mapping[str, Any]) -> Any:
    if not applied:
        return live
    result = dict(live)
    for name, value in applied.items():
        mine = result.get(name, ABSENT)
        if mine is ABSENT or mine != value:
            result[name] = merge(_child(kind, name), mine, value)
    return result


def _merge_lists(kind: ListOf, live: Sequence[Any], applied: Sequence[Any]) -> list[Any]:
    """Items in the order of the applied list; items that only the live list has stay before what followed them."""
    wanted = dict(items_by_element(kind, applied))
    present = list(items_by_element(kind, live))
    known: dict[str, Any] = {}
    for element, item in present:
        known.setdefault(element, item)
    shared = [element for element in wanted if element in known]
    result: list[Any] = []
    at = 0
    for element, item in wanted.items():
        while at < len(present) and not (shared and present[at][0] == shared[0]):
            if present[at][0] not in wanted:
                result.append(present[at][1])
            at += 1
        result.append(merge(kind.items, known.get(element, ABSENT), item))
        if shared and shared[0] == element:
            shared.pop(0)
    result.extend(item for element, item in present[at:] if element not in wanted)
    return result


def compare(kind: Type, old: Any, new: Any) -> Comparison:
    """The paths in which two documents differ; a container that came or went is a path of its own beside those in it."""
    result = Comparison()
    result.added, result.removed, result.modified = _compare(kind, old, new)
    return result


def _compare(kind: Type, old: Any, new: Any) -> tuple[Tree, Tree, Tree]:
    """Children that differ, below a value that is granular on at least one side."""
    trees: tuple[Tree, Tree, Tree] = ({}, {}, {})
    if isinstance(kind, ListOf):
        before, after = _grouped(kind, old), _grouped(kind, new)
        for element in before.keys() | after.keys():
            _compare_items(trees, kind.items, element, before.get(element, ()), after.get(element, ()))
        return trees
    was = old if isinstance(old, dict) else {}
    now = new if isinstance(new, dict) else {}
    for name, value in now.items():
        mine = was.get(name, ABSENT)
        if mine is ABSENT or mine != value:
            _compare_child(trees, _child(kind, name), f"f:{name}", mine, value)
    for name, value in was.items():
        if name not in now:
            _compare_child(trees, _child(kind, name), f"f:{name}", value, ABSENT)
    return trees


def _grouped(kind: ListOf, items: Any) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for element, item in items_by_element(kind, items if isinstance(items, list) else ()):
        groups.setdefault(element, []).append(item)
    return groups


def _compare_items(trees: tuple[Tree, Tree, Tree], kind: Type, element: str, old: Sequence[Any], new: Sequence[Any]) -> None:
    if len(old) <= 1 and len(new) <= 1:
        was, now = (old[0] if old else ABSENT), (new[0] if new else ABSENT)
        if was != now:
            _compare_child(trees, kind, element, was, now)
    elif old != new:  # the same key more than once: the item is one leaf
        added, removed, modified = trees
        (removed if not new else modified if old else added)[element] = LEAF


def _compare_child(trees: tuple[Tree, Tree, Tree], kind: Type, element: str, old: Any, new: Any) -> None:
    added, removed, modified = trees
    nodes: tuple[Tree, Tree, Tree] = ({}, {}, {})
    if not (_is_leaf(kind, old) and _is_leaf(kind, new)):
        nodes = _compare(kind, old, new)
    elif old is not ABSENT and new is not ABSENT:
        modified[element] = LEAF
        return
    for tree, node, is_whole in (
        (added, nodes[0], old is ABSENT),
        (removed, nodes[1], new is ABSENT),
        (modified, nodes[2], False),
    ):
        if is_whole:
            tree[element] = {".": LEAF, **node} if node else LEAF
        elif node:
            tree[element] = node


def _is_leaf(kind: Type, value: Any) -> bool:
    return value is ABSENT or not value or not is_granular(kind, value)


def remove(kind: Type, value: Any, fields: Tree) -> Any:
    """The value without the given fields; None when nothing is left of it."""
    if not fields or not value:
        return value
    if isinstance(value, dict):
        kept_fields: dict[str, Any] = {}
        for name, child in value.items():
            node = fields.get(f"f:{name}")
            if node is None:
                kept_fields[name] = child
            elif not is_member(node):
                kept_fields[name] = remove(_child(kind, name), child, node)
        return kept_fields or None
    if isinstance(value, list) and isinstance(kind, ListOf):
        kept: list[Any] = []
        for element, item in items_by_element(kind, value):
            node = fields.get(element)
            if node is None:
                kept.append(item)
            elif not is_member(node):
                kept.append(remove(kind.items, item, node))
        return kept or None
    return value


def _child(kind: Type, name: str) -> Type:
    child = kind.of(name) if isinstance(kind, Fields) else None
    return child if child is not None else Untyped()
