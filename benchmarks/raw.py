"""A raw client of the API server: what a figure is held against. It knows HTTP/1.1 as far as the server speaks it, and nothing else."""

import asyncio
import contextlib
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from benchmarks.cluster import Cluster

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
BUFFER_BYTES = 16 * 1024 * 1024
TIMEOUT_SECONDS = 30.0


class Connection:
    """One connection; one request after another."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(
        self, method: str, path: str, body: bytes = b"", *, content: str = "application/json", accept: str = "*/*"
    ) -> bytes:
        """The answer's body; anything but 2xx is an error."""
        reader, writer = await self._open()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            writer.write(self._head(method, path, content, accept, len(body)) + body)
            status, headers = await _head(reader)
            answer = b"".join([chunk async for chunk in _chunks(reader, headers)])
        assert 200 <= status < 300, f"{method} {path}: {status} {answer[:500]!r}"
        return answer

    async def events(self, path: str) -> AsyncIterator[dict[str, Any]]:
        """The events of a watch, until the connection is closed."""
        reader, writer = await self._open()
        writer.write(self._head("GET", path, "application/json", "application/json", 0))
        status, headers = await _head(reader)
        assert status == 200, f"watch {path}: {status}"
        pending = b""
        async for chunk in _chunks(reader, headers):
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                yield json.loads(line)

    async def close(self) -> None:
        """End it."""
        if self._streams is not None:
            self._streams[1].close()
            with contextlib.suppress(OSError):
                await self._streams[1].wait_closed()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            url = urlsplit(self._cluster.url)
            tls = ssl._create_unverified_context() if url.scheme == "https" else None  # noqa: SLF001 - a throw-away server on loopback
            self._streams = await asyncio.open_connection(url.hostname, url.port, ssl=tls, limit=BUFFER_BYTES)
        return self._streams

    def _head(self, method: str, path: str, content: str, accept: str, length: int) -> bytes:
        lines = (
            f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {self._cluster.token}", "User-Agent: raw",
            f"Accept: {accept}", f"Content-Type: {content}", f"Content-Length: {length}", "", "",
        )  # fmt: skip
        return "\r\n".join(lines).encode()


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    return int(first.split(" ")[1]), {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


async def _chunks(reader: asyncio.StreamReader, headers: dict[str, str]) -> AsyncIterator[bytes]:
    if headers.get("transfer-encoding") != "chunked":
        yield await reader.readexactly(int(headers.get("content-length", 0)))
        return
    while size := int(await reader.readuntil(b"\r\n"), 16):
        yield (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)


@asynccontextmanager
async def connected(cluster: Cluster) -> AsyncIterator[Connection]:
    """One connection, for the length of the block."""
    connection = Connection(cluster)
    try:
        yield connection
    finally:
        await connection.close()


Condition = Callable[[dict[str, Any]], bool]

Apply = tuple[str, bytes]
"""Path and body of one server-side apply."""


async def apply(connection: Connection, apply: Apply, manager: str = "raw") -> None:
    """As Trueup applies: by server-side apply with force, and the answer is metadata."""
    path, body = apply
    query = f"?fieldManager={manager}&force=true&fieldValidation=Strict"
    await connection.send("PATCH", path + query, body, content=APPLY, accept=METADATA)


async def apply_all(cluster: Cluster, applies: Sequence[Apply], *, in_flight: int) -> None:
    """Only send the applies, so many at a time."""
    left = iter(applies)
    async with contextlib.AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(_apply_left(await stack.enter_async_context(connected(cluster)), left))


async def _apply_left(connection: Connection, left: Iterable[Apply]) -> None:
    for one in left:
        await apply(connection, one)


class Watch:
    """What a watch has told: the newest of every object by its name, and when."""

    def __init__(self) -> None:
        self._newest: dict[str, tuple[dict[str, Any], float]] = {}
        self._waiting: list[tuple[str, Condition, asyncio.Future[float]]] = []

    async def until(self, name: str, condition: Condition) -> float:
        """When the event arrived with which an object fulfils a condition, by `perf_counter`."""
        known = self._newest.get(name)
        if known is not None and condition(known[0]):
            return known[1]
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting.append((name, condition, future))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await future

    async def follow(self, events: AsyncIterator[dict[str, Any]]) -> None:
        """Take events in, for ever."""
        async for event in events:
            now, found = time.perf_counter(), event["object"]
            name = found["metadata"]["name"]
            self._newest[name] = found, now
            told = [w for w in self._waiting if w[0] == name and w[1](found)]
            self._waiting = [w for w in self._waiting if w not in told]
            for _, _, future in told:
                if not future.done():
                    future.set_result(now)


@asynccontextmanager
async def watched(cluster: Cluster, path: str) -> AsyncIterator[Watch]:
    """Watch everything at a path from now on, for the length of the block."""
    async with connected(cluster) as connection:
        version = json.loads(await connection.send("GET", f"{path}?limit=1"))["metadata"]["resourceVersion"]
    watch = Watch()
    async with connected(cluster) as connection:
        following = asyncio.create_task(watch.follow(connection.events(f"{path}?watch=1&resourceVersion={version}")))
        try:
            yield watch
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
