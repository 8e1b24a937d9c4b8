"""Who lives, and who holds what: heartbeats of workers, leases of clusters.

A worker says every second that it lives. What it was doing when it stops is begun again by whoever notices; when it restarts on the
same host with the same state directory, its predecessor is known to be dead at once, since both need one lock file.
"""

import asyncio
import contextlib
import fcntl
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from redis.exceptions import RedisError

from jobs.connection import Redis
from jobs.keys import LEASE_SECONDS, WORKER_SECONDS, Keys
from reconciler.errors import Stalled

log = structlog.get_logger()

BEAT_SECONDS = 1.0
MARGIN_SECONDS = 1.0
"""A holder stops this long before its lease can lapse, so that two never write at once."""

_RENEW = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


@dataclass(frozen=True, slots=True)
class Place:
    """A state directory that this worker has to itself."""

    worker: str
    """The id of this worker."""
    predecessor: str
    """The id of the worker that used the directory before, and is dead; empty when there was none."""
    descriptor: int
    """Of the lock file: the directory is ours as long as it is open."""


def claim_state(state: Path) -> Place:
    """Take a state directory for a new worker.

    Raises:
        Stalled: when a living worker uses the directory, or it cannot be written.
    """
    try:
        state.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(state / "worker", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Stalled(f"the state directory {state}: {error.strerror}; give another with TRUEUP_STATE") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise Stalled(f"another worker uses the state directory {state}; give this one another with TRUEUP_STATE") from error
    previous = os.pread(descriptor, 200, 0).decode(errors="replace").strip()
    worker = f"{socket.gethostname()}-{secrets.token_hex(4)}"
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, worker.encode(), 0)
    return Place(worker, previous, descriptor)


class Heartbeat:
    """Says that a worker lives, every second."""

    def __init__(self, redis: Redis, keys: Keys, worker: str) -> None:
        self._redis = redis
        self._key = keys.worker(worker)

    async def bury(self, previous: str, keys: Keys) -> None:
        """Say that a predecessor is dead, so that its work is begun again at once."""
        if previous:
            await self._redis.delete(keys.worker(previous))

    async def beat(self) -> None:
        """Say once that the worker lives."""
        await self._redis.set(self._key, "1", px=WORKER_SECONDS * 1000)

    async def stop(self) -> None:
        """Say that the worker ends."""
        with contextlib.suppress(RedisError, OSError):
            await self._redis.delete(self._key)


class Lease:
    """A cluster's lease, for one worker."""

    def __init__(self, redis: Redis, key: str, worker: str) -> None:
        self._redis = redis
        self._key = key
        self._worker = worker
        self._renew = redis.register_script(_RENEW)
        self._release = redis.register_script(_RELEASE)
        self._safe_until = 0.0
        """By the loop's clock: until then it is nobody else's for certain, and MARGIN_SECONDS longer."""
        self.lost = asyncio.Event()
        """Set when the lease may be somebody else's: whatever is done under it must end."""

    async def acquire(self, *, predecessor: str = "") -> bool:
        """Take the lease if nobody has it, or only a dead predecessor."""
        if predecessor:
            await self._release(keys=[self._key], args=[predecessor])
        began = asyncio.get_running_loop().time()  # not when the answer came: Redis may have begun to count at once
        is_ours = bool(await self._renew(keys=[self._key], args=[self._worker, LEASE_SECONDS * 1000]))
        if is_ours:
            self._safe_until = began + LEASE_SECONDS - MARGIN_SECONDS
        return is_ours

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Keep an acquired lease renewed; given back at the end."""
        task = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            with contextlib.suppress(RedisError, OSError):
                await self._release(keys=[self._key], args=[self._worker])

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while (left := self._safe_until - loop.time()) > 0:
                await asyncio.sleep(min(BEAT_SECONDS, left))
                try:
                    async with asyncio.timeout_at(min(loop.time() + BEAT_SECONDS, self._safe_until)):
                        if not await self.acquire():
                            return
                except (RedisError, OSError) as error:
                    log.warning("lease.not_renewed", error=str(error) or type(error).__name__)
        finally:
            self.lost.set()
