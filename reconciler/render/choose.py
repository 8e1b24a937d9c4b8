"""Which renderer a directory wants, and rendering it; runs in the child."""

import os
from pathlib import Path

from reconciler.errors import InvalidManifest, PathMissing
from reconciler.render import kustomize, plain
from reconciler.render.kustomize import Kubectl
from reconciler.render.reach import kustomization_in
from reconciler.render.result import LIMIT_OBJECTS, Rendered, RenderRequest
from reconciler.render.tree import Tree


def is_kustomization(root: Path, path: str) -> bool:
    """Whether a directory is built by Kustomize; then it may reach for others."""
    return kustomization_in(root / path) is not None


def may_reach_further(root: Path, path: str) -> bool:
    """Whether a directory, or one beneath it, is built by Kustomize: then it may need files that are elsewhere."""
    return any(kustomization_in(Path(folder)) is not None for folder, _, _ in os.walk(root / path))


def render(tree: Tree, request: RenderRequest, kubectl: Kubectl | None) -> Rendered:
    """The documents of one directory: built where there is a kustomization, else read file by file.

    Raises:
        PathMissing: when there is no such directory.
        InvalidManifest: naming file and line.
        RenderFailed: with the renderer's own words.
    """
    directory = tree.root / request.path
    if not directory.is_dir():
        found = "is a file, name its directory" if directory.is_file() else "is not in the commit"
        raise PathMissing(f"{request.application}: the directory {request.path!r} {found}; check spec.sources[].git.path")
    tree.names(directory)
    rendered = _render(tree, request, kubectl)
    if len(rendered.documents) > LIMIT_OBJECTS:
        raise InvalidManifest(f"{request.path or '.'}: more than {LIMIT_OBJECTS} objects; split the application")
    return rendered


def _render(tree: Tree, request: RenderRequest, kubectl: Kubectl | None) -> Rendered:
    if kustomization_in(tree.root / request.path) is not None:
        return kustomize.render(tree, request, kubectl)
    rendered = plain.render(tree, request, kubectl)
    return kustomize.overlay(tree, request, rendered, kubectl) if request.options.has_overlay else rendered
