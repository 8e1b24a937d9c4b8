"""Plain YAML and JSON: every file of a directory and of those beneath it, in the order of their names."""

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from reconciler.errors import InvalidManifest
from reconciler.model.declared import RenderOptions
from reconciler.model.objects import RawDocument
from reconciler.render.result import Rendered, RenderRequest
from reconciler.yaml import parse_documents

TOOL = "yaml/1"
"""Raised when the reading of YAML changes, so that everything is rendered again."""

SUFFIXES = (".yaml", ".yml", ".json")

LIMIT_OBJECTS = 10_000
"""Objects of one application; more are refused before they fill the memory."""


def render(root: Path, request: RenderRequest) -> Rendered:
    """The documents of every YAML and JSON file beneath the request's path; hidden files are left out.

    Raises:
        InvalidManifest: naming the file and line.
    """
    documents: list[RawDocument] = []
    for file in _files(root, root / request.path, request.options):
        documents += parse_documents(file.read_bytes(), name=str(file.relative_to(root)))
        if len(documents) > LIMIT_OBJECTS:
            raise InvalidManifest(f"{request.path}: more than {LIMIT_OBJECTS} objects; split the application")
    return Rendered(tuple(documents), frozenset({f"{request.path}/"}), frozenset(), TOOL)


def _files(root: Path, directory: Path, options: RenderOptions) -> Iterator[Path]:
    top = os.path.realpath(root)
    for folder, folders, names in os.walk(directory):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            if _is_wanted(path.relative_to(directory), options) and Path(os.path.realpath(path)).is_relative_to(top):
                yield path


def _is_wanted(path: Path, options: RenderOptions) -> bool:
    if path.name.startswith("."):
        return False
    included = _matches(path, options.include) if options.include else path.suffix in SUFFIXES
    return included and not _matches(path, options.exclude)


def _matches(path: Path, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(str(path), glob) or fnmatchcase(path.name, glob) for glob in globs)
