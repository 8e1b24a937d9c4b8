"""YAML as `kubectl` reads it: sigs.k8s.io/yaml, that is go-yaml v2's scalars and merge keys, then JSON numbers.

PyYAML's own loaders differ from it on half of the scalars that differ anywhere, so only its C parser is used: it tells of one event
after another, and values are made here, without recursion, since nested brackets end a process that composes them.

Where kubectl loses something in silence, this is an error instead: a duplicate key (the last wins there), a second document after
`...` (ignored), half a surrogate pair or a byte that is no UTF-8 (replaced). Depth and the size after aliases are bounded.
Compared with kubectl itself in tests/reconciler/test_yaml_kubectl.py. What is not equal: `! 12`, which is a text there.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson
import yaml

from reconciler.errors import InvalidManifest
from reconciler.model.objects import RawDocument

LIMIT_BYTES = 5 * 1024 * 1024
"""No manifest that people wrote is larger; etcd takes 1.5 MiB an object."""

LIMIT_DEPTH = 100
"""Nothing in Kubernetes is deeper than 40, and JSON parsers end between 250 and 1,000."""

LIMIT_NODES = 500_000
"""Values of one document after its aliases are expanded; go-yaml allows 400,000 where most of them are aliases."""

LIMIT_EXPANDED_BYTES = 4 * LIMIT_BYTES
"""Text of one document after its aliases are expanded: it is written out as JSON."""

Path: TypeAlias = Sequence[str | int]
"""Map keys and list indexes from the top of a document."""

_TRUE = ("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE")
_FALSE = ("n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE")
_WORDS: dict[str, bool | None] = (
    dict.fromkeys(_TRUE, True) | dict.fromkeys(_FALSE, False) | dict.fromkeys(("", "~", "null", "Null", "NULL"))
)
_NUMERIC = frozenset("+-.0123456789")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INTEGER = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_INT64 = range(-(1 << 63), 1 << 63)
_SEPARATOR = re.compile(r"^---([^\n]*)(?:\n|\Z)", re.MULTILINE)
_STANDARD = "tag:yaml.org,2002:"
_TYPES: dict[str, type | tuple[type, ...]] = {"int": int, "float": (int, float), "bool": bool, "null": type(None)}

_MENDS = {
    "cannot start any token": "indent with spaces, not tabs, and quote a text that begins with @, ` or %",
    "mapping values are not allowed": "mind the indentation, and quote a text with a colon in it",
    "did not find expected key": "mind the indentation of this line and of the one before",
    "did not find expected '-' indicator": "mind the indentation of this line and of the one before",
    "could not find expected ':'": "is the colon missing, or a quote not closed?",
    "did not find expected <document start>": "a directive or a second document is not read here; separate documents by `---` alone",
}


@dataclass(frozen=True, slots=True)
class _Found:
    """One document of a file, not yet known to be an object."""

    value: Any
    line: int
    items: tuple[int, ...] = ()
    """The lines of the entries of its top-level `items`, as far as they are known."""


def parse_documents(text: bytes, *, name: str, limit_bytes: int = LIMIT_BYTES) -> list[RawDocument]:
    """The documents of one file in order, Lists taken apart, empty documents left out.

    Raises:
        InvalidManifest: naming the file and the line.
    """
    return [raw for found in _documents(text, name, limit_bytes) for raw in _expand(found, name)]


def load_one(text: bytes, *, name: str) -> Any:
    """The value of a file that is one document; None when it is empty.

    Raises:
        InvalidManifest: naming the file and the line, also when there are several documents.
    """
    first, *others = list(_documents(text, name, LIMIT_BYTES)) or [_Found(None, 1)]
    if others:
        raise InvalidManifest(f"{name}, line {others[0].line}: a second document, where only one is read; leave it out")
    return first.value


def locate(text: bytes, path: Path, *, line: int) -> int:
    """The line of the deepest part of a path that is written in the object which begins at a line.

    The text must have been read by `parse_documents` before: this composes it, which hostile text can turn against the process.
    """
    offset = 0
    for first, part in _split(text.decode("utf-8-sig"), ""):
        if first <= line:
            offset, content = first, part
    node = _node_at(yaml.compose(content, Loader=yaml.CSafeLoader), line - offset) if offset else None
    for step in path:
        found = _child(node, step)
        if found is None:
            break
        line, node = offset + found[0], found[1]
    return line


def resolve(text: str) -> str | float | bool | None:
    """What a plain scalar means.

    Raises:
        ValueError: for infinities and NaN, which JSON cannot say.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC:
        return text
    number = _go_number(text)
    return text if number is None else _json_number(number)


def _go_number(text: str) -> float | None:
    """What go-yaml takes a text for: an int of 64 bits, signed or not, or a float."""
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is no number that JSON knows; quote it")
    digits = text.replace("_", "")
    if _INTEGER.fullmatch(digits):
        integer = _integer(digits)
        if -(1 << 63) <= integer < (1 << 64):
            return integer
    number = float(digits) if _FLOAT.fullmatch(digits) else math.inf
    return None if math.isinf(number) else number


def _integer(digits: str) -> int:
    if len(digits) > 70:  # more than any base needs for 64 bits; and Python refuses very long ones
        return 1 << 64
    sign, digits = (-1 if digits[0] == "-" else 1), digits.lstrip("+-")
    prefix = digits[:2].lower()
    if prefix in ("0x", "0b", "0o"):
        return sign * int(digits[2:], {"0x": 16, "0b": 2, "0o": 8}[prefix])
    return sign * int(digits, 8 if len(digits) > 1 and digits[0] == "0" else 10)


def _json_number(value: float) -> int | float:
    """What JSON, and then Kubernetes, make of a number: integral ones below 1e21 are integers, as far as int64 goes."""
    if isinstance(value, int) and value in _INT64:
        return value
    number = float(value)
    if number.is_integer() and abs(number) < 1e21 and int(number) in _INT64:
        return int(number)
    return number


def _documents(content: bytes, name: str, limit_bytes: int) -> Iterator[_Found]:
    if len(content) > limit_bytes:
        raise InvalidManifest(
            f"{name}: {len(content) / (1 << 20):.1f} MiB are too much for one file; {limit_bytes >> 20} MiB are the limit: split it"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidManifest(f"{name}, line {line}: a byte that is not UTF-8; save the file as UTF-8") from error
    for first, part in _split(text, name):
        yield from _json(part, first, name) or _yaml(part, first, name)


def _split(text: str, name: str) -> Iterator[tuple[int, str]]:
    """The parts between `---` lines, each with the number of its first line, as kubectl splits before it parses."""
    start, line = 0, 1
    for match in _SEPARATOR.finditer(text):
        yield line, text[start : match.start()]
        line += text.count("\n", start, match.end())
        start = match.end()
        if match[1].strip() and not match[1].lstrip().startswith("#"):
            raise InvalidManifest(
                f"{name}, line {line - 1}: only a comment may follow `---`; begin the document on the next line"
            )
    yield line, text[start:]


def _yaml(part: str, first_line: int, name: str) -> Iterator[_Found]:
    builder = _Builder()
    try:
        builder.read(yaml.parse(part, Loader=yaml.CSafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = str(error.problem or error.context)
        mend = next((f"; {mend}" for said, mend in _MENDS.items() if said in problem), "")
        raise InvalidManifest(f"{name}, line {first_line + (mark.line if mark else 0)}: {problem}{mend}") from error
    except yaml.YAMLError as error:
        raise InvalidManifest(f"{name}, line {first_line}: {str(error).splitlines()[0]}") from error
    if builder.root is not None:
        yield _Found(builder.root, first_line + builder.line, tuple(first_line + line for line in builder.items))


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet."""

    value: dict[str, Any] | list[Any]
    anchor: str | None
    nodes: int
    size: int
    """What was counted before it."""
    written: set[str]
    """The keys that stand in a mapping, without those that were merged into it."""
    key: str | None = None
    """The key whose value comes next."""
    is_merge: bool = False


_MERGE = object()


class _Builder:
    """Makes the value of one document out of the parser's events, counting what it would be without aliases."""

    def __init__(self) -> None:
        self.root: Any = None
        self.line = 0
        self.items: list[int] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int, int]] = {}
        self._nodes = self._size = 0
        self._is_begun = False

    def read(self, events: Iterable[yaml.Event]) -> None:
        """Take all events of a text.

        Raises:
            yaml.MarkedYAMLError: at the first that cannot be taken.
        """
        for event in events:
            match event:
                case yaml.ScalarEvent():
                    self._scalar(event)
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    self._start(event)
                case yaml.CollectionEndEvent():
                    self._end(event)
                case yaml.AliasEvent():
                    self._alias(event)
                case yaml.DocumentStartEvent() if self._is_begun:
                    raise _mistake(event, "a second document after `...`; separate documents by `---`")
                case yaml.DocumentStartEvent():
                    self._is_begun = True

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        top = self._open[-1] if self._open else None
        self._count(event, 1, len(event.value))
        if top is not None and top.key is None and not top.is_merge and isinstance(top.value, dict):
            value: Any = _key(event)
        else:
            value = _scalar(event)
        if event.anchor:
            self._anchors[event.anchor] = (value, 1, len(event.value))
        self._add(event, value)

    def _start(self, event: yaml.CollectionStartEvent) -> None:
        _refuse_python(event)
        if len(self._open) >= LIMIT_DEPTH:
            raise _mistake(event, f"nested deeper than {LIMIT_DEPTH} levels")
        value: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        if len(self._open) == 2 and self._open[0].key == "items":
            self.items.append(event.start_mark.line)
        before = (self._nodes, self._size)
        self._count(event, 1, 0)
        if not self._open:
            self.line = event.start_mark.line
        self._open.append(_Open(value, event.anchor, *before, set()))

    def _end(self, event: yaml.Event) -> None:
        done = self._open.pop()
        if done.anchor:
            self._anchors[done.anchor] = (done.value, self._nodes - done.nodes, self._size - done.size)
        self._add(event, done.value)

    def _alias(self, event: yaml.AliasEvent) -> None:
        if event.anchor in (collection.anchor for collection in self._open):
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
            raise _mistake(event, f"more than {LIMIT_NODES} values, with its aliases expanded; split the document")
        if self._size > LIMIT_EXPANDED_BYTES:
            raise _mistake(event, f"more than {LIMIT_EXPANDED_BYTES >> 20} MiB, with its aliases expanded; write less of them")

    def _add(self, event: yaml.Event, value: Any) -> None:
        """Put a complete value where it belongs: into the list, beside its key, or as a key."""
        if not self._open:
            self.root = value
            self.line = self.line or event.start_mark.line
            return
        top = self._open[-1]
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.is_merge:
            _merge(event, top.value, value)
            top.is_merge = False
        elif top.key is not None:
            top.value[top.key] = value
            top.key = None
        elif value is _MERGE:
            top.is_merge = True
        else:
            self._add_key(event, top, value)

    def _add_key(self, event: yaml.Event, top: _Open, key: Any) -> None:
        if not isinstance(key, str):
            raise _mistake(event, "a key must be text; quote it")
        if key in top.written:
            raise _mistake(event, f"key {key!r} stands twice in one mapping; leave one out")
        top.written.add(key)
        top.key = key


def _merge(event: yaml.Event, target: dict[str, Any], value: Any) -> None:
    """`<<` takes effect where it stands: what comes after it wins over it, and it wins over what came before."""
    sources = value if isinstance(value, list) else [value]
    if not all(isinstance(source, dict) for source in sources):
        raise _mistake(event, "`<<` needs a mapping, or a list of mappings")
    for source in reversed(sources):
        target.update(source)


def _key(event: yaml.ScalarEvent) -> Any:
    """A key as JSON has it: booleans and numbers become their text."""
    _refuse_python(event)
    if not event.implicit[0] or event.tag:
        return event.value
    if event.value == "<<":
        return _MERGE
    value = resolve(event.value) if event.value in _WORDS else _number_or_text(event)
    match value:
        case bool():
            return "true" if value else "false"
        case int() if value in _INT64:
            return str(value)
        case float() if float(text := f"{value:g}") == value:
            return text  # Go prints the shortest text of 32 bits, which is the same up to six digits
        case str():
            return value
    raise _mistake(event, f"{event.value or 'null'} cannot be a key; quote it")


def _number_or_text(event: yaml.ScalarEvent) -> str | float:
    try:
        number = _go_number(event.value)
    except ValueError as error:
        raise _mistake(event, str(error)) from error
    return event.value if number is None else number


def _scalar(event: yaml.ScalarEvent) -> Any:
    if not event.tag:
        if not event.implicit[0] or event.style:
            return event.value
        kind = ""
    else:
        kind = event.tag.removeprefix(_STANDARD)
    if kind == "binary":
        return _binary(event)
    if kind and kind not in _TYPES:
        _refuse_python(event)
        return event.value
    try:
        value = resolve(event.value)
    except ValueError as error:
        raise _mistake(event, str(error)) from error
    if kind and not isinstance(value, _TYPES[kind]):
        raise _mistake(event, f"{event.value!r} is no {kind}")
    return value


def _binary(event: yaml.ScalarEvent) -> str:
    try:
        return base64.b64decode(event.value).decode(errors="replace")
    except binascii.Error as error:
        raise _mistake(event, f"!!binary, but not base64: {error}") from error


def _refuse_python(event: yaml.NodeEvent) -> None:
    tag: str | None = getattr(event, "tag", None)
    if tag and tag.startswith(f"{_STANDARD}python/"):
        raise _mistake(event, f"refused the tag {tag.removeprefix(_STANDARD)!r}")


def _mistake(event: yaml.Event, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)


def _json(part: str, first_line: int, name: str) -> list[_Found]:
    """JSON documents one after another, as kubectl reads a part that begins with a brace; none when it is YAML's flow style."""
    if not part.lstrip().startswith("{"):
        return []
    decoder = json.JSONDecoder(
        object_pairs_hook=_unique, parse_float=_json_float, parse_int=lambda digits: _json_number(_integer(digits))
    )
    found: list[_Found] = []
    position = _next(part, 0)
    try:
        while position < len(part):
            line = first_line + part.count("\n", 0, position)
            value, end = decoder.raw_decode(part, position)
            orjson.dumps(value)  # what cannot be written again is refused here: too deep, half a surrogate pair
            found.append(_Found(value, line))
            position = _next(part, end)
    except json.JSONDecodeError:
        return []
    except (_NotAllowed, RecursionError, orjson.JSONEncodeError) as error:
        raise InvalidManifest(f"{name}, line {line}: {error}") from error
    return found


class _NotAllowed(Exception):
    """JSON that can be parsed, and is refused."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        raise _NotAllowed(f"key {next(key for key in keys if keys.count(key) > 1)!r} stands twice in one object; leave one out")
    return found


def _json_float(digits: str) -> int | float:
    number = float(digits)
    if not math.isfinite(number):
        raise _NotAllowed(f"{digits} is too large for a number; quote it")
    return _json_number(number)


def _next(text: str, position: int) -> int:
    match = re.compile(r"\s*").match(text, position)
    return match.end() if match else position


def _expand(found: _Found, name: str) -> Iterator[RawDocument]:
    source = f"{name}, line {found.line}"
    value = found.value
    if value is None:
        return
    if not isinstance(value, dict):
        raise InvalidManifest(f"{source}: a {type(value).__name__} and no object; begin with `apiVersion:` and `kind:`")
    kind = str(value.get("kind", ""))
    if not kind.endswith("List") or "items" not in value:
        yield RawDocument(value, source)
        return
    items = value["items"] or []
    if not isinstance(items, list):
        raise InvalidManifest(f"{source}: items of a {kind} must be a list")
    lines = found.items if len(found.items) == len(items) else (found.line,) * len(items)
    for item, line in zip(items, lines, strict=True):
        yield from _expand(_Found(_typed(item, value), line), name)


def _typed(item: Any, parent: dict[str, Any]) -> Any:
    """An entry of a `ConfigMapList` need not say that it is a ConfigMap."""
    kind = str(parent["kind"]).removesuffix("List")
    if kind and isinstance(item, dict) and not item.get("kind") and not item.get("apiVersion"):
        return {"apiVersion": parent.get("apiVersion"), "kind": kind, **item}
    return item


def _node_at(node: yaml.Node | None, line: int) -> yaml.Node | None:
    """The object that begins at a line: the document, or an entry of its `items`."""
    items = _child(node, "items")
    entries = items[1].value if items and isinstance(items[1], yaml.SequenceNode) else []
    return next((entry for entry in entries if entry.start_mark.line == line), node)


def _child(node: yaml.Node | None, step: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((key.start_mark.line, value) for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark.line, node.value[step]
    return None
