"""Patterns of fields as people write them: `spec.replicas`, `/spec/ports/0`, `spec.containers[name=web].image`.

    spec.replicas                          names, separated by dots
    metadata.annotations[example.com/x]    a name with dots or slashes stands in brackets, quoted or not
    spec.containers[name=web].image        the items of a list that have these values
    spec.containers[*].image               every item
    spec.ports[0]                          an item by its place in Git
    /spec/ports/0                          the same as a JSON pointer (RFC 6901)

A pattern means the field that it names and everything below.
"""

import re
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import orjson

_DOTTED = re.compile(r"(?:^|\.)([^.\[\]]+)|\[([^\[\]]+)\]")


@dataclass(frozen=True, slots=True)
class Items:
    """Items of a list: those that have these values, all of them where there is none."""

    values: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """As it is written."""
        return "[" + (",".join(f"{name}={value}" for name, value in self.values) or "*") + "]"


Part: TypeAlias = str | Items
"""A name, or the place of an item in decimal digits, or the items that are meant."""


@dataclass(frozen=True, slots=True)
class FieldPattern:
    """What a written path means."""

    parts: tuple[Part, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a path.

        Raises:
            ValueError: when it has none of the shapes above.
        """
        if text.startswith("/") and all(names := text[1:].split("/")):
            return cls(tuple(name.replace("~1", "/").replace("~0", "~") for name in names))
        parts: list[Part] = []
        end = 0
        for match in _DOTTED.finditer(text):
            if match.start() != end:
                break
            end = match.end()
            parts.append(match[1] if match[1] is not None else _bracketed(match[2]))
        if not parts or end != len(text) or text.startswith("/"):
            raise ValueError(f"{text!r} is no path of a field; write e.g. spec.replicas or spec.containers[name=web].image")
        return cls(tuple(Items() if part == "*" else part for part in parts))


def fits(part: Part, name: str | int, value: Any) -> bool:
    """Whether a part of a pattern means the field or item of this name or place, which has this value."""
    match part:
        case Items(values=()):
            return True
        case Items(values=values):
            return isinstance(value, dict) and all(_text(value.get(key)) == wanted for key, wanted in values)
        case _:
            return part == str(name)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _bracketed(text: str) -> Part:
    bare = text.strip()
    if bare[0] in "\"'" and bare[0] == bare[-1] and len(bare) > 1:
        return bare[1:-1]
    if "=" not in bare:
        return bare
    pairs = [pair.partition("=") for pair in bare.split(",")]
    return Items(tuple((name.strip(), value.strip().strip("\"'")) for name, _, value in pairs))
