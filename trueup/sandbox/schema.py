"""Types of objects: what a field is, and how lists and maps are owned.

The table `schema.json` is read once; the types of custom resources are made of their definitions in `definitions.py`. A type
knows nothing of values: `typed.py` walks a value beside it.
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

TABLE = Path(__file__).with_name("schema.json")


@dataclass(slots=True, eq=False)
class Scalar:
    """A leaf. `form`: string, integer, int64, number, boolean, byte, date-time, int-or-string, quantity."""

    form: str


@dataclass(slots=True, eq=False)
class Untyped:
    """Anything: maps are owned by field, lists as a whole."""


@dataclass(slots=True, eq=False)
class ListOf:
    """A list. `keys` and `is_set` say how its items are told apart; with neither it is owned as a whole.

    `merge` is for strategic merge patches only: the key of the items, `""` for a set, None where the list is replaced.
    """

    items: "Type"
    keys: tuple[str, ...] = ()
    is_set: bool = False
    merge: str | None = None
    is_nullable: bool = False


@dataclass(slots=True, eq=False)
class Fields:
    """A struct (`known`), a map with free keys (`others`), or both as custom resources may have it.

    `always` names the structs that are printed even when they are empty, `zero` the scalars that are not.
    """

    known: dict[str, "Type"] = field(default_factory=dict)
    others: "Type | None" = None
    is_atomic: bool = False
    required: tuple[str, ...] = ()
    always: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    zero: tuple[str, ...] = ()
    name: str = ""
    is_embedded: bool = False
    is_nullable: bool = False

    def of(self, name: str) -> "Type | None":
        """The type of one field; None when there is no such field."""
        return self.known.get(name, self.others)


Type: TypeAlias = Scalar | Untyped | ListOf | Fields
UNTYPED = Untyped()
SCALARS = {
    form: Scalar(form)
    for form in ("string", "integer", "int64", "number", "boolean", "byte", "date-time", "int-or-string", "quantity")
}


@functools.cache
def table() -> Mapping[str, Any]:
    """The table as it stands in the file: `resources` and `types`."""
    document: Mapping[str, Any] = json.loads(TABLE.read_text())
    return document


@functools.cache
def named(name: str) -> Type:
    """A type of the table, such as `core.v1.PodSpec`."""
    return _Builder(table()["types"]).named(name)


class _Builder:
    """Turns the table's notation into types; a type that mentions itself (JSONSchemaProps) gets the same object again."""

    _made: dict[str, Fields] = {}  # noqa: RUF012 - shared on purpose: each type of the table exists once

    def __init__(self, types: Mapping[str, Any]) -> None:
        self._types = types

    def named(self, name: str) -> Type:
        node = self._types[name]
        if not isinstance(node, dict) or "items" in node:
            return self.build(node)
        if name not in self._made:
            self._made[name] = Fields(name=name.rpartition(".")[2])
            self._fill(self._made[name], node)
        return self._made[name]

    def build(self, node: str | Mapping[str, Any]) -> Type:
        match node:
            case "any":
                return UNTYPED
            case str() if node.startswith("#"):
                return self.named(node[1:])
            case str():
                return SCALARS[node]
            case {"ref": str(ref)}:
                result = Fields()
                self._fill(result, {**self._types[ref[1:]], "atomic": True})
                return result
            case {"items": items}:
                keys = tuple(node.get("keys", ()))
                return ListOf(self.build(items), keys, is_set=node.get("list") == "set", merge=node.get("merge"))
            case _:
                result = Fields()
                self._fill(result, node)
                return result

    def _fill(self, into: Fields, node: Mapping[str, Any]) -> None:
        into.known = {name: self.build(child) for name, child in node.get("fields", {}).items()}
        into.others = self.build(node["values"]) if "values" in node else None
        into.is_atomic = node.get("atomic", False)
        into.required = tuple(node.get("required", ()))
        into.always = tuple(node.get("always", ()))
        into.defaults = node.get("defaults", {})
        into.zero = tuple(node.get("zero", ()))
