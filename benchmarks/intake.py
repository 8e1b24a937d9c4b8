"""Signed pushes of 10 KB per second, each on disk before its 202; the floor is an endpoint that only reads the body."""

import asyncio
import hashlib
import hmac
import json
import multiprocessing
import secrets
import tempfile
import time
from pathlib import Path

import aiohttp
from aiohttp import web

from benchmarks.figure import Figure, p99
from jobs.records import ScopeRecord
from receiver.app import create_app
from receiver.front import FRONT
from receiver.keys import Purpose, derive_secret
from receiver.settings import ReceiverSettings
from tests.servers.valkey import Valkey
from trueup.demo.example import push_payload

KEY = "ab" * 32
SCOPE = "git.example/acme/shop"
COUNT = 6000
CONCURRENCY = 32


async def measure() -> list[Figure]:
    """The rate, and the slowest of a hundred."""
    with tempfile.TemporaryDirectory() as directory:
        valkey = Valkey(Path(directory))
        valkey.start()
        try:
            settings = ReceiverSettings(instance="bench", webhook_keys=(KEY,))
            app = create_app(settings, valkey.url)
            app.router.add_post("/floor", _floor)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            await app[FRONT].applications.publish_scopes([ScopeRecord(scope=SCOPE, provider="github", repository="trueup/shop")])
            url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            floor, _ = await _load(f"{url}/floor")
            rate, slow = await _load(f"{url}/webhooks/github/{SCOPE}")
            await runner.cleanup()
        finally:
            valkey.stop()
    return [
        Figure("webhook intake, durable, 10 KB", rate, "1/s", floor, n=COUNT),
        Figure("webhook intake, p99", slow * 1000, "ms", n=COUNT),
    ]


async def _floor(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(status=202)


async def _load(url: str) -> tuple[float, float]:
    """Rate and p99 of a load from another process."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_generate, args=(url, queue))
    process.start()
    rate, slow = await asyncio.to_thread(queue.get, True, 120)
    process.join()
    return rate, slow


def _generate(url: str, queue: "multiprocessing.Queue[tuple[float, float]]") -> None:
    queue.put(asyncio.run(_send(url)))


async def _send(url: str) -> tuple[float, float]:
    payload = push_payload("a" * 40, "0" * 40, f"https://{SCOPE}.git") | {"padding": "x" * 9500}
    body = json.dumps(payload).encode()
    key = derive_secret(bytes.fromhex(KEY), "github", Purpose.HMAC, SCOPE, 0).hex().encode()
    signature = "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
    times: list[float] = []
    left = iter(range(COUNT))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONCURRENCY)) as session:

        async def one() -> None:
            for _ in left:
                headers = {
                    "X-GitHub-Event": "push", "X-GitHub-Delivery": secrets.token_hex(8), "X-Hub-Signature-256": signature,
                    "Content-Type": "application/json",
                }  # fmt: skip
                began = time.perf_counter()
                async with session.post(url, data=body, headers=headers) as response:
                    assert response.status == 202, await response.text()
                times.append(time.perf_counter() - began)

        began = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(CONCURRENCY)))
        return COUNT / (time.perf_counter() - began), p99(times)
