"""Probes of a process that has no HTTP of its own: /healthz, /readyz, which names what fails, and /metrics."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from jobs.metrics import REGISTRY
from jobs.settings import host_and_port
from reconciler.errors import Stalled

CHECK_SECONDS = 2.0
"""Until a check is taken to fail; whoever probes waits no longer than a few seconds either."""

Check = Callable[[], Awaitable[str]]
"""Empty when all is well, else what is wrong."""


@asynccontextmanager
async def probes(address: str, checks: Mapping[str, Check], *, notes: Mapping[str, Check] | None = None) -> AsyncIterator[None]:
    """Answer probes on `host:port` while the block runs; nowhere when it is empty. Notes are told, and fail nothing.

    Raises:
        Stalled: when something else listens there.
    """
    if not address:
        yield
        return

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_: web.Request) -> web.Response:
        asked = {**checks, **(notes or {})}
        answers = await asyncio.gather(*(_ask(check) for check in asked.values()))
        found = dict(zip(asked, answers, strict=True))
        failing = {name for name in checks if found[name]}
        return web.json_response({"status": "failing" if failing else "ok", "checks": found}, status=503 if failing else 200)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await listen(runner, address, "TRUEUP_PROBE_LISTEN")
        yield
    finally:
        await runner.cleanup()


async def _ask(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check()
    except TimeoutError:
        return f"no answer within {CHECK_SECONDS:g} s"


async def listen(runner: web.AppRunner, address: str, setting: str) -> None:
    """Take connections on `host:port`.

    Raises:
        Stalled: when that cannot be had; the message names the setting.
    """
    host, port = host_and_port(address)
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
    except OSError as error:
        raise Stalled(f"cannot listen on {address}: {error.strerror or error}; set {setting} to another address") from error
