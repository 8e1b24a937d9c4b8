"""INI files as SOPS reads and writes them: https://github.com/go-ini/ini. Pure.

Keys before the first section are in one called `DEFAULT`. A text with line breaks stands in three quotes, one with `#` or `;` in
backquotes, one with spaces around in quotes. Comments are left out.
"""

import re
from collections.abc import Mapping

FIRST = "DEFAULT"
"""The section that has no header."""

Sections = dict[str, dict[str, str]]

_QUOTED = (('"""', re.DOTALL), ("`", re.DOTALL), ('"', 0))


def read(text: str) -> Sections:
    """The sections with their keys, in order.

    Raises:
        ValueError: naming the line that has no meaning, or a name that is there twice.
    """
    found: Sections = {}
    keys: dict[str, str] = found.setdefault(FIRST, {})
    position = 0
    while position < len(text):
        end = text.find("\n", position) % (len(text) + 1)
        line, number = text[position:end].strip(), text.count("\n", 0, position) + 1
        if line.startswith("[") and line.endswith("]"):
            name = line[1:-1].strip()
            if name in found and name != FIRST:
                raise ValueError(f"line {number}: the section {name} is there twice")
            keys = found.setdefault(name, {})
        elif line and not line.startswith(("#", ";")):
            key, is_pair, _ = line.partition("=")
            if not is_pair or key.strip() in keys:
                raise ValueError(f"line {number}: {'is there twice' if is_pair else 'is no key = value'}")
            keys[key.strip()], end = _value(text, text.index("=", position) + 1)
        position = end + 1
    return found if found[FIRST] else {name: below for name, below in found.items() if name != FIRST}


def write(sections: Mapping[str, Mapping[str, str]]) -> str:
    """The file of these sections."""
    parts = []
    for name, keys in sections.items():
        width = max(map(len, keys), default=0)
        header = "" if name == FIRST else f"[{name}]\n"
        parts.append(header + "".join(f"{key.ljust(width)} = {_written(value)}\n" for key, value in keys.items()))
    return "\n".join(parts)


def _value(text: str, start: int) -> tuple[str, int]:
    """A value, and where its last line ends."""
    start += len(text[start:]) - len(text[start:].lstrip(" \t"))
    for quote, flags in _QUOTED:
        match = re.compile(f"{quote}(.*?){quote}[ \\t]*$", flags | re.MULTILINE).match(text, start)
        if match:
            return match[1], match.end()
    end = text.find("\n", start) % (len(text) + 1)
    return text[start:end].strip(), end


def _written(value: str) -> str:
    if "\n" in value or "`" in value:
        return f'"""{value}"""'
    if "#" in value or ";" in value:
        return f"`{value}`"
    return f'"{value}"' if value.strip() != value else value
