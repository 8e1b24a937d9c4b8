"""Where a field stands in a file, for messages to people."""

from collections.abc import Sequence

import yaml

from reconciler.yaml.documents import split


def locate(text: bytes, path: Sequence[str | int], *, line: int) -> int:
    """The line of the deepest part of a path that is written in the object which begins at a line.

    The text must have been read by `parse_documents` before: hostile text can turn against a process that composes it.
    """
    parts = [(first, part) for first, part in split(text.decode("utf-8-sig"), name="") if first <= line]
    offset, part = parts[-1]
    node = _object_at(_compose(part), line - offset)
    for step in path:
        found = _child(node, step)
        if found is None:
            break
        line, node = offset + found[0], found[1]
    return line


def _compose(part: str) -> yaml.Node | None:
    try:
        node: yaml.Node | None = yaml.compose(part, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:  # a stream of JSON is no YAML
        return None
    return node


def _object_at(node: yaml.Node | None, line: int) -> yaml.Node | None:
    """The object that begins at a line: an entry of the document's `items`, or the document."""
    items = _child(node, "items")
    entries = items[1].value if items and isinstance(items[1], yaml.SequenceNode) else []
    return next((entry for entry in entries if entry.start_mark.line == line), node)


def _child(node: yaml.Node | None, step: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((key.start_mark.line, value) for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark.line, node.value[step]
    return None
