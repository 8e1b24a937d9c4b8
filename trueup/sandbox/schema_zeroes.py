"""Which fields the server leaves out when they are zero: for `schema_generate`, read from the Go types, since OpenAPI does not say.

`value: ""` of an environment variable and `readOnly: false` of a mount are gone once the server has read them, `replicas: 0` is not:
what decides is whether the Go field is a pointer. https://pkg.go.dev/encoding/json#Marshal, `omitempty`.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r'^\t(?:\w+\s+)?(\*?[\w.\[\]]+)\s+`json:"([\w$]*)((?:,\w+)*)"', re.MULTILINE)
ROOTS: Mapping[str, str] = {
    "meta": "apimachinery@*/pkg/apis/meta/v1",
    "apiextensions": "apiextensions-apiserver@*/pkg/apis/apiextensions/v1",
}
SCALARS = ("string", "boolean", "integer", "int64", "number")


def zeroes(sources: Path, types: Mapping[str, object]) -> dict[str, list[str]]:
    """For every struct of the table, its scalar fields that are left out when they are zero.

    Args:
        sources: the directory `k8s.io` of a Go module cache that has exactly one version of each module.
        types: the table's types.
    """
    found = {}
    for name, node in types.items():
        group, _, kind = name.split(".")
        fields = node.get("fields", {}) if isinstance(node, dict) else {}
        scalars = [field for field in _omitted(_structs(sources, group), kind) if fields.get(field) in SCALARS]
        if scalars:
            found[name] = sorted(scalars)
    return found


_known: dict[tuple[Path, str], dict[str, str]] = {}


def _structs(sources: Path, group: str) -> dict[str, str]:
    """The structs of a group by name."""
    key = sources, group
    if key not in _known:
        files = sources.glob(f"{ROOTS.get(group, f'api@*/{group}/v*')}/*types*.go")
        _known[key] = {match[1]: match[2] for file in sorted(files) for match in STRUCT.finditer(file.read_text())}
    return _known[key]


def _omitted(structs: Mapping[str, str], name: str) -> Iterator[str]:
    """The fields with `omitempty` that are no pointers, also those of embedded structs."""
    for go_type, field, options in FIELD.findall(structs.get(name, "")):
        if not field:
            yield from _omitted(structs, go_type.lstrip("*").rpartition(".")[2])
        elif "omitempty" in options and not go_type.startswith("*"):
            yield field
