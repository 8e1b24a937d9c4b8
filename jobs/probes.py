"""Probes of a process that has no HTTP of its own: /healthz, /readyz, which names what fails, and /metrics."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from jobs.metrics import REGISTRY

Check = Callable[[], Awaitable[str]]
"""Empty when all is well, else what is wrong."""


@asynccontextmanager
async def probes(listen: str, checks: Mapping[str, Check]) -> AsyncIterator[None]:
    """Answer probes on `host:port` while the block runs; nowhere when it is empty."""
    if not listen:
        yield
        return

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_: web.Request) -> web.Response:
        found = {name: await check() for name, check in checks.items()}
        failing = {name: reason for name, reason in found.items() if reason}
        return web.json_response({"status": "failing" if failing else "ok", "checks": found}, status=503 if failing else 200)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    host, _, port = listen.rpartition(":")
    await web.TCPSite(runner, host or "127.0.0.1", int(port)).start()
    try:
        yield
    finally:
        await runner.cleanup()
