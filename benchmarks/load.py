"""A load generator that costs little: keep-alive connections of its own protocol, in a process of its own, requests made beforehand."""

import asyncio
import contextlib
import multiprocessing
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a load came to."""

    rate: float
    """Answers a second."""
    seconds: Sequence[float]
    """From each request to its answer."""


async def load(port: int, requests: Sequence[bytes], *, connections: int, status: int) -> Outcome:
    """Send requests over so many connections, each one after its answer; every answer has the status.

    Raises:
        AssertionError: on any other answer, or when it takes too long.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_generate, args=(port, requests, connections, b"HTTP/1.1 %d " % status, sender))
    process.start()
    sender.close()  # so that a generator that dies is heard of
    try:
        if not await asyncio.to_thread(receiver.poll, TIMEOUT_SECONDS):
            raise AssertionError("the load generator does not come to an end")
        seconds, times = receiver.recv()
    except EOFError:
        raise AssertionError("the load generator died; why stands above") from None
    finally:
        process.terminate()
        process.join()
    return Outcome(len(times) / seconds, times)


def _generate(
    port: int, requests: Sequence[bytes], connections: int, expected: bytes, sender: "multiprocessing.connection.Connection"
) -> None:
    sender.send(asyncio.run(_send(port, requests, connections, expected)))


async def _send(port: int, requests: Sequence[bytes], connections: int, expected: bytes) -> tuple[float, list[float]]:
    loop = asyncio.get_running_loop()
    left, times = iter(requests), list[float]()
    opened = [
        await loop.create_connection(lambda: _Connection(left, times, expected), "127.0.0.1", port) for _ in range(connections)
    ]
    began = time.perf_counter()
    for _, connection in opened:
        connection.send()
    await asyncio.gather(*(connection.done for _, connection in opened))
    return time.perf_counter() - began, times


class _Connection(asyncio.Protocol):
    """Sends the next request when the answer is there."""

    def __init__(self, left: Iterator[bytes], times: list[float], expected: bytes) -> None:
        self._left, self._times, self._expected = left, times, expected
        self._answer = b""
        self._began = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self) -> None:
        """The next request, or the end."""
        request = next(self._left, None)
        if request is None:
            self._transport.close()
            self.done.set_result(None)
            return
        self._began = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, ended, body = self._answer.partition(b"\r\n\r\n")
        if not ended:
            return
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if len(body) < int(length or 0):
            return
        if not head.startswith(self._expected):
            self._fail(f"{head[:100]!r} {body[:300]!r}")
            return
        self._times.append(time.perf_counter() - self._began)
        self._answer = b""
        self.send()

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(f"the connection was closed: {error}")

    def _fail(self, why: str) -> None:
        with contextlib.suppress(asyncio.InvalidStateError):
            self.done.set_exception(AssertionError(why))
