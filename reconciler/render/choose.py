"""Which renderer a directory wants, and rendering it; runs in the child."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.errors import InvalidManifest, PathMissing, TrueupError
from reconciler.model.objects import RawDocument
from reconciler.model.rendering import Reference
from reconciler.render import helm, jsonnet, kustomize, plain
from reconciler.render.helm import Helm
from reconciler.render.hidden import Hidden, given_values
from reconciler.render.kustomize import Kubectl
from reconciler.render.locks import MOST_LOCKS, Lock, Locked, has_other_keys
from reconciler.render.program import home_of
from reconciler.render.reach import kustomization_in
from reconciler.render.result import LIMIT_OBJECTS, Rendered, RenderRequest
from reconciler.render.substitute import VARIABLE, substitute
from reconciler.render.tree import Tree

MAIN = "main.jsonnet"


@dataclass(frozen=True, slots=True)
class Tools:
    """The programs that are there; None: it is not."""

    kubectl: Kubectl | None = None
    helm: Helm | None = None


def is_built(root: Path, request: RenderRequest) -> bool:
    """Whether a program makes a request's documents, which costs more than reading files."""
    directory, options = root / request.path, request.options
    has_program = options.helm or options.jsonnet or options.has_overlay or (directory / MAIN).is_file()
    return bool(has_program) or helm.is_chart(directory) or kustomization_in(directory) is not None


def may_reach_further(root: Path, path: str) -> bool:
    """Whether a directory is Jsonnet or a chart with another one beside it, or it or one beneath it is built by Kustomize.

    Then it may need files that are elsewhere.
    """
    directory = root / path
    has_beside = helm.is_chart(directory) and b"file://" in (directory / helm.CHART).read_bytes()
    return (
        has_beside
        or (directory / MAIN).is_file()
        or any(kustomization_in(Path(folder)) is not None for folder, _, _ in os.walk(root / path))
    )


def render(tree: Tree, request: RenderRequest, tools: Tools) -> Rendered:
    """The documents of one directory: templated where there is a chart, built where there is a kustomization, else read file by file.

    Then comes the Application's overlay, and then its variables. Fields with what was decrypted, or read of a Secret, are marked as masked,
    and no message has it.

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
    hidden = Hidden(given_values(request.given))
    with hidden.kept():
        rendered = _whole(tree, request, tools, hidden)
        return replace(rendered, documents=tuple(hidden.marked(raw) for raw in rendered.documents)) if hidden else rendered


def _whole(tree: Tree, request: RenderRequest, tools: Tools, hidden: Hidden) -> Rendered:
    """What a request renders to, with its variables; what must not be seen of it is noted."""
    rendered = _decrypted(tree, request, tools, hidden) if request.options.decrypt_secret else _render(tree, request, tools)
    _refuse_encrypted(rendered.documents, {})
    if request.options.substitute is not None:
        variables = _variables(request)
        rendered = replace(rendered, documents=tuple(substitute(raw, variables) for raw in rendered.documents))
    if len(rendered.documents) > LIMIT_OBJECTS:
        raise InvalidManifest(f"{request.path or '.'}: more than {LIMIT_OBJECTS} objects; split the application")
    return rendered


def _render(tree: Tree, request: RenderRequest, tools: Tools) -> Rendered:
    directory, options = tree.root / request.path, request.options
    if options.jsonnet is not None or (directory / MAIN).is_file():
        rendered = jsonnet.render(tree, request)
    elif options.helm is not None or helm.is_chart(directory):
        rendered = helm.render(tree, request, tools.helm)
    elif kustomization_in(directory) is not None:
        return kustomize.render(tree, request, tools.kubectl)
    else:
        rendered = plain.render(tree, request, tools.kubectl)
    return kustomize.overlay(tree, request, rendered, tools.kubectl) if options.has_overlay else rendered


def _decrypted(tree: Tree, request: RenderRequest, tools: Tools, hidden: Hidden) -> Rendered:
    """What a request renders to from a copy of the tree in which files that SOPS encrypted are plain.

    Raises:
        Locked: when files are needed that have to be opened elsewhere, and the Secret may have a key for it.
    """
    from reconciler.render.decrypted import Keys, copy, plain_files  # noqa: PLC0415 - 20 MB of cryptography, only where it is needed

    given = request.given
    entries = given.entries(Reference("Secret", request.options.decrypt_secret)) or {}
    keys = Keys.of(entries, given.opened)
    with home_of("decrypted") as home:
        plain = copy(tree, home, keys)
        files, values, locks = plain_files(given.files, keys)
        hidden.add(values)
        try:
            with Hidden(value for found in plain.values.values() for value in found).kept():
                rendered = _render(plain.tree, replace(request, given=replace(given, files=files)), tools)
        except TrueupError:
            _ask_for(entries, (*locks, *plain.locks))
            raise
    hidden.add(plain.values_of(rendered.read))
    _ask_for(entries, (*locks, *plain.locks_of(rendered.read)))
    if unread := sorted(plain.refused.keys() & rendered.read):
        raise InvalidManifest(f"{unread[0]}: {plain.refused[unread[0]]}")
    _refuse_encrypted(rendered.documents, plain.refused)
    return rendered


def _ask_for(entries: Mapping[str, str], locks: Sequence[Lock]) -> None:
    wanted = [lock for lock in locks if has_other_keys(entries) or "key_groups" in lock.metadata]
    if wanted:
        raise Locked(tuple(wanted[:MOST_LOCKS]))


def _refuse_encrypted(documents: Sequence[RawDocument], refused: Mapping[str, str]) -> None:
    """What is still encrypted is nothing to apply.

    Raises:
        InvalidManifest: naming the file, and why it was not decrypted.
    """
    for raw in documents:
        metadata = raw.document.get("sops")
        if isinstance(metadata, dict) and "mac" in metadata:
            file = raw.source.partition(", line")[0]
            why = refused.get(file) or next(iter(refused.values()), "")
            mend = "is encrypted by SOPS; name the Secret with the age key in spec.render.decrypt.secretRef"
            raise InvalidManifest(f"{raw.source}: {why or mend}")


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
