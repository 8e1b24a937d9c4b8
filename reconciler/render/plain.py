"""Plain YAML and JSON: every file of a directory and of those beneath it, in the order of their names.

A directory beneath that is a kustomization is built, as Flux does, and not read file by file. Links to directories are not followed.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from reconciler.errors import InvalidManifest
from reconciler.model.objects import RawDocument
from reconciler.model.rendering import RenderOptions
from reconciler.render import kustomize
from reconciler.render.kustomize import Kubectl
from reconciler.render.reach import kustomization_in
from reconciler.render.result import LIMIT_OBJECTS, Rendered, RenderRequest
from reconciler.render.tree import Tree
from reconciler.yaml.documents import LIMIT_BYTES, parse_documents

TOOL = "yaml/2"
"""Raised when the reading of YAML changes, so that everything is rendered again."""

SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(slots=True)
class _Collected:
    documents: list[RawDocument] = field(default_factory=list)
    read: set[str] = field(default_factory=set)
    probed: set[str] = field(default_factory=set)
    tools: set[str] = field(default_factory=lambda: {TOOL})


def render(tree: Tree, request: RenderRequest, kubectl: Kubectl | None) -> Rendered:
    """The documents of every YAML and JSON file beneath the request's path; hidden files are left out.

    Raises:
        InvalidManifest: naming the file and line.
    """
    found = _Collected(read={f"{name}/" for name in tree.names(tree.root / request.path)})
    for path in _wanted(tree.root / request.path, request.options):
        if path.is_dir():
            _build(tree, path, request, kubectl, found)
        else:
            found.documents += _read(tree, path, found)
        if len(found.documents) > LIMIT_OBJECTS:
            raise InvalidManifest(f"{request.path or '.'}: more than {LIMIT_OBJECTS} objects; split the application")
    return Rendered(tuple(found.documents), frozenset(found.read), frozenset(found.probed), "+".join(sorted(found.tools)))


def _read(tree: Tree, file: Path, found: _Collected) -> list[RawDocument]:
    name = tree.name(file)
    if file.is_symlink():
        found.read |= tree.names(file)
    try:
        with file.open("rb") as stream:
            text = stream.read(LIMIT_BYTES + 1)
    except OSError as error:
        raise InvalidManifest(
            f"{name}: cannot be read: {error.strerror}; is it a link to what is not in the repository?"
        ) from error
    return parse_documents(text, name=name)


def _build(tree: Tree, directory: Path, request: RenderRequest, kubectl: Kubectl | None, found: _Collected) -> None:
    built = kustomize.render(tree, RenderRequest(request.application, tree.name(directory)), kubectl)
    found.documents += built.documents
    found.read |= built.read
    found.probed |= built.probed
    found.tools.add(built.tool)


def _wanted(directory: Path, options: RenderOptions) -> Iterator[Path]:
    """The files to read, and the directories to build."""
    for folder, folders, names in os.walk(directory):
        kustomization = kustomization_in(Path(folder))
        if kustomization is not None and _is_chosen(kustomization.relative_to(directory), options, otherwise=True):
            folders.clear()
            yield Path(folder)
            continue
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if options.recursive else []
        for path in (Path(folder, name) for name in sorted(names) if not name.startswith(".")):
            if _is_chosen(path.relative_to(directory), options, otherwise=path.suffix in SUFFIXES):
                yield path


def is_read(path: Path, options: RenderOptions) -> bool:
    """Whether a file of this path, from the source's directory, is one that is read; one of a directory that is built may be too."""
    is_hidden = any(part.startswith(".") for part in path.parts)
    return not is_hidden and _is_chosen(path, options, otherwise=path.suffix in SUFFIXES)


def _is_chosen(path: Path, options: RenderOptions, *, otherwise: bool) -> bool:
    """Whether the globs take a path; `otherwise` is the answer where there are none to include."""
    included = _matches(path, options.include) if options.include else otherwise
    return included and not _matches(path, options.exclude)


def _matches(path: Path, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(str(path), glob) or fnmatchcase(path.name, glob) for glob in globs)
