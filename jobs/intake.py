"""The one atomic step that stores what came in: delivery, record and wake-up; shared by all that arrive at the same moment.

With an append-only file on, the step is over when Redis has it on disk (`WAITAOF`), so that a 202 survives a power cut.
"""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import structlog
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import RedisError, ResponseError

from jobs.connection import Redis
from jobs.keys import Keys
from jobs.queue import Wake
from jobs.records import ApplicationRecord, JobKind, JobRecord, JobState, StageRecord
from jobs.store.jobs import Arguments, JobStore
from reconciler.errors import StoreUnavailable

log = structlog.get_logger()

BATCH = 64
"""Arrivals of one step: half a millisecond of Redis' time."""

DEPTH = 2
"""Steps under way at once: one is made ready while Redis does the other."""

BACKLOG = 5000
"""Arrivals that wait for their step; more are turned away, and come again."""

AGAIN_SECONDS = (0.05, 0.1, 0.2, 0.4)
"""Pauses before a step that lost its connection is done again; a server that restarts is back by then, or it takes longer."""

NO_AOF_SECONDS = 1.0
"""How long a server that has no append-only file is not asked again; it may be switched on, or another server take its place."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: https://www.crockford.com/base32.html"""

_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A job that came in, under the id of its delivery where it has one."""

    record: JobRecord
    delivery: str = ""
    """`provider:` and what it is known by there; empty: never seen before."""
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
    number = moment << 80 | secrets.randbits(80)
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -10, -10)])


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
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue(BACKLOG)
        self._no_aof_until = 0.0
        """By the loop's clock: until then the server is taken to have no append-only file."""

    async def accept(self, arrival: Arrival, *, timeout_seconds: float) -> Accepted:
        """Store one arrival, durably; the same delivery again is the job that it became.

        Raises:
            StoreUnavailable: when Redis does not answer in time, or too many wait.
        """
        return (await self.accept_all([arrival], timeout_seconds=timeout_seconds))[0]

    async def accept_all(self, arrivals: Sequence[Arrival], *, timeout_seconds: float) -> Sequence[Accepted]:
        """Store what came in together, all of it or nothing, durably; what became of each, in their order.

        Raises:
            StoreUnavailable: when Redis does not answer in time, or too many wait.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Sequence[Accepted]] = loop.create_future()
        try:
            self._waiting.put_nowait(_Waiting([self._arguments(arrival) for arrival in arrivals], future))
        except asyncio.QueueFull as error:
            raise StoreUnavailable(f"{BACKLOG} deliveries wait for Redis already; send it again later") from error
        expiry = loop.call_later(timeout_seconds, _expire, future, timeout_seconds)
        try:
            return await future
        finally:
            expiry.cancel()

    async def flush_forever(self) -> None:
        """Take up what waits, step by step, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(DEPTH):
                group.create_task(self._take_up())

    async def _take_up(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < BATCH and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            batch = [waiting for waiting in batch if not waiting.future.done()]
            if batch:
                await self._flush(batch)

    async def _flush(self, batch: Sequence["_Waiting"]) -> None:
        try:
            answers = iter(await self._stored([arguments for waiting in batch for arguments in waiting.arguments]))
        except Exception as error:  # whatever it is, each of those who wait is told
            self._no_aof_until = 0.0  # another server may answer from now on
            if not isinstance(error, RedisError | OSError):
                log.exception("intake.crashed")
            for waiting in batch:
                if not waiting.future.done():
                    reason = f"Redis does not answer: {type(error).__name__}; send it again"
                    waiting.future.set_exception(StoreUnavailable(reason))
            return
        for waiting in batch:
            found = [Accepted(job_id.decode(), bool(is_new)) for job_id, is_new in islice(answers, len(waiting.arguments))]
            if not waiting.future.done():
                waiting.future.set_result(found)

    async def _stored(self, arrivals: Sequence[Arguments]) -> Sequence[tuple[bytes, int]]:
        """Do the step; as a whole again when the connection is lost meanwhile: what was stored before is known by its delivery."""
        for pause in AGAIN_SECONDS:
            try:
                return await self._step(arrivals)
            except Disconnected:
                await asyncio.sleep(pause)
        return await self._step(arrivals)

    async def _step(self, arrivals: Sequence[Arguments]) -> Sequence[tuple[bytes, int]]:
        """WAITAOF waits for what was written before it on its own connection; a new connection has nothing to wait for."""
        async with self._redis.client() as client:
            patient, client.connection.retry = client.connection.retry, Retry(NoBackoff(), 0)
            try:
                answers = await self._store.create_many(arrivals, client=client)
                # also when nothing is new: the first answer may have been lost before it was on disk
                if asyncio.get_running_loop().time() >= self._no_aof_until:
                    await self._wait_for_disk(client)
            finally:
                client.connection.retry = patient
        return answers

    async def _wait_for_disk(self, connection: Redis) -> None:
        try:
            local, _ = await connection.execute_command("WAITAOF", 1, 0, self._durable_ms)
        except ResponseError as error:
            if "appendonly" not in str(error).lower():
                raise
            # the operator chose so, and the poll finds what is lost; or this server has none, and the next one does
            self._no_aof_until = asyncio.get_running_loop().time() + NO_AOF_SECONDS
            return
        if local < 1:
            raise OSError("the append-only file was not written in time")

    def _arguments(self, arrival: Arrival) -> Arguments:
        record = arrival.record
        wake = None if record.state.is_final else Wake.first(self._keys, record, arrival.function)
        provider, _, delivery = arrival.delivery.partition(":")
        key = self._keys.delivery(provider, delivery) if arrival.delivery else ""
        return self._store.arguments(record, delivery_key=key, wake=wake)


@dataclass(frozen=True, slots=True)
class _Waiting:
    arguments: Sequence[Arguments]
    """Of each arrival that came in together."""
    future: "asyncio.Future[Sequence[Accepted]]"


def _expire(future: "asyncio.Future[Sequence[Accepted]]", seconds: float) -> None:
    if not future.done():
        future.set_exception(StoreUnavailable(f"Redis did not take it within {seconds:g} s; send it again"))


def asked_for(application: ApplicationRecord, kind: JobKind, person: str, *, detail: str = "", **asked: Any) -> JobRecord:
    """What a person asks of an application, as a job; an approval is about the commit that the application should be at.

    Args:
        application: as its cluster's holder last said.
        kind: what is asked.
        person: who asks.
        detail: how, for people.
        asked: further fields of the job.
    """
    now = datetime.now(UTC)
    desired = application.desired.rpartition(":")[2]
    record = JobRecord(
        id=new_job_id(now), kind=kind, state=JobState.QUEUED, repository=application.repository,
        commit=desired if kind is JobKind.APPROVAL else "", actor=person, applications=(application.name,),
        created=now, updated=now, **asked,
    )  # fmt: skip
    return received(record, detail)


def received(record: JobRecord, detail: str = "") -> JobRecord:
    """The record with its first stage."""
    stage = StageRecord(name="received", at=record.created, detail=detail)
    return record.model_copy(update={"stages": (stage, *record.stages)})
