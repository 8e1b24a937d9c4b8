"""The one atomic step that stores what came in: delivery, record and wake-up; shared by all that arrive at the same moment.

With an append-only file on, the step is over when Redis has it on disk (`WAITAOF`), so that a 202 survives a power cut.
"""

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from redis.exceptions import RedisError, ResponseError

from jobs.connection import Redis
from jobs.keys import DELIVERY_SECONDS, Keys
from jobs.queue import Wake
from jobs.records import JobRecord, StageRecord
from jobs.store.jobs import JobStore
from jobs.store.scripts import CREATE
from reconciler.errors import StoreUnavailable

BATCH = 64
"""Arrivals of one step: half a millisecond of Redis' time."""

BACKLOG = 5000
"""Arrivals that wait for their step; more are turned away, and come again."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: https://www.crockford.com/base32.html"""

_ACCEPT = (
    CREATE
    + """
local answers, i = {}, 1
while i <= #ARGV do
  local length = tonumber(ARGV[i])
  table.insert(answers, create(ARGV, i + 1))
  i = i + 1 + length
end
return answers
"""
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A job that came in, under the id of its delivery where it has one."""

    record: JobRecord
    delivery: str = ""
    """`provider:delivery id`; empty: never seen before."""
    function: str = "begin"
    """What is woken; nothing for a job that is final already."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of an arrival."""

    job_id: str
    is_new: bool


def new_job_id(now: datetime | None = None) -> str:
    """26 letters and digits: ten of milliseconds, so that ids sort by age, and sixteen that nobody guesses."""
    moment = int((now or datetime.now(UTC)).timestamp() * 1000)
    digits = [_ALPHABET[(moment >> shift) & 31] for shift in range(45, -5, -5)]
    return "".join(digits) + "".join(secrets.choice(_ALPHABET) for _ in range(16))


def is_job_id(text: str) -> bool:
    """Whether a text could have been a job's id."""
    return len(text) == 26 and all(letter in _ALPHABET for letter in text)


class Intake:
    """Stores arrivals. Run `flush_forever` beside it."""

    def __init__(self, redis: Redis, store: JobStore, keys: Keys, *, durable_seconds: float) -> None:
        self._redis = redis
        self._store = store
        self._keys = keys
        self._durable_ms = int(durable_seconds * 1000)
        self._script = redis.register_script(_ACCEPT)
        self._waiting: asyncio.Queue[tuple[list[object], asyncio.Future[Accepted]]] = asyncio.Queue(BACKLOG)
        self._has_aof = True

    async def accept(self, arrival: Arrival, *, timeout_seconds: float) -> Accepted:
        """Store one arrival, durably; the same delivery again is the job that it became.

        Raises:
            StoreUnavailable: when Redis does not answer in time, or too many wait.
        """
        future: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
        try:
            self._waiting.put_nowait((self._arguments(arrival), future))
            async with asyncio.timeout(timeout_seconds):
                return await future
        except asyncio.QueueFull as error:
            raise StoreUnavailable(f"{BACKLOG} deliveries wait for Redis already; send it again later") from error
        except TimeoutError as error:
            raise StoreUnavailable(f"Redis did not take it within {timeout_seconds:g} s; send it again") from error

    async def flush_forever(self) -> None:
        """Take up what waits, step by step, until cancelled."""
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < BATCH and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            batch = [(arguments, future) for arguments, future in batch if not future.done()]
            if batch:
                await self._flush(batch)

    async def _flush(self, batch: Sequence[tuple[list[object], asyncio.Future[Accepted]]]) -> None:
        try:
            answers = await self._step([arguments for arguments, _ in batch])
        except (RedisError, OSError) as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(StoreUnavailable(f"Redis does not answer: {type(error).__name__}; send it again"))
            return
        for (_, future), (job_id, is_new) in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(Accepted(job_id.decode(), bool(is_new)))

    async def _step(self, arrivals: Sequence[list[object]]) -> Sequence[tuple[bytes, int]]:
        args = [part for one in arrivals for part in (len(one), *one)]
        async with self._redis.client() as connection:  # WAITAOF speaks of the writes of its own connection
            answers: Sequence[tuple[bytes, int]] = await self._script(args=args, client=connection)
            if self._has_aof and any(is_new for _, is_new in answers):
                await self._wait_for_disk(connection)
        return answers

    async def _wait_for_disk(self, connection: Redis) -> None:
        try:
            local, _ = await connection.execute_command("WAITAOF", 1, 0, self._durable_ms)
        except ResponseError as error:
            if "appendonly" not in str(error).lower():
                raise
            self._has_aof = False  # the operator chose so; the poll finds what is lost
            return
        if local < 1:
            raise OSError("the append-only file was not written in time")

    def _arguments(self, arrival: Arrival) -> list[object]:
        record = arrival.record
        wake = None if record.state.is_final else Wake(self._keys.queue, arrival.function, record.id)
        provider, _, delivery = arrival.delivery.partition(":")
        key = self._keys.delivery(provider, delivery) if arrival.delivery else ""
        return self._store.arguments(record, delivery_key=key, delivery_seconds=DELIVERY_SECONDS, wake=wake)


def received(record: JobRecord) -> JobRecord:
    """The record with its first stage."""
    stage = StageRecord(name="received", at=record.created)
    return record.model_copy(update={"stages": (stage, *record.stages)})


def age_seconds(job_id: str) -> float:
    """How long ago a job id was made."""
    moment = 0
    for letter in job_id[:10]:
        moment = moment << 5 | _ALPHABET.index(letter)
    return time.time() - moment / 1000
