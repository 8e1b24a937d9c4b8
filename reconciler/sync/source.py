"""From declarations to documents: fetch each commit once, export it once, render everything that needs it in one batch."""

import asyncio
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.errors import TrueupError
from reconciler.git.export import export
from reconciler.git.mirror import Mirror, Mirrors
from reconciler.model.declared import Application, GitSource, Name, Repository
from reconciler.model.objects import RawDocument
from reconciler.model.outcome import Revision
from reconciler.render.choose import may_reach_further
from reconciler.render.renderer import Renderer
from reconciler.render.result import Rendered, RenderRequest


@dataclass(frozen=True, slots=True)
class Target:
    """An application and the commit of each of its sources, in their order."""

    application: Application
    revisions: tuple[Revision, ...]

    @property
    def name(self) -> Name:
        """The application's name."""
        return self.application.name

    @property
    def revision(self) -> Revision:
        """The first source's commit; what the application is said to be at."""
        return self.revisions[0]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a render depends on in one repository: a change of anything else changes nothing."""

    read: frozenset[str] = frozenset()
    """Files, and directories (with a slash at the end) of which every file counts."""
    probed: frozenset[str] = frozenset()
    """Paths that were looked for and were not there."""
    tool: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """The documents of one application, in the order of its sources, and what they depend on by repository."""

    documents: tuple[RawDocument, ...]
    inputs: Mapping[Name, Inputs] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Workshop:
    """What rendering needs of its surroundings."""

    mirrors: Mirrors
    renderer: Renderer
    repositories: Mapping[Name, Repository]


_Checkout = tuple[Name, str]
"""A repository and a commit of it."""


async def load(targets: Sequence[Target], workshop: Workshop) -> Mapping[Name, Source | TrueupError]:
    """The documents of every target, or why there are none; one target's error spoils no other."""
    wanted: dict[_Checkout, list[tuple[Target, GitSource]]] = {}
    for target in targets:
        for source, revision in zip(target.application.sources, target.revisions, strict=True):
            wanted.setdefault((source.repository, revision.commit), []).append((target, source))
    batches = await asyncio.gather(*(_render_checkout(checkout, work, workshop) for checkout, work in wanted.items()))
    parts: dict[tuple[Name, GitSource], Rendered | TrueupError] = {}
    for batch in batches:
        parts |= batch
    return {target.name: _assemble(target, [parts[target.name, s] for s in target.application.sources]) for target in targets}


async def _render_checkout(
    checkout: _Checkout, work: Sequence[tuple[Target, GitSource]], workshop: Workshop
) -> dict[tuple[Name, GitSource], Rendered | TrueupError]:
    """Render everything that needs one commit, from one export of it."""
    repository, commit = workshop.repositories[checkout[0]], checkout[1]
    requests = [RenderRequest(target.name, source.path, source.render or target.application.render) for target, source in work]
    keys = [(target.name, source) for target, source in work]
    scratch = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="trueup-export-"))
    try:
        mirror = workshop.mirrors.of(repository)
        await mirror.ensure(commit)
        root = await _export(mirror, commit, requests, scratch)
        return dict(zip(keys, await workshop.renderer.render(root, requests), strict=True))
    except TrueupError as error:
        return dict.fromkeys(keys, error)
    finally:
        await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)


async def _export(mirror: Mirror, commit: str, requests: Sequence[RenderRequest], scratch: Path) -> Path:
    """The tree that the requests are rendered from: one directory alone, unless something in it may reach further."""
    paths = {request.path for request in requests}
    if len(paths) == 1 and (path := requests[0].path) and not any(request.options.reaches_further for request in requests):
        alone = scratch / "alone"
        alone.mkdir()
        await export(mirror, commit, path, alone)
        if not may_reach_further(alone, path):
            return alone
    whole = scratch / "whole"
    whole.mkdir()
    await export(mirror, commit, "", whole)
    return whole


def _assemble(target: Target, parts: Sequence[Rendered | TrueupError]) -> Source | TrueupError:
    documents: list[RawDocument] = []
    inputs: dict[Name, Inputs] = {}
    for source, part in zip(target.application.sources, parts, strict=True):
        if isinstance(part, TrueupError):
            return part
        documents += part.documents
        known = inputs.get(source.repository, Inputs())
        inputs[source.repository] = Inputs(known.read | part.read, known.probed | part.probed, f"{known.tool}{part.tool};")
    return Source(tuple(documents), inputs)


def vanished(target: Target) -> Source:
    """What an application renders to whose path is gone: nothing, until the path is there again."""
    return Source((), {source.repository: Inputs(probed=frozenset({f"{source.path}/"})) for source in target.application.sources})
