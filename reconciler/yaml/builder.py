"""Makes the value of one YAML document out of the parser's events, counting what it would be without aliases.

Without recursion: PyYAML's C composer dies of 60 kB of nested brackets, and takes the process with it. Depth, values and text are
bounded, since half a kilobyte of aliases can ask for gigabytes. Merge keys take effect where they stand, as go-yaml v2 has it: `<<`
wins over what came before it.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

from reconciler.yaml.scalars import resolve, resolve_key

LIMIT_DEPTH = 100
"""Nothing in Kubernetes is deeper than 40, and JSON parsers end between 250 and 1,000."""

LIMIT_NODES = 500_000
"""Values of one document after its aliases are expanded; go-yaml allows 400,000 where most of them are aliases."""

LIMIT_EXPANDED_BYTES = 20 * 1024 * 1024
"""Text of one document after its aliases are expanded, since it is written out as JSON; four times the largest file."""

_STANDARD = "tag:yaml.org,2002:"
_TYPES: dict[str, type | tuple[type, ...]] = {"int": int, "float": (int, float), "bool": bool, "null": type(None)}
_MERGE = object()
"""Stands for the key `<<`."""


@dataclass(frozen=True, slots=True)
class Built:
    """The value of one document; lines are counted from 0."""

    value: Any
    line: int = 0
    items: tuple[int, ...] = ()
    """Lines of the collections that are entries of its top-level `items`."""


def build(text: str) -> Built | None:
    """The value of a text that holds one document; None when it holds none.

    Raises:
        yaml.YAMLError: at the first event that cannot be taken.
    """
    builder = _Builder()
    parser = yaml.CSafeLoader(text)
    try:
        while (event := parser.get_event()) is not None:
            builder.take(event)
            if type(event) is yaml.StreamEndEvent:
                break
    finally:
        parser.dispose()
    return Built(builder.root, builder.line, tuple(builder.items)) if builder.root is not None else None


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet."""

    value: dict[str, Any] | list[Any]
    anchor: str | None
    nodes: int
    """How many values were counted before it."""
    size: int
    """How much text was counted before it."""
    written: set[str] = field(default_factory=set)
    """The keys that stand in a mapping, without those that were merged into it."""
    key: Any = None
    """The key whose value comes next; None: a key comes next, or it is a list."""


class _Builder:
    def __init__(self) -> None:
        self.root: Any = None
        self.line = 0
        self.items: list[int] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int, int]] = {}
        self._nodes = self._size = 0
        self._is_begun = False
        self._takes: dict[type[yaml.Event], Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._start,
            yaml.SequenceStartEvent: self._start,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._begin,
        }

    def take(self, event: yaml.Event) -> None:
        take = self._takes.get(type(event))
        if take is not None:
            take(event)

    def _begin(self, event: yaml.DocumentStartEvent) -> None:
        if self._is_begun:
            raise _mistake(event, "a second document in the same text; separate documents by a line that is `---` alone")
        self._is_begun = True

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        is_key = self._open and self._open[-1].key is None and type(self._open[-1].value) is dict
        self._count(event, 1, len(event.value))
        try:
            value = _key(event) if is_key else _scalar(event)
        except ValueError as error:
            raise _mistake(event, str(error)) from error
        if event.anchor:
            self._anchors[event.anchor] = (value, 1, len(event.value))
        self._add(event, value)

    def _start(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        if len(self._open) >= LIMIT_DEPTH:
            raise _mistake(event, f"nested deeper than {LIMIT_DEPTH} levels")
        if not self._open:
            self.line = _line(event)
        elif len(self._open) == 2 and self._open[0].key == "items":
            self.items.append(_line(event))
        if event.tag:
            _refuse_python(event, event.tag)
        opened = _Open({} if type(event) is yaml.MappingStartEvent else [], event.anchor, self._nodes, self._size)
        self._count(event, 1, 0)
        self._open.append(opened)

    def _end(self, event: yaml.Event) -> None:
        done = self._open.pop()
        if done.anchor:
            self._anchors[done.anchor] = (done.value, self._nodes - done.nodes, self._size - done.size)
        self._add(event, done.value)

    def _alias(self, event: yaml.AliasEvent) -> None:
        if any(event.anchor == collection.anchor for collection in self._open):
            raise _mistake(event, f"alias *{event.anchor} contains itself")
        if event.anchor not in self._anchors:
            raise _mistake(event, f"alias *{event.anchor} has no anchor before it in this document")
        value, nodes, size = self._anchors[event.anchor]
        self._count(event, nodes, size)
        self._add(event, value)

    def _count(self, event: yaml.Event, nodes: int, size: int) -> None:
        self._nodes += nodes
        self._size += size
        if self._nodes > LIMIT_NODES:
            raise _mistake(event, f"more than {LIMIT_NODES} values, with aliases expanded; split the document")
        if self._size > LIMIT_EXPANDED_BYTES:
            raise _mistake(event, f"more than {LIMIT_EXPANDED_BYTES >> 20} MiB, with aliases expanded; split the document")

    def _add(self, event: yaml.Event, value: Any) -> None:
        """Put a complete value where it belongs: into its list, beside its key, or as the key of what comes next."""
        if not self._open:
            self.root = value
            return
        top = self._open[-1]
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.key is None:
            self._add_key(event, top, value)
        elif top.key is _MERGE:
            _merge(event, top.value, value)
            top.key = None
        else:
            top.value[top.key] = value
            top.key = None

    def _add_key(self, event: yaml.Event, top: _Open, key: Any) -> None:
        if isinstance(key, str):
            if key in top.written:
                raise _mistake(event, f"key {key!r} stands twice in one mapping; leave one out")
            top.written.add(key)
        elif key is not _MERGE:
            raise _mistake(event, "a mapping, a list or an alias that is no text cannot be a key; quote it")
        top.key = key


def _merge(event: yaml.Event, target: dict[str, Any], value: Any) -> None:
    sources = value if isinstance(value, list) else [value]
    for source in reversed(sources):
        if not isinstance(source, dict):
            raise _mistake(event, "`<<` needs a mapping or a list of mappings")
        target.update(source)


def _key(event: yaml.ScalarEvent) -> Any:
    if event.tag or not event.implicit[0] or event.style:
        return event.value
    return _MERGE if event.value == "<<" else resolve_key(event.value)


def _scalar(event: yaml.ScalarEvent) -> Any:
    """A scalar's value; unknown tags are ignored, as kubectl does.

    Raises:
        ValueError: when it has none.
    """
    if event.tag:
        return _tagged(event, event.tag)
    return resolve(event.value) if event.implicit[0] and not event.style else event.value


def _tagged(event: yaml.ScalarEvent, tag: str) -> Any:
    _refuse_python(event, tag)
    kind = tag.removeprefix(_STANDARD)
    if kind == "binary":
        try:
            return base64.b64decode(event.value.replace("\n", ""), validate=True).decode(errors="replace")
        except binascii.Error as error:
            raise ValueError(f"tagged !!binary, and not base64: {error}") from error
    if kind not in _TYPES:
        return event.value
    value = resolve(event.value)
    if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "bool"):
        raise ValueError(f"{event.value!r} is tagged !!{kind}, and is none")
    return value


def _refuse_python(event: yaml.Event, tag: str) -> None:
    """Such a tag does nothing here; but nobody writes it with good intent."""
    if tag.startswith(f"{_STANDARD}python/"):
        raise _mistake(event, f"refused the tag !!{tag.removeprefix(_STANDARD)}")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line if event.start_mark else 0


def _mistake(event: yaml.Event, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)  # type: ignore[arg-type]  # the C parser's mark
