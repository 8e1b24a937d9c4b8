"""Bytes in, documents out: JSON and YAML bodies, and the duplicate fields in them.

YAML is read as the server does: JSON types only, the booleans of YAML 1.1, no timestamps. A body that nests too deeply or grows out
of proportion through aliases is refused before it is built.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
import yaml

from trueup.sandbox.status import bad_request

LIMIT_BYTES = 3 * 1024 * 1024  # https://github.com/kubernetes/apiserver, DefaultMaxRequestBodySize
DEEPEST = 100
MOST_NODES = 1_000_000
YAML_TYPES = ("application/yaml", "application/apply-patch+yaml")


class _Loader(yaml.CSafeLoader):
    """YAML whose scalars are JSON's."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, expression) for tag, expression in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def parse_json(body: bytes) -> Any:
    """A JSON body.

    Raises:
        ValueError: what is wrong with it.
    """
    return orjson.loads(body)


def parse_yaml(body: bytes) -> Any:
    """A YAML body, which may be JSON; one document.

    Raises:
        ValueError: what is wrong with it.
    """
    if body.lstrip()[:1] == b"{":
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            pass  # a YAML flow mapping looks like JSON at first
    try:
        aliases = _measure(body)
        document = yaml.load(body, _Loader)  # noqa: S506 - a safe loader with fewer types
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"yaml: {' '.join(str(error).split())}") from error
    if aliases and _size(document, {}) > MOST_NODES:
        raise ValueError("yaml: document contains excessive aliasing")
    return _json_keys(document)


def _measure(body: bytes) -> int:
    """The number of aliases; refuses what nests too deeply, without recursion of its own."""
    depth = aliases = 0
    for event in yaml.parse(body, _Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise ValueError("yaml: document nests too deeply")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
    return aliases


def _size(node: Any, known: dict[int, int]) -> int:
    """How many nodes a document has when every alias is written out."""
    if not isinstance(node, dict | list):
        return 1
    if id(node) not in known:
        known[id(node)] = MOST_NODES + 1  # what contains itself is endless
        children = node.values() if isinstance(node, dict) else node
        known[id(node)] = 1 + sum(_size(child, known) for child in children)
    return known[id(node)]


def _json_keys(node: Any) -> Any:
    match node:
        case dict():
            return {key if isinstance(key, str) else json.dumps(key): _json_keys(child) for key, child in node.items()}
        case list():
            return [_json_keys(child) for child in node]
        case None | bool() | int() | float() | str():
            return node
        case _:
            raise bad_request(f"yaml: a value of this type is not JSON: {type(node).__name__}")


def duplicates(body: bytes) -> list[str]:
    """The paths of fields that stand twice in a JSON body, in document order."""
    try:
        return list(_duplicate_paths(json.loads(body, object_pairs_hook=_Pairs), ""))
    except (ValueError, RecursionError):
        return []


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with everything that was written in it."""


def _duplicate_paths(node: Any, at: str) -> Iterator[str]:
    if isinstance(node, _Pairs):
        seen: set[str] = set()
        for name, child in node:
            path = f"{at}.{name}" if at else name
            if name in seen:
                yield path
            seen.add(name)
            yield from _duplicate_paths(child, path)
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from _duplicate_paths(child, f"{at}[{index}]")


def duplicate_keys(body: bytes) -> list[str]:
    """The same for YAML, in the words of its parser: a line and a key."""
    found: list[str] = []
    try:
        root = yaml.compose(body, _Loader)
    except (yaml.YAMLError, RecursionError):
        return found
    todo: list[Any] = [root]
    while todo:
        node = todo.pop()
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                if key.value in seen:
                    found.append(f'line {key.start_mark.line + 1}: key "{key.value}" already set in map')
                seen.add(key.value)
                todo.append(value)
        elif isinstance(node, yaml.SequenceNode):
            todo.extend(node.value)
    return found


def dump_yaml(document: Mapping[str, Any] | Sequence[Any]) -> bytes:
    """A document as YAML."""
    return yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False).encode()
