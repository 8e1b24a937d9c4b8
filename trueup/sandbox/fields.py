"""Sets of fields, as managed fields store them (`fieldsV1`), and their algebra.

A set is a tree of path elements: `f:name` a field, `k:{...}` the item of a list that has these keys, `v:...` the member of a set.
A node says whether its own path belongs to the set: `{}` and any node with `"."` do. Trees are never changed once they are made;
every function returns a new one (sharing what it can) and an empty tree for an empty set.

Grammar: https://pkg.go.dev/sigs.k8s.io/structured-merge-diff/v6/fieldpath
"""

import functools
import json
from collections.abc import Iterator
from typing import Any, TypeAlias

import orjson

from trueup.sandbox.schema import Fields, ListOf, Scalar, Type, Untyped

Tree: TypeAlias = dict[str, Any]
"""A set of fields; each value is a Tree. The empty tree at the top is the empty set, anywhere else a member."""

LEAF: Tree = {}


def is_member(node: Tree) -> bool:
    """Is the node's own path in the set?"""
    return not node or "." in node


def union(a: Tree, b: Tree) -> Tree:
    """All paths of both."""
    result = dict(a)
    for element, theirs in b.items():
        mine = result.get(element)
        if mine is None or mine is theirs:
            result[element] = theirs
        elif element != ".":
            result[element] = _node(union(mine, theirs), belongs=is_member(mine) or is_member(theirs))
    return result


def difference(a: Tree, b: Tree) -> Tree:
    """The paths of `a` that are not in `b`; a path below one of `b` stays."""
    result: Tree = {}
    for element, mine in a.items():
        if element == ".":
            continue
        theirs = b.get(element)
        if theirs is None:
            result[element] = mine
            continue
        belongs = is_member(mine) and not is_member(theirs)
        children = difference(mine, theirs)
        if belongs or children:
            result[element] = _node(children, belongs=belongs)
    return result


def intersection(a: Tree, b: Tree) -> Tree:
    """The paths that are in both."""
    result: Tree = {}
    for element, mine in a.items():
        theirs = b.get(element)
        if theirs is None or element == ".":
            continue
        belongs = is_member(mine) and is_member(theirs)
        children = intersection(mine, theirs)
        if belongs or children:
            result[element] = _node(children, belongs=belongs)
    return result


def is_subset(a: Tree, b: Tree) -> bool:
    """Is every path of `a` in `b`?"""
    return not difference(a, b)


def with_named_fields(tree: Tree, kind: Type | None) -> Tree:
    """The set with every struct field that holds a member made a member itself; free keys of maps and items are not."""
    result: Tree = {}
    for element, node in tree.items():
        if element == ".":
            continue
        below = _below(kind, element)
        children = with_named_fields(node, below)
        named = element.startswith("f:") and isinstance(kind, Fields) and element[2:] in kind.known
        result[element] = _node(children, belongs=is_member(node) or (named and bool(node)))
    return result


def paths(tree: Tree, kind: Type | None = None, prefix: str = "") -> Iterator[str]:
    """Every member as the server writes it in a conflict: `.spec.containers[name="web"].image`; a node's leaves come first."""
    children = [(element, node) for element, node in sorted(tree.items()) if element != "."]
    for element, node in children:
        if is_member(node):
            yield prefix + written(element)
    for element, node in children:
        if node:
            yield from paths(node, kind, prefix + written(element))


def written(element: str) -> str:
    """One path element in a message: `.image`, `[name="web"]`, `[="member"]`."""
    mark, _, text = element.partition(":")
    match mark:
        case "f":
            return f".{text}"
        case "k":
            return f"[{','.join(f'{name}={json.dumps(value)}' for name, value in json.loads(text).items())}]"
        case _:
            return f"[={text}]"


def in_order(tree: Tree) -> Tree:
    """The same set with its elements sorted, as the server prints it."""
    return {element: in_order(node) if node else node for element, node in sorted(tree.items())}


@functools.lru_cache(maxsize=4096)
def key_element(*keys: tuple[str, Any]) -> str:
    """The element of an item with these key fields, which are given in the order of their names."""
    return "k:" + _go_json(dict(keys))


@functools.lru_cache(maxsize=4096)
def _text_element(value: str) -> str:
    return "v:" + _go_json(value)


def value_element(value: Any) -> str:
    """The element of a member of a set."""
    return _text_element(value) if isinstance(value, str) else "v:" + _go_json(value)


def _go_json(value: Any) -> str:
    text = orjson.dumps(value).decode()
    for character, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029")):
        text = text.replace(character, escape)
    return text


def _node(children: Tree, *, belongs: bool) -> Tree:
    children.pop(".", None)
    return {".": LEAF, **children} if belongs and children else children


def _below(kind: Type | None, element: str) -> Type | None:
    match kind:
        case Fields():
            return kind.of(element[2:])
        case ListOf():
            return kind.items
        case Untyped():
            return kind
        case Scalar() | None:
            return None
