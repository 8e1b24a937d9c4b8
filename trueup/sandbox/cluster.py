"""The whole sandbox in one object: `async with SandboxCluster() as cluster:`.

It is no cluster: there is no node, no container, no network. Pods become ready because time has passed.
"""

import asyncio
from collections import Counter, deque
from types import TracebackType
from typing import Self

from aiohttp import web

from trueup.sandbox.controllers.run import Controllers
from trueup.sandbox.kinds import Kinds
from trueup.sandbox.paths import Options, Target
from trueup.sandbox.prepare import token
from trueup.sandbox.server import Request, Server
from trueup.sandbox.store import Store
from trueup.sandbox.writes import Writes

NAMESPACES = ("default", "kube-system", "kube-public")
STOP_SECONDS = 2.0

KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{{name: sandbox, cluster: {{server: "{url}"}}}}]
users: [{{name: sandbox, user: {{token: "{token}"}}}}]
contexts: [{{name: sandbox, context: {{cluster: sandbox, user: sandbox}}}}]
current-context: sandbox
"""


class SandboxCluster:
    """A Kubernetes API on loopback, in memory, for as long as the context lasts.

    Args:
        port: 0 for any that is free.
        rollout_seconds: how long one replica takes to become ready; None: workloads stay as they are written.
        history: how many writes a watch can reach back.
        bookmark_seconds: how long a watch is silent before it gets a bookmark.
    """

    def __init__(
        self, port: int = 0, *, rollout_seconds: float | None = 0.2, history: int = 20_000, bookmark_seconds: float = 5.0
    ) -> None:
        self.store = Store(history)
        self.kinds = Kinds()
        self.token = token()
        self._port = port
        writes = Writes(self.store, self.kinds)
        for name in NAMESPACES:
            document = {"metadata": {"name": name}}
            writes.create(Target(self.kinds.of("", "namespaces")), document, Options("kube-apiserver"))
        self._server = Server(self.store, self.kinds, writes, token=self.token, bookmark_seconds=bookmark_seconds)
        self._controllers = Controllers(self.store, self.kinds, writes, rollout_seconds=rollout_seconds)
        self._runner: web.AppRunner | None = None
        self._work: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Serve on loopback and start the controllers."""
        self._runner = web.AppRunner(
            self.application(), shutdown_timeout=STOP_SECONDS, access_log=None, handler_cancellation=True
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self._work = asyncio.create_task(self._controllers.run())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop serving; everything is forgotten."""
        if self._work:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
        if self._runner:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The API server's address."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def kubeconfig(self) -> str:
        """A kubeconfig for it, with its token."""
        return KUBECONFIG.format(url=self.url, token=self.token)

    @property
    def requests(self) -> deque[Request]:
        """The newest requests, oldest first."""
        return self._server.requests

    @property
    def silent(self) -> set[str]:
        """Groups that discovery says nothing of, as when the server of an aggregated API is away; may be changed."""
        return self._server.silent

    def counts(self) -> Counter[Request]:
        """How often each request came."""
        return self._server.counts()

    def application(self) -> web.Application:
        """The aiohttp application, for a server of one's own; the controllers are not in it."""
        return self._server.application()

    def compact(self) -> None:
        """Forget the history: watches and pages from before get 410."""
        self.store.forget()
