"""Which of a commit's renders were made before: asks the cache, under the name that each would have, and keeps what is new."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.git.mirror import Mirror
from reconciler.model.objects import Kinds
from reconciler.render.cache import RenderCache, Scope, may_keep, name_of, scope_of, tools_now
from reconciler.render.result import Rendered, RenderRequest
from reconciler.render.wire import Answer
from reconciler.settings import ReconcilerSettings


class Memory:
    """The renders that a worker, or one before it, made."""

    def __init__(self, settings: ReconcilerSettings) -> None:
        self._cache = RenderCache(settings.state, settings.render_cache * 1024 * 1024)
        self._helm = settings.helm
        self.is_on = settings.render_cache > 0

    async def recall(self, mirror: Mirror, commit: str, requests: Sequence[RenderRequest], kinds: Kinds | None) -> "Recalled":
        """What is known of these requests at a commit that is here.

        Args:
            mirror: of the repository.
            commit: a full hash.
            requests: as declared; a chart may not be known to be one.
            kinds: what the destination serves; None: nobody knows.
        """
        if not self.is_on:
            return Recalled()
        tools = await asyncio.to_thread(tools_now, self._helm)
        trees = await mirror.trees(commit, ["", *(request.path for request in requests)])
        recalled = Recalled(trees, tools, knows_destination=kinds is not None)
        await asyncio.to_thread(self._find, recalled, dict(enumerate(requests)))
        if kinds is not None and len(recalled.known) < len(requests):
            placed = [at_destination(one, kinds) for one in requests]
            await asyncio.to_thread(self._find, recalled, dict(enumerate(placed)))
        return recalled

    async def recall_again(self, recalled: "Recalled", requests: Mapping[int, RenderRequest]) -> None:
        """Look for requests once more that are given more by now, by their places."""
        if self.is_on and requests:
            await asyncio.to_thread(self._find, recalled, requests)

    def _find(self, recalled: "Recalled", requests: Mapping[int, RenderRequest]) -> None:
        """Look for those that are not known yet, by their places."""
        for scope in Scope:
            wanted: dict[str, list[int]] = {}
            for index, request in requests.items():
                if index not in recalled.known and may_keep(request) and (name := recalled.name(request, scope)):
                    wanted.setdefault(name, []).append(index)
            for name, rendered in self._cache.find(wanted).items():
                recalled.known |= {index: (requests[index], rendered) for index in wanted[name]}

    async def keep(self, recalled: "Recalled", requests: Sequence[RenderRequest], answers: Sequence[Answer]) -> None:
        """Remember what was rendered; an error is no render."""
        renders: dict[str, tuple[RenderRequest, Rendered]] = {}
        for request, answer in zip(requests, answers, strict=True):
            if isinstance(answer, Rendered) and recalled.may_keep(request, answer):
                name = recalled.name(request, scope_of(answer, request.path))
                renders |= {name: (request, answer)} if name else {}
        if self.is_on and renders:
            await asyncio.to_thread(self._cache.keep, renders)

    def close(self) -> None:
        """Close the file."""
        self._cache.close()


@dataclass(slots=True)
class Recalled:
    """What is known of a commit's renders, and what their names are made of."""

    trees: Mapping[str, str] = field(default_factory=dict)
    tools: bytes = b""
    knows_destination: bool = False
    known: dict[int, tuple[RenderRequest, Rendered]] = field(default_factory=dict)
    """By the request's place among those that were asked about; the request as it was rendered."""

    def name(self, request: RenderRequest, scope: Scope) -> str | None:
        """The name of a render; None where its directory is not in the commit."""
        tree = self.trees.get(request.path if scope is Scope.DIRECTORY else "")
        if tree is None:
            return None
        return name_of(request, tree, scope, self.tools, knows_destination=self.knows_destination)

    def may_keep(self, request: RenderRequest, rendered: Rendered) -> bool:
        """Whether a render may be kept; not one of a chart whose destination should be known, and is not yet."""
        is_ahead = self.knows_destination and "helm/" in rendered.tool and not request.given.kube_version
        return may_keep(request) and not is_ahead


def at_destination(request: RenderRequest, kinds: Kinds) -> RenderRequest:
    """A request with what its destination serves, unless it has that already."""
    if request.given.kube_version:
        return request
    return replace(request, given=replace(request.given, kube_version=kinds.version, api_versions=kinds.api_versions))
