"""Which renderer a directory wants, and rendering it; runs in the child."""

from pathlib import Path

from reconciler.errors import PathMissing
from reconciler.render import kustomize, plain
from reconciler.render.result import Rendered, RenderRequest


def is_kustomization(root: Path, path: str) -> bool:
    """Whether a directory is built by Kustomize; then it may reach for others."""
    return kustomize.kustomization_in(root / path) is not None


def render(root: Path, request: RenderRequest, timeout_seconds: float) -> Rendered:
    """The documents of one directory.

    Raises:
        PathMissing: when there is no such directory.
        InvalidManifest: naming file and line.
        RenderFailed: with the renderer's own words.
    """
    directory = root / request.path
    if not directory.is_dir():
        raise PathMissing(f"{request.application}: there is no directory {request.path!r}; check spec.sources[].git.path")
    if is_kustomization(root, request.path):
        return kustomize.render(root, request, timeout_seconds)
    return plain.render(root, request)
