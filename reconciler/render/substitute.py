"""`${NAME}` in what was rendered: the forms of a shell that Flux documents. Pure.

https://fluxcd.io/flux/components/kustomize/kustomizations/#post-build-variable-substitution, and `github.com/fluxcd/pkg/envsubst` for the
functions. As there, an object is written as YAML, the text is replaced, and the YAML is read again: `replicas: ${COUNT}` becomes a number.
A variable that is missing, without a default, is a mistake here always.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from reconciler.errors import InvalidManifest
from reconciler.model.objects import Document, RawDocument
from reconciler.plan.marks import SUBSTITUTE
from reconciler.yaml.documents import load_one
from reconciler.yaml.write import dump

OPT_OUT = (SUBSTITUTE, "kustomize.toolkit.fluxcd.io/substitute")
"""Annotations or labels that say `disabled`."""

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MOST_DEPTH = 10
LONGEST_CUT = 1000
"""Patterns take time that grows with a power of this."""
_MOST_TEXT = 20 * 1024 * 1024


class _Mistake(ValueError):
    """What is wrong with one expression."""


def substitute(raw: RawDocument, variables: Mapping[str, str]) -> RawDocument:
    """The document with its variables replaced; the same one where there are none, or where it opted out.

    Raises:
        InvalidManifest: naming the object and the variable.
    """
    if has_opted_out(raw.document):
        return raw
    text = dump(raw.document)
    if "${" not in text:
        return raw
    metadata = raw.document.get("metadata")
    name = (
        f"{raw.source}: {raw.document.get('kind', 'a document')} {metadata.get('name', '') if isinstance(metadata, dict) else ''}"
    )
    try:
        replaced = expand(text, variables)
    except _Mistake as error:
        raise InvalidManifest(f"{name.rstrip()}: {error}") from error
    found = load_one(replaced.encode(), name=f"{name.rstrip()}, with its variables replaced")
    if not isinstance(found, dict):
        raise InvalidManifest(f"{name.rstrip()}: is no mapping any more with its variables replaced")
    return RawDocument(found, raw.source)


def has_opted_out(document: Document) -> bool:
    """Whether an object says that it is to be left as it is."""
    metadata = document.get("metadata")
    marks: list[Any] = [metadata.get("annotations"), metadata.get("labels")] if isinstance(metadata, dict) else []
    return any(mark.get(name) == "disabled" for mark in marks if isinstance(mark, dict) for name in OPT_OUT)


def expand(text: str, variables: Mapping[str, str], depth: int = 0) -> str:
    """The text with every `${…}` replaced; `$${…}` stands for `${…}` itself.

    Raises:
        ValueError: naming the variable that is missing, or the expression that has no meaning.
    """
    if depth > _MOST_DEPTH:
        raise _Mistake("${…} within ${…} too often")
    parts: list[str] = []
    position = size = 0
    while (start := text.find("${", position)) >= 0:
        if start > position and text[start - 1] == "$":
            parts.append(text[position : start - 1] + "${")
            position = start + 2
            continue
        end = _end_of(text, start)
        parts += [text[position:start], _value(text[start + 2 : end], variables, depth)]
        size += len(parts[-1])
        if size > _MOST_TEXT:
            raise _Mistake(f"more than {_MOST_TEXT >> 20} MiB with its variables replaced")
        position = end + 1
    return "".join(parts) + text[position:]


def _end_of(text: str, start: int) -> int:
    """Where an expression ends, with those within it."""
    position, depth = start + 2, 1
    while position < len(text):
        if text.startswith("${", position):
            depth, position = depth + 1, position + 2
            continue
        depth -= text[position] == "}"
        if depth == 0:
            return position
        position += 1
    raise _Mistake(f"{text[start : start + 40]!r} has no closing brace; write $${{ for one that is meant as it stands")


def _value(expression: str, variables: Mapping[str, str], depth: int) -> str:
    if expression.startswith("#") and VARIABLE.fullmatch(expression[1:]):
        return str(len(_get(expression[1:], variables)))
    match = VARIABLE.match(expression)
    if match is None:
        raise _Mistake(f"${{{expression[:40]}}} names no variable; write $${{ for what is meant as it stands")
    name, rest = match[0], expression[match.end() :]
    if not rest:
        return _get(name, variables)
    for operator, function in _DEFAULTS:
        if rest.startswith(operator):
            return function(name, rest[len(operator) :], variables, depth)
    for operator, change in _CHANGES:
        if rest.startswith(operator):
            return change(_get(name, variables), expand(rest[len(operator) :], variables, depth + 1))
    raise _Mistake(f"${{{expression[:40]}}}: {rest[:10]!r} is no function that is known; see docs/rendering.md")


def _get(name: str, variables: Mapping[str, str]) -> str:
    if name not in variables:
        raise _Mistake(
            f"${{{name}}}: there is no variable {name}; add it to spec.render.substitute, give it a default as in ${{{name}:=…}}, "
            f"or write $${{{name}}} for what is meant as it stands"
        )
    return variables[name]


def _default(name: str, text: str, variables: Mapping[str, str], depth: int) -> str:
    return variables.get(name) or expand(text, variables, depth + 1)


def _default_of_missing(name: str, text: str, variables: Mapping[str, str], depth: int) -> str:
    return variables[name] if name in variables else expand(text, variables, depth + 1)


def _error(name: str, text: str, variables: Mapping[str, str], depth: int) -> str:
    if not variables.get(name):
        raise _Mistake(f"{name}: {expand(text, variables, depth + 1) or 'is missing or empty'}")
    return variables[name]


def _slice(value: str, text: str) -> str:
    parts = [part.strip() for part in text.split(":")]
    if len(parts) > 2 or not all(re.fullmatch(r"-?[0-9]{1,9}", part) for part in parts):
        raise _Mistake(f"{text[:20]!r} is no position and length, such as 0:8")
    start = int(parts[0])
    start = max(len(value) + start, 0) if start < 0 else start
    if len(parts) == 1:
        return value[start:]
    length = int(parts[1])
    return value[start : start + length] if length >= 0 else value[start:length]


def _replace(value: str, text: str) -> str:
    old, _, new = text.partition("/")
    return value.replace(old, new, 1) if old else value


def _replace_all(value: str, text: str) -> str:
    old, _, new = text.partition("/")
    return value.replace(old, new) if old else value


def _replace_prefix(value: str, text: str) -> str:
    old, _, new = text.partition("/")
    return new + value.removeprefix(old) if value.startswith(old) else value


def _replace_suffix(value: str, text: str) -> str:
    old, _, new = text.partition("/")
    return value.removesuffix(old) + new if value.endswith(old) else value


def _pattern(glob: str, *, is_greedy: bool) -> str:
    """A glob of a shell as a regular expression; what could take for ever is refused."""
    if glob.count("*") > 3:
        raise _Mistake(f"{glob[:20]!r} has too many stars to cut by")
    star = ".*" if is_greedy else ".*?"
    return "".join(star if char == "*" else "." if char == "?" else re.escape(char) for char in glob)


def _short(value: str) -> str:
    if len(value) > LONGEST_CUT:
        raise _Mistake(f"a text of more than {LONGEST_CUT} characters is not cut by a pattern")
    return value


def _cut_front(value: str, glob: str, *, is_greedy: bool) -> str:
    match = re.match(_pattern(glob, is_greedy=is_greedy), _short(value), re.DOTALL)
    return value[match.end() :] if match else value


def _cut_end(value: str, glob: str, *, is_greedy: bool) -> str:
    starts = range(len(value) + 1) if is_greedy else range(len(value), -1, -1)
    pattern = re.compile(_pattern(glob, is_greedy=True), re.DOTALL)
    return next((value[:start] for start in starts if pattern.fullmatch(_short(value), start)), value)


_DEFAULTS: tuple[tuple[str, Callable[[str, str, Mapping[str, str], int], str]], ...] = (
    (":=", _default),
    (":-", _default),
    (":?", _error),
    ("=", _default_of_missing),
    ("-", _default_of_missing),
)
_CHANGES: tuple[tuple[str, Callable[[str, str], str]], ...] = (
    (":", _slice),
    ("^^", lambda value, _: value.upper()),
    ("^", lambda value, _: value[:1].upper() + value[1:]),
    (",,", lambda value, _: value.lower()),
    (",", lambda value, _: value[:1].lower() + value[1:]),
    ("##", lambda value, glob: _cut_front(value, glob, is_greedy=True)),
    ("#", lambda value, glob: _cut_front(value, glob, is_greedy=False)),
    ("%%", lambda value, glob: _cut_end(value, glob, is_greedy=True)),
    ("%", lambda value, glob: _cut_end(value, glob, is_greedy=False)),
    ("//", _replace_all),
    ("/#", _replace_prefix),
    ("/%", _replace_suffix),
    ("/", _replace),
)
"""Longer ones first where one begins like another."""
