"""A proxy in front of an API server that spoils one request: `async with FaultProxy(url) as proxy: proxy.fault = …`.

A request is known by its label, e.g. `PATCH /api/v1/namespaces/x/configmaps/a #1`, the first of its kind; a run without a fault says
which labels there are. A fault is played once. Some come before the server sees the request, some after it has done it.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp
import orjson
from aiohttp import web

HANG_SECONDS = 30.0
RETRY_AFTER_SECONDS = 1
HOP = {"transfer-encoding", "content-length", "connection", "content-encoding", "keep-alive"}


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request."""

    label: str
    kind: str
    """One of `KINDS`."""


@dataclass(slots=True)
class Seen:
    """A request that came by."""

    label: str
    at: float


def status(code: int, reason: str, message: str, **headers: str) -> web.Response:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason, "code": code}
    return web.Response(status=code, body=orjson.dumps(body), content_type="application/json", headers=headers)


ANSWERS: Mapping[str, Callable[[], web.Response]] = {
    "500": lambda: status(500, "InternalError", "etcdserver: leader changed"),
    "503": lambda: status(503, "ServiceUnavailable", "apiserver not ready"),
    "503 and Retry-After": lambda: status(503, "ServiceUnavailable", "not ready", **{"Retry-After": str(RETRY_AFTER_SECONDS)}),
    "429": lambda: status(429, "TooManyRequests", "too many requests", **{"Retry-After": str(RETRY_AFTER_SECONDS)}),
    "409": lambda: status(409, "Conflict", "the object has been modified; please apply your changes to the latest version"),
    "410": lambda: status(410, "Expired", "too old resource version"),
    "403": lambda: status(403, "Forbidden", 'User "trueup" cannot do this'),
    "no JSON": lambda: web.Response(status=502, text="<html>Bad Gateway</html>", content_type="text/html"),
}
"""Answers that come instead of the server's; the server sees nothing of the request."""

KINDS = (*ANSWERS, "timeout", "timeout when done", "500 when done", "reset", "reset in the body", "partial discovery")


@dataclass(slots=True)
class FaultProxy:
    """Forwards everything; remembers what came."""

    upstream: str
    fault: Fault | None = None
    seen: list[Seen] = field(default_factory=list)
    played: float = 0.0
    """When the fault was played, by `time.monotonic`; 0 before."""
    _counts: Counter[str] = field(default_factory=Counter)
    _runner: web.AppRunner | None = None
    _session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._session = aiohttp.ClientSession(auto_decompress=False, timeout=aiohttp.ClientTimeout(total=None))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        assert self._session is not None
        await self._runner.cleanup()
        await self._session.close()

    @property
    def url(self) -> str:
        assert self._runner is not None
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    @property
    def labels(self) -> list[str]:
        """Everything that came, in its order."""
        return [seen.label for seen in self.seen]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        is_watch = request.query.get("watch") == "1"
        what = f"{'WATCH' if is_watch else request.method} {request.path}{' dry' if 'dryRun' in request.query else ''}"
        self._counts[what] += 1
        label = f"{what} #{self._counts[what]}"
        self.seen.append(Seen(label, time.monotonic()))
        if self.fault is None or self.fault.label != label or self.played:
            return await self._forward(request)
        self.played = time.monotonic()
        return await self._play(request, self.fault.kind)

    async def _play(self, request: web.Request, kind: str) -> web.StreamResponse:
        if kind in ANSWERS:
            return ANSWERS[kind]()
        special: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = {
            "timeout": self._hang,
            "timeout when done": self._do_and_hang,
            "500 when done": self._do_and_fail,
            "reset": self._reset,
            "reset in the body": self._reset_in_the_body,
            "partial discovery": self._partial,
        }
        return await special[kind](request)

    async def _hang(self, _: web.Request) -> web.StreamResponse:
        await asyncio.sleep(HANG_SECONDS)
        return status(504, "Timeout", "too late")

    async def _do_and_hang(self, request: web.Request) -> web.StreamResponse:
        await self._ask(request)
        return await self._hang(request)

    async def _do_and_fail(self, request: web.Request) -> web.StreamResponse:
        await self._ask(request)
        return ANSWERS["500"]()

    async def _reset(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def _reset_in_the_body(self, request: web.Request) -> web.StreamResponse:
        code, headers, body = await self._ask(request)
        response = web.StreamResponse(status=code, headers={**headers, "Content-Length": str(len(body))})
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        return await self._reset(request)

    async def _partial(self, request: web.Request) -> web.StreamResponse:
        """Discovery without one group that does not answer: its versions are there, and stale. Other answers are left alone."""
        code, headers, body = await self._ask(request)
        document = orjson.loads(body)
        if document.get("kind") == "APIGroupDiscoveryList":
            for group in document["items"][:3]:
                for version in group["versions"]:
                    version.update(freshness="Stale", resources=[])
        return web.Response(status=code, headers=headers, body=orjson.dumps(document))

    async def _ask(self, request: web.Request) -> tuple[int, dict[str, str], bytes]:
        async with self._upstream(request, await request.read()) as answer:
            return answer.status, _kept(answer.headers), await answer.read()

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        async with self._upstream(request, await request.read()) as answer:
            response = web.StreamResponse(status=answer.status, headers=_kept(answer.headers))
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response

    def _upstream(self, request: web.Request, body: bytes) -> Any:
        assert self._session is not None
        headers = {
            name: value for name, value in request.headers.items() if name.lower() not in (*HOP, "host", "accept-encoding")
        }
        url = f"{self.upstream}{request.rel_url}"
        return self._session.request(request.method, url, headers=headers, data=body or None)


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in HOP}
