"""Fields that hold what nobody may see, though their object is no Secret: the object names them itself, in an annotation.

So it is known wherever the object is met: in what was rendered, in the cluster after a restart, and in the older of two versions when a
newer one declares the field otherwise. The annotation has paths as people write them, one a line, and never a value:

    data.password                                    a field, whatever is below it too
    metadata.annotations[example.com/x]              a name with dots or slashes stands in brackets
    spec.template.spec.containers[name=web].env      an item of a list, by what names it
    spec.rules[0].host                               an item of a list, by its place
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from reconciler.model.objects import Document, format_path
from reconciler.plan.marks import MASKED

Path: TypeAlias = tuple[str, ...]
"""Names of fields, and what names an item of a list: `name=web`, or its place."""

MOST_PATHS, MOST_LETTERS = 200, 8192
"""In one annotation; more are told by what holds them. An object's annotations may have 256 KiB together."""

KEYS = ("name", "key", "type", "ip", "port", "containerPort", "mountPath")
"""What names the items of lists of maps, in this order."""

TEXTS_BY_NAME = frozenset({("metadata", "annotations"), ("metadata", "labels")})
"""Maps that are read as such: their values are masked, each by itself."""

IDENTITY = frozenset({("apiVersion",), ("kind",), ("metadata",), ("metadata", "name"), ("metadata", "namespace")})
"""By this an object is called: it is shown whatever anybody says."""

_MOST_ITEMS = 100
"""Items of one list that are named; of more, all are masked."""

_PARTS = re.compile(r"\[([^\]\n]*)\]|([^.\[\n]+)")
_NAME = re.compile(r"[^\[\]\n]+")
_ITEM = re.compile(r"[^\[\]\n,]+")
_END = ""
"""In a tree of paths: here one ends."""

_Tree: TypeAlias = dict[str, "_Tree"]


def masked_paths(document: Mapping[str, Any]) -> frozenset[Path]:
    """The fields that an object says are masked, without those that it is called by."""
    metadata = document.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    text = annotations.get(MASKED) if isinstance(annotations, dict) else None
    if not isinstance(text, str):
        return frozenset()
    found = (tuple(match[1] if match[2] is None else match[2] for match in _PARTS.finditer(line)) for line in text.splitlines())
    return frozenset(path for path in found if path and all(path) and path not in IDENTITY)


def is_masked(document: Mapping[str, Any]) -> bool:
    """Whether an object says that something in it is masked."""
    return bool(masked_paths(document))


def marked(document: Document, paths: Iterable[Path]) -> Document:
    """The document with an annotation that says of these fields, and of those it named before, that they are masked."""
    known = frozenset(path for path in paths if path not in IDENTITY) | masked_paths(document)
    metadata = document.get("metadata")
    if not known or not isinstance(metadata, dict) or not isinstance(metadata.get("annotations") or {}, dict):
        return document
    text = "\n".join(sorted(_printed(document, path) for path in _few(known)))
    return {**document, "metadata": {**metadata, "annotations": {**(metadata.get("annotations") or {}), MASKED: text}}}


def find(document: Any, is_hidden: Callable[[Any], bool]) -> frozenset[Path]:
    """Where a document has values that are to be masked: of a list without names the list itself."""
    return frozenset(path for path in _find(document, is_hidden, ()) if path and path not in IDENTITY)


def values(document: Any, paths: Iterable[Path]) -> Iterator[tuple[Path, Any]]:
    """The values of these fields, each with its path, as far as the document has them."""
    seen: list[tuple[Path, Any]] = []
    covered(document, paths, lambda path, value: seen.append((path, value)))
    yield from seen


def covered(document: Any, paths: Iterable[Path], instead: Callable[[Path, Any], Any]) -> Any:
    """A copy of the document with something else in place of every one of these fields."""
    tree: _Tree = {}
    for path in paths:
        node = tree
        for part in path:
            node = node.setdefault(part, {})
        node[_END] = {}
    return _covered(document, tree, instead, ())


def naming_key(*lists: list[Any]) -> str | None:
    """The field that names every item of all lists, each item differently."""
    items = [item for values in lists for item in values]
    if not items or not all(isinstance(item, dict) for item in items):
        return None
    for key in KEYS:
        is_name = all(isinstance(item.get(key), str | int) for item in items)
        if is_name and all(len({item[key] for item in values}) == len(values) for values in lists):
            return key
    return None


def _find(value: Any, is_hidden: Callable[[Any], bool], path: Path) -> Iterator[Path]:
    match value:
        case dict():
            found = [below for name, inner in value.items() for below in _find(inner, is_hidden, (*path, str(name)))]
            yield from [path] if any(not _NAME.fullmatch(below[len(path)]) for below in found) else found
        case list():
            key = naming_key(value)
            found = [
                below
                for place, item in enumerate(value)
                for below in _find(item, is_hidden, (*path, f"{key}={item[key]}" if key else str(place)))
            ]
            is_named = key and all(_ITEM.fullmatch(below[len(path)]) and below[len(path) + 1 :] != (key,) for below in found)
            yield from found if is_named else {path for _ in found}
        case _ if is_hidden(value):
            yield path


def _covered(value: Any, tree: _Tree, instead: Callable[[Path, Any], Any], path: Path) -> Any:
    if _END in tree:
        if path in TEXTS_BY_NAME and isinstance(value, dict):
            return {name: text if name == MASKED else instead((*path, name), text) for name, text in value.items()}
        return instead(path, value)
    match value:
        case dict():
            below = {n: _covered(value[n], sub, instead, (*path, n)) for n, sub in tree.items() if n in value}
            return {**value, **below}
        case list() if len(tree) > _MOST_ITEMS:
            return instead(path, value)
        case list():
            return [_covered_item(item, str(place), tree, instead, path) for place, item in enumerate(value)]
        case None:
            return None
    return instead(path, value)  # somebody put a text where there were fields


def _covered_item(item: Any, place: str, tree: _Tree, instead: Callable[[Path, Any], Any], path: Path) -> Any:
    for name, below in tree.items():
        if name == place or _is_named(item, name):
            item = _covered(item, below, instead, (*path, name))
    return item


def _is_named(item: Any, name: str) -> bool:
    pairs = [pair.partition("=") for pair in name.split(",")]
    return isinstance(item, dict) and all(equals and str(item.get(key)) == value for key, equals, value in pairs)


def _few(paths: frozenset[Path]) -> frozenset[Path]:
    """The same fields, or what holds them where they are too many to be named."""
    for depth in range(max(map(len, paths)), 1, -1):
        found = frozenset(path[:depth] for path in paths)
        if len(found) <= MOST_PATHS and sum(len(format_path(path)) + 1 for path in found) <= MOST_LETTERS:
            return found
    return frozenset(path[:2] if path[0] == "metadata" else path[:1] for path in paths)


def _printed(document: Any, path: Path) -> str:
    """A path as people write it: what names an item stands in brackets, a field beside it does not."""
    value: Any = document
    parts: list[str | int] = []
    for part in path:
        if isinstance(value, list):
            parts.append(f"[{part}]")
            value = next((item for place, item in enumerate(value) if part == str(place) or _is_named(item, part)), None)
        else:
            parts.append(part)
            value = value.get(part) if isinstance(value, dict) else None
    return format_path(tuple(parts))
