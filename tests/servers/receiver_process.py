"""A receiver as a process of its own, whose memory can be looked at, and a client that costs less than it does."""

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from jobs.connection import connect
from jobs.keys import Keys
from jobs.records import ScopeRecord
from jobs.store.applications import ApplicationStore
from tests.servers.front_door import KEY, SCOPE
from tests.servers.ports import free_port

START_SECONDS = 20.0
MIB = 1024 * 1024


class ReceiverProcess:
    """A receiver that listens on a port of its own."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.port = port

    def memory(self, *, is_peak: bool = False) -> float:
        """MiB that it has resident; or had at most, since it started."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"{'VmHWM' if is_peak else 'VmRSS'}:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1024

    async def statuses(self, requests: Iterable[bytes]) -> list[int]:
        """The status of each answer, one after the other on one connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            return [await self._status(reader, writer, request) for request in requests]
        finally:
            writer.close()

    async def _status(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        assert length is not None, head
        await reader.readexactly(int(length[1]))
        return int(head.split(b" ", 2)[1])


async def pour(port: int, head: bytes, size: int, *, has_length: bool) -> tuple[int, int]:
    """Send a body until it is answered: the status, and how many bytes were taken."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head + (b"Content-Length: %d\r\n\r\n" % size if has_length else b"Transfer-Encoding: chunked\r\n\r\n"))
    piece, sent = b"x" * 65536, 0
    answer = asyncio.create_task(reader.read(65536))
    try:
        while sent < size and not answer.done():
            writer.write(piece if has_length else b"10000\r\n" + piece + b"\r\n")
            await writer.drain()
            sent += len(piece)
    except ConnectionError:
        pass
    async with asyncio.timeout(START_SECONDS):
        status = int((await answer).split(b" ", 2)[1])
    writer.transport.abort()
    await asyncio.sleep(0.05)  # the receiver sees that nobody is there any more
    return status, sent


@asynccontextmanager
async def receiver_process(directory: Path, url: str, keys: Keys, **settings: str) -> AsyncIterator[ReceiverProcess]:
    """A receiver that knows one repository; settings are variables without their prefix."""
    redis = connect(url)
    scope = ScopeRecord(scope=SCOPE, provider="github", repository="trueup/shop")
    await ApplicationStore(redis, keys).publish_scopes([scope])
    await redis.aclose()
    port = free_port()
    given = {
        "INSTANCE": keys.instance,
        "WEBHOOK_KEYS": KEY,
        "LISTEN": f"127.0.0.1:{port}",
        "REDIS_URL": url,
        "LOG_LEVEL": "error",
    }
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory)} | {f"TRUEUP_{n}": v for n, v in (given | settings).items()}
    log = directory / "receiver.log"
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "trueup", "receiver", env=environment, stdout=file, stderr=file
        )
        try:
            await _until_it_listens(process, port, log)
            yield ReceiverProcess(process, port)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            async with asyncio.timeout(START_SECONDS):
                await process.wait()


async def _until_it_listens(process: asyncio.subprocess.Process, port: int, log: Path) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            assert process.returncode is None, log.read_text()[-2000:]
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)
