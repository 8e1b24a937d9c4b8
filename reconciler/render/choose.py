"""Which renderer a directory wants, and rendering it; runs in the child."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.errors import InvalidManifest, PathMissing
from reconciler.render import helm, kustomize, plain
from reconciler.render.helm import Helm
from reconciler.render.kustomize import Kubectl
from reconciler.render.reach import kustomization_in
from reconciler.render.result import LIMIT_OBJECTS, Rendered, RenderRequest
from reconciler.render.substitute import VARIABLE, substitute
from reconciler.render.tree import Tree


@dataclass(frozen=True, slots=True)
class Tools:
    """The programs that are there; None: it is not."""

    kubectl: Kubectl | None = None
    helm: Helm | None = None


def is_built(root: Path, request: RenderRequest) -> bool:
    """Whether a program makes a request's documents, which costs more than reading files."""
    directory, options = root / request.path, request.options
    return options.helm is not None or options.has_overlay or helm.is_chart(directory) or kustomization_in(directory) is not None


def may_reach_further(root: Path, path: str) -> bool:
    """Whether a directory, or one beneath it, is built by Kustomize: then it may need files that are elsewhere."""
    return any(kustomization_in(Path(folder)) is not None for folder, _, _ in os.walk(root / path))


def render(tree: Tree, request: RenderRequest, tools: Tools) -> Rendered:
    """The documents of one directory: templated where there is a chart, built where there is a kustomization, else read file by file.

    Then comes the Application's overlay, and then its variables.

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
    rendered = _render(tree, request, tools)
    if request.options.substitute is not None:
        variables = _variables(request)
        rendered = replace(rendered, documents=tuple(substitute(raw, variables) for raw in rendered.documents))
    if len(rendered.documents) > LIMIT_OBJECTS:
        raise InvalidManifest(f"{request.path or '.'}: more than {LIMIT_OBJECTS} objects; split the application")
    return rendered


def _render(tree: Tree, request: RenderRequest, tools: Tools) -> Rendered:
    directory, options = tree.root / request.path, request.options
    if options.helm is not None or helm.is_chart(directory):
        rendered = helm.render(tree, request, tools.helm)
    elif kustomization_in(directory) is not None:
        return kustomize.render(tree, request, tools.kubectl)
    else:
        rendered = plain.render(tree, request, tools.kubectl)
    return kustomize.overlay(tree, request, rendered, tools.kubectl) if options.has_overlay else rendered


def _variables(request: RenderRequest) -> dict[str, str]:
    """Every variable; as Flux has it, none has line breaks.

    Raises:
        InvalidManifest: when an entry's name cannot be one of a variable.
    """
    found: dict[str, str] = {}
    wanted = request.options.substitute
    for reference in wanted.sources if wanted else ():
        for name, value in (request.given.entries(reference) or {}).items():
            if not VARIABLE.fullmatch(name):
                what = f"{request.application}: {reference.kind} {reference.name}: {name!r}"
                raise InvalidManifest(f"{what} is no name of a variable; letters, digits and `_` are possible")
            found[name] = value
    found |= dict(wanted.variables) if wanted else {}
    return {name: value.replace("\n", "") for name, value in found.items()}
