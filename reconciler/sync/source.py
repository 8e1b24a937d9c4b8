"""From declarations to documents: fetch each commit once, export it once, render everything that needs it in one batch."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from reconciler.errors import PathMissing, SourceRefused, TrueupError
from reconciler.git.export import export
from reconciler.git.mirror import Mirror, Mirrors
from reconciler.model.declared import Application, GitSource, Name, Repository, Secrets
from reconciler.model.objects import Kinds, RawDocument
from reconciler.model.outcome import Revision
from reconciler.model.rendering import RenderOptions, borrowed
from reconciler.render.choose import may_reach_further
from reconciler.render.helm import is_chart
from reconciler.render.renderer import Renderer
from reconciler.render.result import Given, Rendered, RenderRequest
from reconciler.render.wire import Answer
from reconciler.sync.borrowed import Borrowed, Lender
from reconciler.sync.dependencies import Dependencies, Supplied
from reconciler.sync.gaps import failed, judged
from reconciler.sync.large import render_large
from reconciler.sync.outside import digest, gather
from reconciler.sync.recall import Memory, Recalled, at_destination
from reconciler.sync.verified import verified


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

    @property
    def commits(self) -> tuple[str, ...]:
        """One for each source."""
        return tuple(revision.commit for revision in self.revisions)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a render depends on in one repository: a change of anything else changes nothing."""

    read: frozenset[str] = frozenset()
    """Files, and directories (with a slash at the end) of which every file counts."""
    probed: frozenset[str] = frozenset()
    """Paths that were looked for and were not there."""
    tool: str = ""
    outside: str = ""
    """A name for what was read that is in no repository; empty where nothing was."""


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
    secrets: Secrets | None = None
    """Where ConfigMaps and Secrets are read that renders need; None: nowhere."""
    kinds: Callable[[], Kinds] | None = None
    """What the destination serves now; None: nobody knows."""
    seal_key: bytes = b""
    is_trusted: bool = True
    """Off for commits of people who may not write to the repository: nothing is fetched with a Secret that they name."""
    memory: Memory | None = None
    """What was rendered before; None: everything is rendered."""
    is_for_show: bool = False
    """Whether nothing of it is applied: then no signature is wanted."""


_Checkout = tuple[Name, str]
"""A repository and a commit of it."""


@dataclass(frozen=True, slots=True)
class _Work:
    """One source of a target, and what its render is given."""

    target: Target
    place: "_Place"
    given: Given

    @property
    def source(self) -> GitSource:
        return self.target.application.sources[self.place[1]]

    @property
    def ref(self) -> str:
        """How its commit is followed; empty for one that is declared by its hash."""
        return self.target.revisions[self.place[1]].ref

    @property
    def request(self) -> RenderRequest:
        return RenderRequest(self.target.name, self.source.path, _options(self.target, self.source), self.given)


NO_FILES = Borrowed()

NOTHING = Rendered((), frozenset(), frozenset(), "")
"""Of a source that is only referred to."""

_Part = tuple[Rendered, str]
"""What a source renders to, and a name for what it was given."""

_Place = tuple[int, int]
"""Which of the targets, and which of its sources: numbers, since there may be a thousand to look up."""


async def load(targets: Sequence[Target], workshop: Workshop) -> Mapping[Name, Source | TrueupError]:
    """The documents of every target, or why there are none; one target's error spoils no other."""
    wanted: dict[_Checkout, list[_Work]] = {}
    failed: dict[Name, TrueupError] = {}
    outside, lent = await asyncio.gather(_outside(targets, workshop), _lent(targets, workshop))
    for number, target in enumerate(targets):
        for index, source in enumerate(target.application.sources):
            place = number, index
            given = outside.get(place) or Given(namespace=target.application.destination.namespace)
            files = lent.get(place) or NO_FILES
            if isinstance(given, TrueupError):
                failed[target.name] = given
                break
            if isinstance(files, TrueupError):
                failed[target.name] = files
                break
            added = workshop.repositories[source.repository].added
            if files.files or given.added != added:
                given = replace(given, files=files.files, added=added)
            wanted.setdefault((source.repository, target.revisions[index].commit), []).append(_Work(target, place, given))
    batches = await asyncio.gather(*(_render_checkout(checkout, work, workshop) for checkout, work in wanted.items()))
    parts: dict[_Place, _Part | TrueupError] = {}
    for batch in batches:
        parts |= batch
    return {
        target.name: (failed and failed.get(target.name)) or _assemble(number, target, parts, lent)
        for number, target in enumerate(targets)
    }


async def _outside(targets: Sequence[Target], workshop: Workshop) -> Mapping[_Place, Given | TrueupError]:
    """What lies outside of Git, of the sources that need something of it: most do not. All of it is asked for at once."""
    places = [
        ((number, index), target.application, options)
        for number, target in enumerate(targets)
        for index, source in enumerate(target.application.sources)
        if source.is_rendered and ((options := _options(target, source)).references or options.helm is not None)
    ]
    kinds = workshop.kinds() if workshop.kinds else None

    async def given(application: Application, options: RenderOptions) -> Given | TrueupError:
        try:
            return await gather(application, options, workshop.secrets, kinds)
        except TrueupError as error:
            return error

    answers = await asyncio.gather(*(given(application, options) for _, application, options in places))
    return {place: answer for (place, _, _), answer in zip(places, answers, strict=True)}


async def _lent(targets: Sequence[Target], workshop: Workshop) -> Mapping[_Place, Borrowed | TrueupError]:
    """Files of other sources, of the sources that name some."""
    places = {
        (number, index): (target.application, target.revisions, options)
        for number, target in enumerate(targets)
        for index, source in enumerate(target.application.sources)
        if source.is_rendered and borrowed(options := _options(target, source))
    }
    lenders = {source.repository for application, _, _ in places.values() for source in application.sources}
    lender = Lender({name: workshop.mirrors.of(workshop.repositories[name]) for name in lenders}, is_trusted=workshop.is_trusted)
    return dict(zip(places, await lender.lend(list(places.values())), strict=True))


def _options(target: Target, source: GitSource) -> RenderOptions:
    return source.render or target.application.render


async def _render_checkout(checkout: _Checkout, work: Sequence[_Work], workshop: Workshop) -> dict[_Place, _Part | TrueupError]:
    """Render everything that needs one commit, from one export of it."""
    repository, commit = workshop.repositories[checkout[0]], checkout[1]
    scratch = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="trueup-export-"))
    gaps: Mapping[str, str] = {}
    try:
        mirror = workshop.mirrors.of(repository)
        gaps = await mirror.ensure(commit, sorted({one.ref for one in work}), is_trusted=workshop.is_trusted)
        refused, signers = await _verified(mirror, commit, work, workshop)
        passed = [one for one in work if one.ref not in refused and one.source.is_rendered]
        answered = await _recalled(mirror, commit, [one.request for one in passed], workshop, scratch) if passed else []
        found: dict[_Place, _Part | TrueupError] = {
            one.place: refused.get(one.ref) or (NOTHING, signers + repository.added) for one in work
        }
        for one, (request, given) in zip(passed, answered, strict=True):
            answer = judged(gaps, request, given)
            outside = digest(request.given, workshop.seal_key) + signers + repository.added
            found[one.place] = answer if isinstance(answer, TrueupError) else (answer, outside)
    except TrueupError as error:
        return {one.place: failed(gaps, one.source.path, error) for one in work}
    else:
        return found
    finally:
        await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)


async def _verified(
    mirror: Mirror, commit: str, work: Sequence[_Work], workshop: Workshop
) -> tuple[Mapping[str, TrueupError], str]:
    if workshop.is_for_show:
        return {}, ""
    return await verified(mirror, commit, {one.ref for one in work}, workshop.secrets)


async def _recalled(
    mirror: Mirror, commit: str, requests: Sequence[RenderRequest], workshop: Workshop, scratch: Path
) -> list[tuple[RenderRequest, Answer]]:
    """Every request as it was rendered, and its answer: known from before, or made now."""
    memory, kinds = workshop.memory, workshop.kinds() if workshop.kinds else None
    recalled = await memory.recall(mirror, commit, requests, kinds) if memory else Recalled()
    answered: dict[int, tuple[RenderRequest, Answer]] = dict(recalled.known)
    if missing := [index for index in range(len(requests)) if index not in answered]:
        root = await _export(mirror, commit, [requests[index] for index in missing], scratch)
        asked = {index: _at_its_destination(requests[index], root, kinds) for index in missing}
        answered |= await _made(mirror, root, asked, recalled, workshop)
    return [answered[index] for index in range(len(requests))]


async def _made(
    mirror: Mirror, root: Path, asked: Mapping[int, RenderRequest], recalled: Recalled, workshop: Workshop
) -> dict[int, tuple[RenderRequest, Answer]]:
    """The answers of requests from an exported tree, by their places; what their charts need is put there first."""
    source = Dependencies(workshop.mirrors, workshop.repositories, workshop.secrets, is_trusted=workshop.is_trusted)
    supplied = dict(zip(asked, await source.put(root, list(asked.values())), strict=True))
    answered: dict[int, tuple[RenderRequest, Answer]] = {
        index: (asked[index], one) for index, one in supplied.items() if isinstance(one, TrueupError)
    }
    ready = {index: one for index, one in supplied.items() if isinstance(one, Supplied)}
    if workshop.memory:
        await workshop.memory.recall_again(recalled, {i: one.request for i, one in ready.items() if one.request.given.charts})
    answered |= {index: recalled.known[index] for index in ready if index in recalled.known}
    requests = {index: one.request for index, one in ready.items() if index not in answered}
    if not requests:
        return answered
    large = partial(render_large, mirror, renderer=workshop.renderer, is_trusted=workshop.is_trusted)
    render = large if mirror.repository.lfs else workshop.renderer.render
    answers = [
        _also_read(answer, ready[i].read) for i, answer in zip(requests, await render(root, list(requests.values())), strict=True)
    ]
    if workshop.memory:
        await workshop.memory.keep(recalled, list(requests.values()), answers)
    return answered | dict(zip(requests, zip(requests.values(), answers, strict=True), strict=True))


def _also_read(answer: Answer, read: frozenset[str]) -> Answer:
    return answer if isinstance(answer, TrueupError) or not read else replace(answer, read=answer.read | read)


def _at_its_destination(request: RenderRequest, root: Path, kinds: Kinds | None) -> RenderRequest:
    """A request for a chart that was not declared to be one, with what its destination serves."""
    if request.given.kube_version or kinds is None or not is_chart(root / request.path):
        return request
    return at_destination(request, kinds)


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


def _assemble(
    number: int, target: Target, parts: Mapping[_Place, _Part | TrueupError], lent: Mapping[_Place, Borrowed | TrueupError]
) -> Source | TrueupError:
    documents: list[RawDocument] = []
    inputs: dict[Name, Inputs] = {}
    for index, source in enumerate(target.application.sources):
        part = parts[number, index]
        if isinstance(part, TrueupError):
            return _missing(part, number, target, parts) if isinstance(part, PathMissing) else part
        rendered, outside = part
        documents += rendered.documents
        own = Inputs(rendered.read, rendered.probed, f"{rendered.tool};", outside)
        known = inputs.get(source.repository) if inputs else None
        inputs[source.repository] = own if known is None else _both(known, own)
    for index in range(len(target.application.sources)) if lent else ():
        if isinstance(files := lent.get((number, index)), Borrowed):
            for name in files.read.keys() | files.probed.keys():
                read, probed = files.read.get(name, frozenset()), files.probed.get(name, frozenset())
                inputs[name] = replace(inputs[name], read=inputs[name].read | read, probed=inputs[name].probed | probed)
    return Source(tuple(documents), inputs)


def _both(one: Inputs, other: Inputs) -> Inputs:
    return Inputs(one.read | other.read, one.probed | other.probed, f"{one.tool}{other.tool}", f"{one.outside}{other.outside}")


def _missing(error: PathMissing, number: int, target: Target, parts: Mapping[_Place, _Part | TrueupError]) -> TrueupError:
    """A path that is not there: where other sources have theirs, not all of the application has vanished, and none of it is to go."""
    places = [(number, index) for index, source in enumerate(target.application.sources) if source.is_rendered]
    if all(isinstance(parts[place], PathMissing) for place in places):
        return error
    return SourceRefused(f"{error}, or take the source out")


def vanished(target: Target) -> Source:
    """What an application renders to whose path is gone: nothing, until the path is there again."""
    return Source((), {source.repository: Inputs(probed=frozenset({f"{source.path}/"})) for source in target.application.sources})
