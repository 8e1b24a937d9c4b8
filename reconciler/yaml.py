"""YAML as `kubectl` reads it: sigs.k8s.io/yaml, that is go-yaml v2's scalars, then JSON numbers.

PyYAML's own loaders differ from it on half of the scalars that differ anywhere, so its C parser is given other rules here. Two
deliberate differences: a duplicate key is an error, since kubectl lets the last one win in silence; and depth and expansion are
bounded, since a kilobyte of aliases can ask for gigabytes and nested brackets can end the process.
Compared with kubectl itself in tests/reconciler/test_yaml.py.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Hashable, Iterator
from typing import Any

import yaml

from reconciler.errors import InvalidManifest
from reconciler.model.objects import Document, RawDocument

LIMIT_BYTES = 5 * 1024 * 1024
"""No manifest that people wrote is larger; etcd takes 1.5 MiB an object."""

LIMIT_DEPTH = 100
"""The C parser is recursive, and dies past 20,000; nothing in Kubernetes is deeper than 40."""

LIMIT_NODES = 500_000
"""Nodes of one document after its aliases are expanded."""

_TRUE = ("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE")
_FALSE = ("n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE")
_BOOLEANS = dict.fromkeys(_TRUE, True) | dict.fromkeys(_FALSE, False)
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INTEGER = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_INT64 = range(-(1 << 63), 1 << 63)
_SEPARATOR = re.compile(rb"^---(?=[ \t\r\n]|\Z)[^\n]*\n?", re.MULTILINE)
_SCALAR = "tag:trueup.dev,2026:scalar"
_STANDARD = "tag:yaml.org,2002:"


def parse_documents(text: bytes, *, name: str, limit_bytes: int = LIMIT_BYTES) -> list[RawDocument]:
    """The documents of one file in order, Lists taken apart, empty documents left out.

    Raises:
        InvalidManifest: naming the file and the line.
    """
    if len(text) > limit_bytes:
        raise InvalidManifest(f"{name}: {len(text) >> 20} MiB are too much for one file; {limit_bytes >> 20} MiB are the limit")
    if text.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{":
        values = list(_json_stream(text, name))
    else:
        values = [found for line, part in _split(text) for found in _load(part, line, name)]
    return [raw for line, value in values for raw in _expand(value, name, line)]


def load_one(text: bytes, *, name: str) -> Any:
    """The value of a file that is one document; None when it is empty.

    Raises:
        InvalidManifest: naming the file and the line.
    """
    return next((value for line, part in _split(text) for _, value in _load(part, line, name)), None)


def resolve(text: str) -> Any:
    """What a plain scalar means.

    Raises:
        ValueError: for infinities and NaN, which JSON cannot say.
    """
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is no number that JSON knows; quote it")
    digits = text.replace("_", "")
    if _INTEGER.fullmatch(digits):
        integer = _integer(digits)
        if -(1 << 63) <= integer < (1 << 64):
            return _number(integer)
    if _FLOAT.fullmatch(digits):
        number = float(digits)
        return text if math.isinf(number) else _number(number)
    return text


def _integer(digits: str) -> int:
    sign, digits = (-1 if digits[0] == "-" else 1), digits.lstrip("+-")
    prefix = digits[:2].lower()
    if prefix in ("0x", "0b", "0o"):
        return sign * int(digits[2:], {"0x": 16, "0b": 2, "0o": 8}[prefix])
    return sign * int(digits, 8 if len(digits) > 1 and digits[0] == "0" else 10)


def _number(value: float) -> int | float:
    """What JSON, and then Kubernetes, make of a number: integral ones below 1e21 are integers, as far as int64 goes."""
    if isinstance(value, int) and value in _INT64:
        return value
    number = float(value)
    if number.is_integer() and abs(number) < 1e21 and int(number) in _INT64:
        return int(number)
    return number


def _split(text: bytes) -> Iterator[tuple[int, bytes]]:
    """The parts between `---` lines, each with the number of its first line, as kubectl splits before it parses."""
    text = text.removeprefix(b"\xef\xbb\xbf")
    start, line = 0, 1
    for match in _SEPARATOR.finditer(text):
        yield line, text[start : match.start()]
        line += text.count(b"\n", start, match.end())
        start = match.end()
    yield line, text[start:]


def _load(part: bytes, first_line: int, name: str) -> Iterator[tuple[int, Any]]:
    if not part.strip():
        return
    try:
        line = _check(part)
        if line is not None:
            yield first_line + line, yaml.load(part, Loader=KubeLoader)  # noqa: S506 - a subclass of the safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = first_line + (mark.line if mark else 0)
        raise InvalidManifest(f"{name}, line {where}: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidManifest(f"{name}, line {first_line}: {str(error).splitlines()[0]}") from error


def _check(part: bytes) -> int | None:
    """Walk the events, which need no recursion, and refuse bombs; returns the line of the first node, None when there is none."""
    depth, total = 0, 0
    first: int | None = None
    sizes: dict[str | None, int] = {}
    open_anchors: list[tuple[str | None, int]] = []
    for event in yaml.parse(part, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.NodeEvent):
            first = _line(event) if first is None else first
            total += sizes.get(event.anchor, 1) if isinstance(event, yaml.AliasEvent) else 1
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            open_anchors.append((event.anchor, total))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
            anchor, before = open_anchors.pop()
            sizes[anchor] = total - before + 1
        if depth > LIMIT_DEPTH:
            raise ValueError(f"nested deeper than {LIMIT_DEPTH} levels")
        if total > LIMIT_NODES:
            raise ValueError(f"more than {LIMIT_NODES} values after its aliases are expanded")
        if isinstance(event, yaml.AliasEvent) and any(anchor == event.anchor for anchor, _ in open_anchors):
            raise ValueError(f"alias *{event.anchor} contains itself")
    return first


def _line(event: yaml.Event) -> int:
    return event.start_mark.line if event.start_mark else 0


def _json_stream(text: bytes, name: str) -> Iterator[tuple[int, Any]]:
    """JSON documents one after another, as kubectl reads a file that begins with a brace."""
    try:
        content = text.decode("utf-8-sig")
        _check_json_depth(content)
        decoder, position = json.JSONDecoder(object_pairs_hook=_no_duplicates, parse_constant=_no_constant), 0
        while (position := _skip_space(content, position)) < len(content):
            value, end = decoder.raw_decode(content, position)
            yield content.count("\n", 0, position) + 1, value
            position = end
    except json.JSONDecodeError as error:
        raise InvalidManifest(f"{name}, line {error.lineno}: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidManifest(f"{name}: {error}") from error


def _check_json_depth(content: str) -> None:
    depth = 0
    for bracket in re.finditer(r"[\[{\]}]|\"(?:[^\"\\]|\\.)*\"", content):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(bracket[0], 0)
        if depth > LIMIT_DEPTH:
            raise ValueError(f"nested deeper than {LIMIT_DEPTH} levels")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key {next(key for key in keys if keys.count(key) > 1)!r} stands twice")
    return found


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no number that JSON knows")


def _skip_space(content: str, position: int) -> int:
    while position < len(content) and content[position] in " \t\r\n":
        position += 1
    return position


def _expand(value: Any, name: str, line: int) -> Iterator[RawDocument]:
    source = f"{name}, line {line}"
    if value is None:
        return
    if not isinstance(value, dict):
        raise InvalidManifest(f"{source}: a {type(value).__name__} and no object; begin with `apiVersion:` and `kind:`")
    items = value.get("items")
    if str(value.get("kind", "")).endswith("List") and isinstance(items, list) and "spec" not in value:
        for item in items:
            yield from _expand(item, name, line)
    else:
        document: Document = value
        yield RawDocument(document, source)


class KubeLoader(yaml.CSafeLoader):
    """The C loader under kubectl's rules; `_check` must have passed the text before."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - PyYAML's
        """A mapping with text keys, as JSON has them; merge keys first, no key twice."""
        written = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != f"{_STANDARD}merge"]
        for index, key in enumerate(written):
            if isinstance(key, str | int | float) and key in written[:index]:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", node.start_mark)
        self.flatten_mapping(node)
        return {
            _key(self.construct_object(key, deep=True), key): self.construct_object(value, deep=deep) for key, value in node.value
        }


def _key(key: Any, node: yaml.Node) -> str:
    match key:
        case bool():
            return "true" if key else "false"
        case int():
            return str(key)
        case float():
            return json.dumps(key)
        case str():
            return key
    raise yaml.constructor.ConstructorError(None, None, f"{key!r} cannot be a key; quote it", node.start_mark)


def _scalar(_: KubeLoader, node: yaml.ScalarNode) -> Any:
    try:
        return resolve(node.value)
    except ValueError as error:
        raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from error


def _text(_: KubeLoader, node: yaml.ScalarNode) -> Any:
    return node.value


def _binary(_: KubeLoader, node: yaml.ScalarNode) -> Any:
    try:
        return base64.b64decode(node.value).decode(errors="replace")
    except binascii.Error as error:
        raise yaml.constructor.ConstructorError(None, None, f"not base64: {error}", node.start_mark) from error


def _unknown(loader: Any, _: str, node: yaml.Node) -> Any:
    match node:
        case yaml.SequenceNode():
            return loader.construct_sequence(node, deep=True)
        case yaml.MappingNode():
            return loader.construct_mapping(node, deep=True)
    return node.value


KubeLoader.yaml_implicit_resolvers = {
    first: [(f"{_STANDARD}merge", re.compile(r"<<$"))] if first == "<" else [(_SCALAR, re.compile(""))]
    for first in ["", "~", "<", *"yYnNoOtTfF+-.0123456789"]
}
for _tag in ("int", "float", "bool", "null"):
    KubeLoader.add_constructor(f"{_STANDARD}{_tag}", _scalar)
for _tag in ("timestamp", "value"):
    KubeLoader.add_constructor(f"{_STANDARD}{_tag}", _text)
KubeLoader.add_constructor(_SCALAR, _scalar)
KubeLoader.add_constructor(f"{_STANDARD}binary", _binary)
for _tag in ("omap", "pairs", "set"):
    KubeLoader.add_constructor(f"{_STANDARD}{_tag}", lambda loader, node: _unknown(loader, "", node))
KubeLoader.add_multi_constructor("", _unknown)
