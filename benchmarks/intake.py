"""Signed pushes of 10 KB a second, each on disk before its 202, from a load generator on the same cores; one receiver, logs as by default.

The floor is an endpoint of the same HTTP server that only reads the body.
"""

import asyncio
import hashlib
import hmac
import json
import multiprocessing
import os
import secrets
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import web

from benchmarks.figure import Figure, p99
from benchmarks.load import Outcome, load
from jobs.connection import connect
from jobs.derive import Purpose, derive_secret
from jobs.keys import Keys
from jobs.records import ScopeRecord
from jobs.store.applications import ApplicationStore
from tests.servers.ports import free_port
from tests.servers.valkey import Valkey
from trueup.demo.example import push_payload

KEY = "ab" * 32
SCOPE = "git.example/acme/shop"
ADDRESS = f"/webhooks/github/{SCOPE}"
COUNT = 10_000
CONNECTIONS = 32
READY_SECONDS = 20.0


async def measure() -> list[Figure]:
    """The rate, and the slowest of a hundred."""
    floor = await _floor()
    with tempfile.TemporaryDirectory(prefix="trueup-bench-") as name:
        valkey = Valkey(Path(name))
        valkey.start()
        try:
            found = await _taken(valkey.url, Path(name))
        finally:
            valkey.stop()
    return [
        Figure("webhook intake, durable, 10 KB", found.rate, "1/s", floor.rate, n=COUNT),
        Figure("webhook intake, p99", p99(found.seconds) * 1000, "ms", p99(floor.seconds) * 1000, n=COUNT),
    ]


async def _taken(url: str, directory: Path) -> Outcome:
    port = free_port()
    redis = connect(url)
    scope = ScopeRecord(scope=SCOPE, provider="github", repository="trueup/shop")
    await ApplicationStore(redis, Keys("bench")).publish_scopes([scope])
    await redis.aclose()
    async with _receiver(url, port, directory):
        return await load(port, [_request(port) for _ in range(COUNT)], connections=CONNECTIONS, status=202)


@asynccontextmanager
async def _receiver(url: str, port: int, directory: Path) -> AsyncIterator[None]:
    """A receiver as it is run, in a process of its own; its log goes to a file."""
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(directory), "TRUEUP_REDIS_URL": url, "TRUEUP_INSTANCE": "bench",
        "TRUEUP_WEBHOOK_KEYS": KEY, "TRUEUP_LISTEN": f"127.0.0.1:{port}", "TRUEUP_STATE": str(directory / "state"),
    }  # fmt: skip
    with (directory / "receiver.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "trueup", "receiver", env=environment, stdout=log, stderr=log
        )
    try:
        await _ready(f"http://127.0.0.1:{port}/healthz")
        yield
    finally:
        process.terminate()
        await process.wait()


async def _ready(url: str) -> None:
    async with asyncio.timeout(READY_SECONDS), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(url):
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)


async def _floor() -> Outcome:
    port = free_port()
    process = multiprocessing.get_context("spawn").Process(target=_serve_floor, args=(port,))
    process.start()
    try:
        await _ready(f"http://127.0.0.1:{port}/healthz")
        return await load(port, [_request(port) for _ in range(COUNT)], connections=CONNECTIONS, status=202)
    finally:
        process.terminate()
        process.join()


def _serve_floor(port: int) -> None:
    async def read(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/{path:.+}", read)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=lambda *_: None)


def _request(port: int) -> bytes:
    payload = push_payload("a" * 40, "0" * 40, f"https://{SCOPE}.git") | {"padding": "x" * 9500}
    body = json.dumps(payload).encode()
    key = derive_secret(bytes.fromhex(KEY), "github", Purpose.HMAC, SCOPE, 0).hex().encode()
    lines = (
        f"POST {ADDRESS} HTTP/1.1", f"Host: 127.0.0.1:{port}", "User-Agent: GitHub-Hookshot/bench", "Accept: */*",
        "Content-Type: application/json", f"Content-Length: {len(body)}", "X-GitHub-Event: push",
        f"X-GitHub-Delivery: {secrets.token_hex(16)}",
        f"X-Hub-Signature-256: sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}", "", "",
    )  # fmt: skip
    return "\r\n".join(lines).encode() + body
