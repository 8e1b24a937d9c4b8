"""The difference of two documents for people: paths, and the values before and after; lists are matched by their items' names."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.model.objects import Document, FieldPath, format_path
from reconciler.plan.marks import APPLIED
from reconciler.plan.masked import naming_key
from reconciler.plan.redact import mask_pair

IGNORED = frozenset({"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"})
"""Fields of metadata that every write changes."""

_PARTS = re.compile(r"\[[^\]]*\]|[^.\[]+")


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field with its values; None where it is not set."""

    path: str
    old: Any
    new: Any


def diff(old: Document, new: Document) -> tuple[FieldChange, ...]:
    """Every field that differs, in order; what nobody may see is masked, `status` and our own digest are left out."""
    before, after = mask_pair(old, new)
    return tuple(_changes(_comparable(before), _comparable(after), ()))


def value_at(document: Document, path: str) -> Any:
    """The value at a printed path such as `spec.ports[0].port` or `metadata.labels[a.b/c]`; None where there is none.

    An item of a list may be named by its keys, `spec.containers[name=web]`, the member of a set by itself, `finalizers["x"]`.
    """
    value: Any = document
    for part in _PARTS.findall(path):
        name = part[1:-1] if part.startswith("[") else part
        if isinstance(value, Mapping):
            value = value.get(name)
        elif isinstance(value, list):
            value = _item(value, name)
        else:
            return None
    return value


def _item(items: list[Any], name: str) -> Any:
    if name.isdecimal():
        return items[int(name)] if int(name) < len(items) else None
    if name.startswith('"'):
        return next((item for item in items if json.dumps(item) == name), None)
    wanted = dict(pair.partition("=")[::2] for pair in name.split(","))
    return next((i for i in items if isinstance(i, dict) and all(str(i.get(k)) == v for k, v in wanted.items())), None)


def _comparable(document: Document) -> Document:
    metadata = {name: value for name, value in (document.get("metadata") or {}).items() if name not in IGNORED}
    if annotations := metadata.get("annotations"):
        metadata["annotations"] = {name: value for name, value in annotations.items() if name != APPLIED}
    return {**{name: value for name, value in document.items() if name != "status"}, "metadata": metadata}


def _changes(old: Any, new: Any, path: FieldPath) -> Iterator[FieldChange]:
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted({*old, *new}):
            yield from _changes(old.get(name), new.get(name), (*path, name))
    elif isinstance(old, list) and isinstance(new, list) and (key := naming_key(old, new)):
        yield from _changes_of_items({i[key]: i for i in old}, {i[key]: i for i in new}, key, path)
    else:
        yield FieldChange(format_path(path), old, new)


def _changes_of_items(old: Mapping[Any, Any], new: Mapping[Any, Any], key: str, path: FieldPath) -> Iterator[FieldChange]:
    for name in dict.fromkeys([*old, *new]):
        yield from _changes(old.get(name), new.get(name), (*path, f"[{key}={name}]"))
    if old.keys() == new.keys() and list(old) != list(new):
        yield FieldChange(f"{format_path(path)} (order)", list(old), list(new))
