"""The one room that speaks arq: what a queued job looks like, and the worker that takes it up.

An arq job is a wake-up: it names a function and a job's id, and may be lost or run twice. Its ids are new each time, so arq's rules
about equal ids, kept results and retries do not matter; its payload is JSON, since arq's default lets whoever writes to Redis run
code. Beside arq's poll a worker blocks on a list of tokens, so that a job starts in milliseconds while an idle worker sleeps.
"""

import asyncio
import contextlib
import functools
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import orjson
import structlog
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix, job_key_prefix
from arq.cron import CronJob, cron
from arq.jobs import serialize_job
from arq.typing import WorkerCoroutine
from arq.worker import Function, Worker, func
from redis.exceptions import RedisError

from jobs.connection import Redis, pool
from jobs.keys import Keys
from jobs.records import JobKind, JobRecord

log = structlog.get_logger()

EXPIRES_SECONDS = 30 * 24 * 3600
"""A wake-up that nobody took for so long means nothing any more; what remains to do is in the records."""

FIRST, AGAIN = "first", "again"
"""The last part of the ids of wake-ups that there is one of: that of a new job, and that of one which was taken for lost."""

LEAD_MS = 1_000_000
"""How much older what webhooks and people ask for counts than it is: it goes before periodic work, for so long at the most."""

STEP_MS = 100
"""How much younger each further wake-up of a lane counts than the one before: of ten thousand pushes of one repository the last one is
as old as periodic work, and the first push of another goes before all but the first of them. Who asks less than ten times a second
loses nothing. Nothing starves: after LEAD_MS everything is the oldest."""

UNHURRIED = frozenset({JobKind.POLL, JobKind.RECOVERED, JobKind.DRIFT, JobKind.DECLARED, JobKind.DEPENDENCY, JobKind.REMOVAL})
"""Jobs that Trueup makes by itself, now and then."""

TIMEOUT_SECONDS = 3600
"""Until arq cancels a function; every step within has a shorter deadline of its own."""

IDLE_SECONDS = 1.0
"""How long a worker sleeps without a token; delayed jobs and lost tokens are found then."""

READ_SECONDS = 0.2
"""How long a worker starts jobs of what it read of the queue; then it reads anew, since who came meanwhile may go before the rest."""

TOKENS = 1000
"""Tokens that are kept; more jobs than this are found by one look at the queue."""

RESTART_SECONDS = (0.1, 0.2, 0.5, 1.0)
"""Pauses before a worker that died with its connection is made again; the last one for ever."""

Task = Callable[..., Awaitable[None]]
"""`(context, job id)`; raises only what nobody could handle."""


class Wake:
    """The wake-up for one function and job, as the commands that put it into Redis."""

    __slots__ = ("id", "lane", "payload", "queue", "score", "tokens")

    def __init__(self, queue: str, function: str, job_id: str, *, delay_seconds: float = 0.0, number: str = "") -> None:
        """Make one for some time from now; the number tells it from others of its job, and is a new one unless it is given."""
        now = int(time.time() * 1000)
        self.id = f"{job_id}:{function}:{number or secrets.token_hex(4)}"
        self.lane = ""
        """The key of those with whom it takes turns; empty: it comes when it is its time."""
        self.payload = serialize_job(function, (job_id,), {}, None, now, serializer=orjson.dumps)
        self.queue = queue
        self.score = now + int(delay_seconds * 1000)
        self.tokens = Keys.wake(queue)

    @classmethod
    def first(cls, keys: Keys, record: JobRecord, function: str = "begin") -> "Wake":
        """That of a new job: what comes in takes turns with others of its scope."""
        wake = cls(keys.queue, function, record.id, number=FIRST)
        wake.lane = "" if record.kind in UNHURRIED else keys.lane(record.scope or record.repository)
        return wake

    def arguments(self) -> list[str | bytes | int]:
        """For a script: id, payload, queue, score, list of tokens, lane."""
        return [self.id, self.payload, self.queue, self.score, self.tokens, self.lane]


WAKE_SCRIPT = f"""
local function wake(a, i)
  redis.call('SET', '{job_key_prefix}' .. a[i], a[i + 1], 'EX', {EXPIRES_SECONDS})
  local score, lane = tonumber(a[i + 3]), a[i + 5]
  if lane ~= '' then
    local last = tonumber(redis.call('GET', lane) or '0')
    score = math.min(score, math.max(score - {LEAD_MS}, last + {STEP_MS}))
    redis.call('SET', lane, string.format('%d', score), 'PX', {LEAD_MS})
  end
  redis.call('ZADD', a[i + 2], string.format('%d', score), a[i])
  redis.call('LPUSH', a[i + 4], '1')
  redis.call('LTRIM', a[i + 4], 0, {TOKENS - 1})
end
"""
"""Lua: put the wake-up into Redis that stands at argument i; 6 arguments."""

IS_WAITING = f"""
local function is_waiting(queue, wake)
  return redis.call('ZSCORE', queue, wake) and redis.call('EXISTS', '{in_progress_key_prefix}' .. wake) == 0
end
"""
"""Lua: whether a wake-up is in a queue and nobody has taken it out yet."""

_FORGET = f"redis.call('DEL', '{in_progress_key_prefix}' .. ARGV[1])"
"""Lua: a worker that died with a wake-up of this id is no reason to wait; only repeated ones have an id twice."""


class Queue:
    """Enqueues wake-ups."""

    def __init__(self, redis: Redis) -> None:
        self._script = redis.register_script(WAKE_SCRIPT + _FORGET + "wake(ARGV, 1)")

    async def enqueue(
        self, queue: str, function: str, job_id: str, *, delay_seconds: float = 0.0, is_repeated: bool = False
    ) -> None:
        """Wake a worker of a queue for a job; in one step. Repeated ones are one, so that a long queue does not grow by being checked."""
        wake = Wake(queue, function, job_id, delay_seconds=delay_seconds, number=AGAIN if is_repeated else "")
        await self._script(args=wake.arguments())


class QueueWorker(Worker):
    """arq's worker with a blocking wake."""

    _is_cut = False
    """Whether there may be more to start than was started."""

    async def main(self) -> None:
        """Run until cancelled, or until Redis goes away."""
        self.ctx["redis"] = self.pool
        while True:
            await self._poll_iteration()
            if self.job_counter >= self.max_jobs:
                await asyncio.wait(self.tasks.values(), timeout=IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            elif not self._is_cut:
                await cast("Redis", self.pool).blpop([Keys.wake(self.queue_name)], timeout=IDLE_SECONDS)

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Start those that there is room for, and for a moment only, counted from the first that could be started."""
        self._is_cut, until = False, None
        for job_id in job_ids:
            if self.job_counter >= self.max_jobs:
                return
            if until is not None and time.monotonic() > until:
                self._is_cut = True
                return
            if (task := self.tasks.get(job_id.decode())) is None or task.done():
                before = self.job_counter
                await super().start_jobs([job_id])
                until = until or (time.monotonic() + READ_SECONDS if self.job_counter > before else None)

    async def finish_job(self, *args: Any) -> None:
        """Put a wake-up away; where Redis is gone it comes again, and finds its job done."""
        with contextlib.suppress(RedisError, OSError):  # nobody awaits this when the worker is closed
            await super().finish_job(*args)


@dataclass(frozen=True, slots=True)
class Workload:
    """What one worker of a queue takes up."""

    queue: str
    tasks: Mapping[str, Task]
    context: object
    """Handed to every task as `context["context"]`."""
    concurrency: int
    periodic: Sequence[CronJob] = ()


async def work(url: str, load: Workload) -> None:
    """Take up the jobs of one queue until cancelled; survives every death of Redis.

    What runs when the connection is lost is cancelled; its jobs are found by `JobStore.lost`.
    """
    failures = 0
    while True:
        began = time.monotonic()
        worker = _make(url, load)
        try:
            await worker.main()
        except (RedisError, OSError) as error:
            log.warning("queue.lost", queue=load.queue, error=str(error))
        except Exception:  # arq may raise anything; its worker is begun anew, and what it had is in our own records
            log.exception("queue.crashed", queue=load.queue)
        finally:
            await _close(worker)
        failures = 0 if time.monotonic() - began > 10 else failures + 1
        await asyncio.sleep(RESTART_SECONDS[min(failures, len(RESTART_SECONDS) - 1)])


def _forgiving(task: Task) -> WorkerCoroutine:
    """The loss of Redis is no crash: what a task leaves behind then is found when Redis is back. All else is a bug, and told."""

    @functools.wraps(task)
    async def forgiving(ctx: dict[Any, Any], *args: Any) -> None:
        try:
            await task(ctx, *args)
        except (RedisError, OSError) as error:
            log.warning("task.interrupted", task=task.__name__, error=str(error) or type(error).__name__)
        except Exception:  # arq would count it as a try of its own, and log it without our context
            log.exception("task.crashed", task=task.__name__)

    return forgiving


def every(seconds: int, task: Task, name: str) -> CronJob:
    """A periodic task; arq runs it on one worker at a time."""
    return cron(
        _forgiving(task), name=name, second=set(range(0, 60, seconds)), unique=True, keep_result=0, timeout=TIMEOUT_SECONDS
    )


def _make(url: str, load: Workload) -> QueueWorker:
    functions: list[Function] = [func(_forgiving(task), name=name, keep_result=0) for name, task in load.tasks.items()]
    return QueueWorker(
        functions=functions,
        cron_jobs=[replace(periodic, name=f"{load.queue}:{periodic.name}") for periodic in load.periodic] or None,
        queue_name=load.queue,
        redis_pool=ArqRedis(pool(url), job_serializer=orjson.dumps, job_deserializer=orjson.loads),
        ctx={"context": load.context},
        max_jobs=load.concurrency,
        queue_read_limit=max(1000, 5 * load.concurrency),
        job_timeout=TIMEOUT_SECONDS,
        keep_result=0,
        max_tries=1_000_000,
        retry_jobs=False,
        handle_signals=False,
        poll_delay=IDLE_SECONDS,
        health_check_interval=3600,
        job_serializer=orjson.dumps,
        job_deserializer=orjson.loads,
    )


async def _close(worker: QueueWorker) -> None:
    """Cancel what runs and close the connections; Redis may be gone."""
    tasks: list[asyncio.Task[Any]] = list(worker.tasks.values())
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    with contextlib.suppress(RedisError, OSError):
        await worker.pool.connection_pool.disconnect(inuse_connections=True)
