"""Reading documents as the server's own types would: wrong types, unknown fields, and the form in which it prints them again.

Two readings. `misfits` is what a typed apply patch is checked against before it is merged; `decode` is what every other body,
and every merged document, passes through: it drops nulls, empty lists and maps that the server leaves out, writes quantities
canonically and prints the structs that are always printed.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from trueup.sandbox.fields import written
from trueup.sandbox.schema import SCALARS, Fields, ListOf, Scalar, Type, Untyped
from trueup.sandbox.typed import items_by_element

QUANTITY = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+))(|[numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)$")
BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")
STRING = SCALARS["string"]
DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


class Unreadable(Exception):
    """A value does not fit its type; the message is the one of the server's decoder."""


@dataclass(slots=True)
class Reading:
    """What was found on the way: fields that do not exist, as paths in document order."""

    unknown: list[str] = field(default_factory=list)


def misfits(kind: Type, value: Any, path: str = "") -> Iterator[str]:
    """Every place where an applied document does not fit its type, in the server's words."""
    if value is None:
        return
    match kind:
        case Fields():
            yield from _misfits_in_map(kind, value, path)
        case ListOf():
            yield from _misfits_in_list(kind, value, path)
        case Scalar(form):
            text = _misfit_of_scalar(form, value)
            if text:
                yield f"{path}: {text}"
        case Untyped():
            return


def _misfits_in_map(kind: Fields, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: expected map, got &{{{_go(value)}}}"
        return
    for name, child in value.items():
        below = kind.of(name)
        if below is None:
            yield f"{path}.{name}: field not declared in schema"
        else:
            yield from misfits(below, child, f"{path}.{name}")


def _misfits_in_list(kind: ListOf, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: expected list, got &{{{_go(value)}}}"
        return
    if not kind.keys and not kind.is_set:
        for index, item in enumerate(value):
            yield from misfits(kind.items, item, f"{path}[{index}]")
        return
    yield from _misfits_of_items(kind, value, path)


def _misfits_of_items(kind: ListOf, value: Sequence[Any], path: str) -> Iterator[str]:
    for index, item in enumerate(value):
        if kind.keys and not isinstance(item, dict):
            what = "a null element" if item is None else "non-map elements"
            yield f"{path}: element {index}: associative list with keys may not have {what}"
            return
    seen: set[str] = set()
    for index, (element, item) in enumerate(items_by_element(kind, value)):
        if element == "k:{}":
            names = ", ".join(f'"{key}"' for key in kind.keys)
            yield f"{path}: element {index}: associative list with keys has an element that omits key field {names}"
        elif element in seen:
            yield f"{path}: duplicate entries for key {written(element)}"
        else:
            seen.add(element)
            yield from misfits(kind.items, item, path + written(element))


def _misfit_of_scalar(form: str, value: Any) -> str:
    match form:
        case "integer" | "int64" | "number":
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            return "" if is_number else f"expected numeric (int or float), got {_go_type(value)}"
        case "boolean":
            return "" if isinstance(value, bool) else f"expected boolean, got &{{{_go(value)}}}"
        case "string" | "byte" | "date-time":
            return "" if isinstance(value, str) else f"expected string, got &value.valueUnstructured{{Value:{_go_syntax(value)}}}"
        case "quantity":
            return f"expected any scalar, got &{{{_go(value)}}}" if isinstance(value, dict | list) else ""
        case _:
            return ""


def decode(kind: Type, value: Any, reading: Reading) -> Any:
    """The value as the server would print it after reading it.

    Raises:
        Unreadable: a wrong type, or text that is no base64 or quantity.
    """
    return _Decoder(reading).value(kind, value, "", kind.name if isinstance(kind, Fields) else "", ())


@dataclass(slots=True)
class _Decoder:
    """One reading. `owner` is the innermost named type, `path` the fields from the top: both are for messages only."""

    reading: Reading

    def value(self, kind: Type, value: Any, at: str, owner: str, path: tuple[str, ...]) -> Any:
        match kind:
            case Scalar(form):
                return _scalar(form, value, owner, path)
            case Fields():
                return self._map(kind, value, at, owner, path)
            case ListOf():
                if not isinstance(value, list):
                    raise _mistyped(value, owner, path, "[]" + _go_name(kind.items))
                return [self.value(kind.items, item, f"{at}[{index}]", owner, path) for index, item in enumerate(value)]
            case Untyped():
                return value

    def _map(self, kind: Fields, value: Any, at: str, owner: str, path: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _mistyped(value, owner, path, _go_name(kind))
        owner = kind.name or owner
        result: dict[str, Any] = {}
        for name, child in value.items():
            below = kind.of(name)
            if below is None:
                self.reading.unknown.append(f"{at}.{name}" if at else name)
            elif child is not None:
                is_free = name not in kind.known
                read = self.value(below, child, f"{at}.{name}" if at else name, owner, path if is_free else (*path, name))
                if read or is_free or name in kind.required or not is_left_out(kind, name, read):
                    result[name] = read
            elif name not in kind.known and below is STRING:
                result[name] = ""  # null in a map of strings
        fill(kind, result)
        return result


def is_left_out(kind: Fields, name: str, value: Any) -> bool:
    """Does the server leave out this empty field? Lists, maps with free keys, some scalars; an empty struct says something."""
    below = kind.of(name)
    is_bare = isinstance(below, ListOf) or (isinstance(below, Fields) and not below.known)
    return name in kind.zero or (is_bare and value in ([], {}))


def fill(kind: Fields, value: dict[str, Any]) -> None:
    """Add the structs that are always printed, and the defaults that stand in the schema."""
    for name in kind.always:
        if name not in value:
            value[name] = empty(kind.known[name])
    for name, default in kind.defaults.items():
        if default and name not in value:
            value[name] = default


def empty(kind: Type) -> dict[str, Any]:
    """An always printed struct with nothing in it."""
    value: dict[str, Any] = {}
    if isinstance(kind, Fields):
        fill(kind, value)
    return value


def blank(kind: Type) -> dict[str, Any]:
    """The document that stands for "not there yet" when an object is created: always printed structs, null for what is required."""
    if not isinstance(kind, Fields):
        return {}
    structs = {name: blank(kind.known[name]) for name in kind.always}
    return structs | {name: None for name in kind.required if name not in structs}


def _scalar(form: str, value: Any, owner: str, path: tuple[str, ...]) -> Any:
    match form:
        case "string" if isinstance(value, str):
            return value
        case "date-time" if isinstance(value, str):
            return _time(value)
        case "integer" if isinstance(value, int) and not isinstance(value, bool):
            return (value + 2**31) % 2**32 - 2**31  # as Go converts: what is too large wraps around
        case "int64" if isinstance(value, int) and not isinstance(value, bool):
            return value
        case "integer" | "int64" if isinstance(value, float):
            raise Unreadable(f"cannot convert float64 to {GO_TYPES[form]}")
        case "number" if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        case "boolean" if isinstance(value, bool):
            return value
        case "byte" if isinstance(value, str):
            return _base64(value)
        case "int-or-string" if isinstance(value, int | str) and not isinstance(value, bool):
            return value
        case "int-or-string":
            what = f"number {value}" if isinstance(value, float) else _json_type(value)
            raise Unreadable(f"json: cannot unmarshal {what} into Go value of type int32")
        case "quantity" if isinstance(value, int | float | str) and not isinstance(value, bool):
            return quantity(str(value))
        case _:
            raise _mistyped(value, owner, path, GO_TYPES.get(form, form))


def _time(text: str) -> str:
    if not TIME.match(text):
        raise Unreadable(f'parsing time "{text}" as "2006-01-02T15:04:05Z07:00": cannot parse "{text}" as "2006"')
    return text


def _base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        bad = re.search(r"[^A-Za-z0-9+/=]", text)
        at = bad.start() if bad else len(text.rstrip("="))
        raise Unreadable(f"illegal base64 data at input byte {at}") from None
    return text


def quantity(text: str) -> str:
    """The canonical form: `1000m` is `1`, `1024Ki` is `1Mi`, `0.5` is `500m`."""
    parts = QUANTITY.match(text)
    if not parts:
        expression = r"^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
        raise Unreadable(f"quantities must match the regular expression '{expression}'")
    suffix, value = parts[2], amount(text)
    if suffix in BINARY and value == value.to_integral_value():
        return _binary(int(value))
    return text if suffix[:1] in ("e", "E") and suffix != "E" else _decimal(value)


def amount(text: str) -> Decimal:
    """How much a quantity is."""
    parts = QUANTITY.match(str(text))
    if not parts:
        return Decimal(0)
    number, suffix = parts.groups()
    if suffix in BINARY:
        return Decimal(number) * BINARY[suffix]
    if suffix[:1] in ("e", "E") and suffix != "E":
        return Decimal(f"{number}{suffix}")
    return Decimal(number).scaleb(DECIMAL.get(suffix, 0))


def _binary(value: int) -> str:
    for suffix in reversed(BINARY):
        if value and value % BINARY[suffix] == 0:
            return f"{value // BINARY[suffix]}{suffix}"
    return str(value)


def _decimal(value: Decimal) -> str:
    for suffix, exponent in reversed(DECIMAL.items()):
        scaled = value.scaleb(-exponent)
        if value and scaled == scaled.to_integral_value():
            return f"{int(scaled)}{suffix}"
    return "0" if not value else f"{int(value.scaleb(9)) + 1}n"


GO_TYPES = {
    "integer": "int32",
    "int64": "int64",
    "boolean": "bool",
    "number": "float64",
    "byte": "[]uint8",
    "date-time": "string",
}


def _mistyped(value: Any, owner: str, path: tuple[str, ...], wanted: str) -> Unreadable:
    return Unreadable(
        f"json: cannot unmarshal {_json_type(value)} into Go struct field {owner}.{'.'.join(path)} of type {wanted}"
    )


def _json_type(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _go_name(kind: Type) -> str:
    match kind:
        case Scalar(form):
            return GO_TYPES.get(form, form)
        case Fields(name=name) if name:
            return f"v1.{name}"
        case Fields(others=Scalar() as values):
            return f"map[string]{_go_name(values)}"
        case ListOf(items):
            return "[]" + _go_name(items)
        case _:
            return "map[string]interface {}"


def _go_type(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case str():
            return "string"
        case list():
            return "[]interface {}"
        case dict():
            return "map[string]interface {}"
        case _:
            return "float64"


def _go(value: Any) -> str:
    """A value as Go's %v prints it."""
    match value:
        case bool():
            return json.dumps(value)
        case dict():
            return f"map[{' '.join(f'{key}:{_go(child)}' for key, child in sorted(value.items()))}]"
        case list():
            return f"[{' '.join(map(_go, value))}]"
        case None:
            return "<nil>"
        case _:
            return str(value)


def _go_syntax(value: Any) -> str:
    """A value as Go's %#v prints it."""
    match value:
        case str() | bool() | int() | float():
            return json.dumps(value)
        case dict():
            return (
                f"map[string]interface {{}}{{{', '.join(f'{json.dumps(k)}:{_go_syntax(v)}' for k, v in sorted(value.items()))}}}"
            )
        case list():
            return f"[]interface {{}}{{{', '.join(map(_go_syntax, value))}}}"
        case _:
            return "interface {}(nil)"
