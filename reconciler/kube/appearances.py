"""Tells when a cluster serves a kind that it did not serve: whoever made the definition, Git or an operator.

Definitions and API services are watched, by their metadata, as long as somebody waits, and discovery is asked when one changes that
may bring what is wanted. The server answers a little later than it tells of the change, so it is asked a few times more.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager

from reconciler.errors import ApplyRefused, TrueupError
from reconciler.kube.client import Client
from reconciler.model.objects import Kind, Kinds
from reconciler.model.outcome import KindName

SOURCES = (
    Kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False),
    Kind("apiregistration.k8s.io", "v1", "APIService", "apiservices", namespaced=False),
)
"""What brings kinds; each is named `<something>.<group>`."""

ASKED_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0)
"""Pauses after a change until discovery is asked again, while something wanted is not in it."""

WATCH_SECONDS = 290

RETRY_SECONDS = 2.0
"""Pause after a watch has failed."""

REFUSED_SECONDS = 15.0
"""Where a watch is not permitted, discovery is asked this often instead."""


class Appearances:
    """The kinds that somebody waits for."""

    def __init__(self, client: Client, rediscover: Callable[[], Awaitable[Kinds]]) -> None:
        self._client = client
        self._rediscover = rediscover
        self._wanted: dict[asyncio.Event, frozenset[KindName]] = {}
        self._dirty = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def noticed(self, kinds: Collection[KindName]) -> AsyncIterator[asyncio.Event]:
        """An event that is set when one of these kinds is served; nothing is asked where there are none."""
        appeared = asyncio.Event()
        if not kinds:
            yield appeared
            return
        self._wanted[appeared] = frozenset(kinds)
        self._dirty.set()
        if self._task is None:
            self._task = asyncio.create_task(self._look())
        try:
            yield appeared
        finally:
            del self._wanted[appeared]
            if not self._wanted and (task := self._task) is not None:
                self._task = None
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _look(self) -> None:
        async with asyncio.TaskGroup() as group:
            for source in SOURCES:
                group.create_task(self._follow(source))
            group.create_task(self._ask())

    async def _ask(self) -> None:
        """Ask discovery after every change, and a few times more while something wanted is not in it."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            for pause in (*ASKED_SECONDS, 0.0):
                if await self._is_all_served():
                    break
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._dirty.wait()
                        self._dirty.clear()

    async def _is_all_served(self) -> bool:
        try:
            kinds = await self._rediscover()
        except TrueupError:
            return False
        for appeared, wanted in self._wanted.items():
            if any(kinds.find(group, kind, version or None) for group, kind, version in wanted):
                appeared.set()
        return all(appeared.is_set() for appeared in self._wanted)

    async def _follow(self, source: Kind) -> None:
        """Follow the changes of one source; of one that the cluster does not have there is nothing to follow."""
        version = ""
        while True:
            try:
                if not version:
                    version = await self._present(source)
                    self._dirty.set()
                version = await self._watch(source, version)
            except ApplyRefused as error:
                if error.code == 404:
                    return
                version = ""
                await asyncio.sleep(REFUSED_SECONDS)
            except TrueupError:
                version = ""
                await asyncio.sleep(RETRY_SECONDS)

    async def _present(self, source: Kind) -> str:
        """The state of the cluster from which changes are told; what came before it is asked for."""
        page = await self._client.list_page(source)
        return page.resource_version

    async def _watch(self, source: Kind, version: str) -> str:
        """Follow changes until the server ends the watch; the state to go on from, empty when it is too old."""
        watch = self._client.watch(
            source, resource_version=version, selector="", metadata_only=True, timeout_seconds=WATCH_SECONDS
        )
        async with watch as events:
            async for event in events:
                if event.type == "ERROR":
                    return ""
                metadata = event.object["metadata"]
                version = metadata.get("resourceVersion", version)
                if event.type != "BOOKMARK" and self._may_bring(str(metadata.get("name", ""))):
                    self._dirty.set()
        return version

    def _may_bring(self, name: str) -> bool:
        return any(name.endswith(f".{group}") for wanted in self._wanted.values() for group, _, _ in wanted)
