"""The documents of a file, as kubectl finds them: split at `---` before anything is parsed, JSON streams, Lists taken apart.

Where kubectl loses something in silence, this is an error instead: a duplicate key (the last wins there), a second document after
`...` (ignored there), half a surrogate pair or a byte that is not UTF-8 (replaced there). How kubectl reads:
https://github.com/kubernetes/apimachinery, `pkg/util/yaml/decoder.go`. What is still not equal: `! 12`,
which is a text there, and `[a?b]`, which is refused there.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import orjson
import yaml

from reconciler.errors import InvalidManifest, mend_of
from reconciler.model.objects import RawDocument
from reconciler.yaml.builder import build
from reconciler.yaml.scalars import parse_json_number

LIMIT_BYTES = 5 * 1024 * 1024
"""No manifest that people wrote is larger; etcd takes 1.5 MiB an object."""

_SEPARATOR = re.compile(r"^---([^\n]*)(?:\n|\Z)", re.MULTILINE)
_SPACE = re.compile(r"\s*")

_MENDS = (
    ("cannot start any token", "indent with spaces, not tabs, and quote a text that begins with @, ` or %"),
    ("mapping values are not allowed", "mind the indentation, and quote a text with a colon in it"),
    ("did not find expected key", "mind the indentation of this line and of the one before"),
    ("did not find expected '-' indicator", "mind the indentation of this line and of the one before"),
    ("could not find expected ':'", "is the colon missing, or a quote not closed?"),
    ("unexpected end of stream", "is a quote or bracket not closed?"),
    ("did not find expected ',' or", "is a bracket not closed, or a comma missing?"),
    ("did not find expected node content", "is a value missing, or a bracket not closed?"),
    ("did not find expected <document start>", "separate documents by a line that is `---` alone, and leave out directives"),
)

_CONFLICT = re.compile(r"^<{7} ", re.MULTILINE)
"""What git leaves in a file where two sides changed the same lines."""

TEMPLATE = "a template stands here, and only those in the directory templates of a chart are rendered; is Chart.yaml missing? quote a mere text"


@dataclass(frozen=True, slots=True)
class _Found:
    """One document of a file, not yet known to be an object."""

    value: Any
    line: int
    items: tuple[int, ...] = ()
    """The lines of the entries of its top-level `items`, where they are known."""


def parse_documents(text: bytes, *, name: str, limit_bytes: int = LIMIT_BYTES) -> list[RawDocument]:
    """The documents of one file in order, Lists taken apart, empty documents left out.

    Raises:
        InvalidManifest: naming the file and the line.
    """
    return [raw for found in _documents(text, name, limit_bytes) for raw in _expand(found, name)]


def load_one(text: bytes, *, name: str, limit_bytes: int = LIMIT_BYTES) -> Any:
    """The value of a file that is one document; None when it is empty.

    Raises:
        InvalidManifest: naming the file and the line, also when there are several documents.
    """
    first, *others = list(_documents(text, name, limit_bytes)) or [_Found(None, 1)]
    if others:
        raise InvalidManifest(f"{name}, line {others[0].line}: a second document, where only one is read; leave it out")
    return first.value


def split(text: str, *, name: str) -> Iterator[tuple[int, str]]:
    """The parts between `---` lines, each with the number of its first line.

    Raises:
        InvalidManifest: when something else stands on such a line; kubectl refuses that too.
    """
    start, line = 0, 1
    for match in _SEPARATOR.finditer(text):
        yield line, text[start : match.start()]
        line += text.count("\n", start, match.end())
        start = match.end()
        rest = match[1].strip()
        if rest and not rest.startswith("#"):
            where = line - match[0].count("\n")
            raise InvalidManifest(f"{name}, line {where}: only a comment may follow `---`; begin the document on the next line")
    yield line, text[start:]


def _documents(content: bytes, name: str, limit_bytes: int) -> Iterator[_Found]:
    if len(content) > limit_bytes:
        size = f"{len(content) / (1 << 20):.1f} MiB"
        raise InvalidManifest(f"{name}: {size} are too much for one file, {limit_bytes >> 20} MiB are the limit; split it")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidManifest(f"{name}, line {line}: a byte that is not UTF-8; save the file as UTF-8") from error
    for first, part in split(text, name=name):
        if part and not part.isspace():
            yield from _json(part, first, name) or _yaml(part, first, name)


def _yaml(part: str, first_line: int, name: str) -> Iterator[_Found]:
    try:
        built = build(part)
    except yaml.MarkedYAMLError as error:
        _refuse(error, part, first_line, name)
    except yaml.YAMLError as error:
        raise InvalidManifest(f"{name}, line {first_line}: {str(error).splitlines()[0]}") from error
    if built is not None:
        yield _Found(built.value, first_line + built.line, tuple(first_line + line for line in built.items))


def _refuse(error: yaml.MarkedYAMLError, part: str, first_line: int, name: str) -> NoReturn:
    if conflict := _CONFLICT.search(part):
        line = first_line + part.count("\n", 0, conflict.start())
        raise InvalidManifest(
            f"{name}, line {line}: a conflict of git was left in the file; settle it, and take its marks out"
        ) from error
    mark = error.problem_mark or error.context_mark
    at = mark.line if mark else 0
    problem = str(error.problem or error.context)
    if "{{" in "".join(part.splitlines()[at : at + 1]):
        problem = TEMPLATE
    raise InvalidManifest(f"{name}, line {first_line + at}: {problem}{mend_of(problem, _MENDS)}") from error


def _json(part: str, first_line: int, name: str) -> list[_Found]:
    """JSON documents one after another; none when the part does not begin with a brace, or is YAML's flow style after all."""
    position = _after_space(part, 0)
    if not part.startswith("{", position):
        return []
    found: list[_Found] = []
    try:
        while position < len(part):
            line = first_line + part.count("\n", 0, position)
            value, end = _DECODER.raw_decode(part, position)
            orjson.dumps(value)  # refuses what could not be written again: too deep, half a surrogate pair
            found.append(_Found(value, line))
            position = _after_space(part, end)
    except json.JSONDecodeError:
        return []
    except RecursionError as error:
        raise InvalidManifest(f"{name}, line {line}: nested deeper than JSON is read") from error
    except (_Refused, orjson.JSONEncodeError) as error:
        raise InvalidManifest(f"{name}, line {line}: JSON: {error}") from error
    return found


class _Refused(Exception):
    """JSON that can be parsed, and is not taken."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Refused(f"key {key!r} stands twice in one object; leave one out")
        found[key] = value
    return found


def _number(digits: str) -> int | float:
    try:
        return parse_json_number(digits)
    except ValueError as error:
        raise _Refused(str(error)) from error


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_number, parse_int=_number, parse_constant=_number)


def _after_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _expand(found: _Found, name: str) -> Iterator[RawDocument]:
    value, source = found.value, f"{name}, line {found.line}"
    if not isinstance(value, dict):
        raise InvalidManifest(f"{source}: {_a(value)} and no object; begin with `apiVersion:` and `kind:`")
    kind = str(value.get("kind", ""))
    if not kind.endswith("List") or "items" not in value:
        yield RawDocument(value, source)
        return
    items = value["items"] or []
    if not isinstance(items, list):
        raise InvalidManifest(f"{source}: items of a {kind} must be a list, and is {_a(items)}")
    lines = found.items if len(found.items) == len(items) else (found.line,) * len(items)
    for item, line in zip(items, lines, strict=True):
        yield from _expand(_Found(_typed(item, value), line), name)


def _a(value: object) -> str:
    names = {list: "a list", dict: "a mapping", str: "a text", bool: "a boolean", type(None): "nothing"}
    return names.get(type(value), "a number")


def _typed(item: Any, parent: dict[str, Any]) -> Any:
    """An entry of a `ConfigMapList` need not say that it is a ConfigMap."""
    kind = str(parent["kind"]).removesuffix("List")
    if kind and isinstance(item, dict) and not item.get("kind") and not item.get("apiVersion"):
        return {"apiVersion": parent.get("apiVersion"), "kind": kind, **item}
    return item
