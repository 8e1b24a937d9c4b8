"""Writes a document as YAML the way that Go's library does: what would be read as anything else than text is quoted, lines are not folded.

Both write by rules of libyaml; what differs is which words stand for something else, and that text of several lines is a block.
"""

from typing import Any

import yaml

from reconciler.yaml.scalars import resolve

_WIDTH = 1 << 30
_STRING = "tag:yaml.org,2002:str"


class _Dumper(yaml.CSafeDumper):
    """Strings as kubectl would have to read them again; nothing is an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        """Everything is written where it stands."""
        del data
        return True


def _text(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else '"' if _is_something_else(text) else ""
    return dumper.represent_scalar(_STRING, text, style=style)


def _is_something_else(text: str) -> bool:
    try:
        return not isinstance(resolve(text), str)
    except ValueError:
        return True


_Dumper.add_representer(str, _text)


def dump(document: Any) -> str:
    """The document as one YAML document, its keys in their order."""
    written: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return written
