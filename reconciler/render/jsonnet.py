"""Jsonnet, by Google's own implementation: a list of objects, an object, or a mapping of them. Imports stay in the tree.

An import is looked for beside the file that names it, then in the library paths, then in `vendor` and `lib` of the source and of the
repository, as jb and Tanka have them. Every place that was looked at counts as input.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reconciler.errors import InvalidManifest, RenderFailed, mend_of
from reconciler.model.objects import RawDocument
from reconciler.model.rendering import JsonnetOptions, JsonnetVariable
from reconciler.render.result import Rendered, RenderRequest
from reconciler.render.tree import Tree
from reconciler.yaml.documents import LIMIT_BYTES, parse_documents

VENDORED = ("vendor", "lib")
TOOL = "jsonnet/1"
_MOST_STACK = 500
_MOST_WORDS = 1500

_MENDS = (
    ("Undefined external variable", "give it in spec.render.jsonnet.extVars"),
    ("Missing argument", "give it in spec.render.jsonnet.tlas, or a default"),
)
"""By Jsonnet's words."""


def render(tree: Tree, request: RenderRequest) -> Rendered:
    """The objects that the entry file evaluates to.

    Raises:
        InvalidManifest: naming a file that is not there, or what is no object.
        RenderFailed: with Jsonnet's own words.
    """
    import _gojsonnet as gojsonnet  # noqa: PLC0415 - 17 MB with threads of their own: only in a child that needs them

    options = request.options.jsonnet or JsonnetOptions()
    directory = tree.root / request.path
    imports = _Imports(tree, directory, options)
    entry = tree.place(directory, options.entry)
    imports.read |= tree.names(entry)
    if not entry.is_file():
        raise InvalidManifest(f"{tree.name(entry)}: spec.render.jsonnet needs it, and it is not in the repository")
    try:
        output = gojsonnet.evaluate_snippet(
            tree.name(entry), entry.read_text(), import_callback=imports.find, max_stack=_MOST_STACK,
            ext_vars=_variables(options.ext_vars, is_code=False), ext_codes=_variables(options.ext_vars, is_code=True),
            tla_vars=_variables(options.tlas, is_code=False), tla_codes=_variables(options.tlas, is_code=True),
        )  # fmt: skip
    except (RuntimeError, UnicodeDecodeError) as error:
        said = imports.refused or _told(str(error).strip()[:_MOST_WORDS])
        raise RenderFailed(f"{tree.name(entry)}: jsonnet: {said}") from error
    if imports.refused:
        raise RenderFailed(f"{tree.name(entry)}: jsonnet: {imports.refused}")
    documents = tuple(_documents(output, tree.name(entry)))
    return Rendered(documents, frozenset(imports.read), frozenset(imports.probed), TOOL)


def _told(said: str) -> str:
    """Jsonnet's words, with what to do about what an Application gives; behind the first line, since others follow."""
    first, line, more = said.partition("\n")
    return f"{first}{mend_of(first, _MENDS)}{line}{more}"


def _variables(variables: tuple[JsonnetVariable, ...], *, is_code: bool) -> dict[str, str]:
    return {one.name: one.value for one in variables if one.is_code == is_code}


class _Imports:
    """Where imports lead, and what was looked at."""

    def __init__(self, tree: Tree, directory: Path, options: JsonnetOptions) -> None:
        self.read: set[str] = set()
        self.probed: set[str] = set()
        self.refused = ""
        """Why the first import that could not be had could not."""
        self._tree = tree
        libraries = [tree.place(directory, path) for path in options.library_paths]
        self._places = [*libraries, *(top / name for top in dict.fromkeys((directory, tree.root)) for name in VENDORED)]

    def find(self, folder: str, path: str) -> tuple[str, bytes]:
        """The name and the content of an import; what it may not be is remembered, since raising here loses the message in Go."""
        try:
            return self._find(folder, path)
        except InvalidManifest as error:
            self.refused = self.refused or f"import {path!r}: {error}"
            return path, b"error 'refused'"

    def _find(self, folder: str, path: str) -> tuple[str, bytes]:
        if path.startswith("/"):
            raise InvalidManifest("is no path within the repository")
        looked: list[str] = []
        for place in (self._tree.root / folder, *self._places):
            target = place / path
            try:
                names = self._tree.names(target)
            except InvalidManifest as error:
                raise InvalidManifest("leaves the repository; only what is in it can be rendered") from error
            if target.is_file() and target.stat().st_size <= LIMIT_BYTES:
                self.read |= names
                return self._tree.name(target), target.read_bytes()
            self.probed |= names
            looked.append(self._tree.name(target))
        raise InvalidManifest(f"is not in the repository; looked for {', '.join(looked[:8])}")


def _documents(output: str, name: str) -> Iterator[RawDocument]:
    (whole,) = parse_documents(f'{{"all": {output}}}'.encode(), name=name, limit_bytes=8 * LIMIT_BYTES)
    for value, path in _objects(whole.document["all"], ""):
        source = f"{name} (jsonnet{f', {path}' if path else ''})"
        if not isinstance(value, dict):
            raise InvalidManifest(f"{source}: must evaluate to objects with apiVersion and kind, lists or mappings of them")
        yield RawDocument(value, source)


def _objects(value: Any, path: str) -> Iterator[tuple[Any, str]]:
    if isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _objects(entry, f"{path}[{index}]")
    elif isinstance(value, dict) and "kind" not in value:
        for name, inner in value.items():
            yield from _objects(inner, f"{path}.{name}".removeprefix("."))
    elif isinstance(value, dict) and str(value["kind"]).endswith("List") and isinstance(value.get("items"), list):
        yield from _objects(value["items"], f"{path}.items".removeprefix("."))
    elif value is not None:
        yield value, path
