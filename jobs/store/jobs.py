"""The records of jobs: one hash each, its fields written one by one, so that nobody overwrites what another wrote."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from jobs.connection import Redis
from jobs.keys import INDEX_LENGTH, Keys
from jobs.queue import WAKE_SCRIPT, Wake
from jobs.records import FINAL_STATES, JobRecord, JobState, StageRecord, SyncRecord

PREDECLARED = frozenset({"state", "message", "updated", "finished", "commit", "repository", "ref", "superseded_by", "actor"})
"""Fields of the hash that stand over those of the record as it was created."""

CREATE_SCRIPT = (
    WAKE_SCRIPT
    + f"""
local function create(a, i)
  local delivery, job, id, record, score, state, expires = a[i], a[i+1], a[i+2], a[i+3], a[i+4], a[i+5], tonumber(a[i+6])
  local active, jobs, events, event = a[i+7], a[i+8], a[i+9], a[i+10]
  local known = delivery ~= '' and redis.call('GET', delivery)
  if known then return {{known, 0}} end
  if delivery ~= '' then redis.call('SET', delivery, id, 'EX', a[i+11]) end
  redis.call('HSET', job, 'record', record, 'state', state)
  redis.call('ZADD', jobs, score, id)
  redis.call('ZREMRANGEBYRANK', jobs, 0, -{INDEX_LENGTH + 1})
  local n = tonumber(a[i+12])
  for k = 1, n do
    redis.call('ZADD', a[i+12+k], score, id)
    redis.call('EXPIRE', a[i+12+k], a[i+13+n])
  end
  i = i + 14 + n
  if expires > 0 then redis.call('EXPIRE', job, expires) else redis.call('ZADD', active, score, id) end
  if a[i] ~= '' then wake(a, i) end
  redis.call('PUBLISH', events, event)
  return {{id, 1}}
end
"""
)
"""Lua: create one job that stands at argument i, unless its delivery is known; answers its id and whether it is new."""

_TRANSITION = """
local state = redis.call('HGET', KEYS[1], 'state')
if not state then return 0 end
for _, final in ipairs({'succeeded', 'failed', 'superseded', 'ignored'}) do
  if state == final then return 0 end
end
redis.call('HSET', KEYS[1], 'state', ARGV[1], 'message', ARGV[2], 'updated', ARGV[3], unpack(ARGV, 7))
if ARGV[4] ~= '0' then
  redis.call('HSET', KEYS[1], 'finished', ARGV[3])
  redis.call('HDEL', KEYS[1], 'owner', 'due')
  redis.call('ZREM', KEYS[2], ARGV[5])
  redis.call('EXPIRE', KEYS[1], ARGV[4])
end
redis.call('PUBLISH', KEYS[3], ARGV[6])
return 1
"""

_CLAIM = """
local state = redis.call('HGET', KEYS[1], 'state')
if not state then return 0 end
for _, final in ipairs({'succeeded', 'failed', 'superseded', 'ignored'}) do
  if state == final then return 0 end
end
local owner = redis.call('HGET', KEYS[1], 'owner')
if owner and owner ~= '' and owner ~= ARGV[1] and redis.call('EXISTS', ARGV[2] .. owner) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'owner', ARGV[1])
redis.call('HDEL', KEYS[1], 'due')
redis.call('HINCRBY', KEYS[1], 'attempts', 1)
return 1
"""

_LOST = """
local found = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, 499)) do
  local job = ARGV[1] .. id
  local values = redis.call('HMGET', job, 'state', 'owner', 'due', 'created_ms')
  if not values[1] then redis.call('ZREM', KEYS[1], id)
  elseif values[1] ~= 'held' then
    local owner, due = values[2], tonumber(values[3] or '0')
    local is_dead = owner and owner ~= '' and redis.call('EXISTS', ARGV[2] .. owner) == 0
    local is_overdue = (not owner or owner == '') and due + 2000 < tonumber(ARGV[3])
    if is_dead or is_overdue then
      redis.call('HSET', job, 'owner', '', 'due', ARGV[3])
      table.insert(found, id)
    end
  end
end
return found
"""


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs are listed; empty is all."""

    repository: str = ""
    commit: str = ""
    application: str = ""
    state: str = ""


class JobStore:
    """The records of jobs."""

    def __init__(self, redis: Redis, keys: Keys, *, retention_seconds: float, now: Callable[[], datetime] | None = None) -> None:
        self.redis = redis
        self.keys = keys
        self._retention = int(retention_seconds)
        self.now = now or (lambda: datetime.now(UTC))
        self._create = redis.register_script(CREATE_SCRIPT + "return create(ARGV, 1)")
        self._transition = redis.register_script(_TRANSITION)
        self._claim = redis.register_script(_CLAIM)
        self._lost = redis.register_script(_LOST)

    def arguments(self, record: JobRecord, *, delivery_key: str = "", delivery_seconds: int = 0, wake: Wake | None) -> list[Any]:
        """The arguments of CREATE_SCRIPT for one job."""
        indexes = [
            ("repository", record.repository),
            ("commit", record.commit),
            *(("application", a) for a in record.applications),
        ]
        keys = [self.keys.jobs_of(index, value) for index, value in indexes if value]
        score = int(record.created.timestamp() * 1000)
        expires = self._retention if record.state.is_final else 0
        return [
            delivery_key, self.keys.job(record.id), record.id, record.model_dump_json(), score, str(record.state), expires,
            self.keys.active, self.keys.jobs, self.keys.events, _event(record.id, record.state), delivery_seconds,
            len(keys), *keys, self._retention, *(wake.arguments() if wake else [""]),
        ]  # fmt: skip

    async def create(self, record: JobRecord, wake: Wake | None = None) -> None:
        """Store a job and wake somebody for it, in one step."""
        await self._create(args=self.arguments(record, wake=wake))

    async def load(self, job_id: str) -> JobRecord | None:
        """One job; None when there is none, or no more."""
        found: Mapping[bytes, bytes] = await self.redis.hgetall(self.keys.job(job_id))
        return _assemble(found) if found else None

    async def transition(self, job_id: str, state: JobState, message: str, **more: str) -> bool:
        """Bring a job into a state; False when it is final already. More fields are written with it."""
        final = str(self._retention) if state in FINAL_STATES else "0"
        keys = [self.keys.job(job_id), self.keys.active, self.keys.events]
        fields = [part for pair in more.items() for part in pair]
        args = [str(state), message, self.now().isoformat(), final, job_id, _event(job_id, state), *fields]
        return bool(await self._transition(keys=keys, args=args))

    async def update(self, job_id: str, **fields: str) -> None:
        """Write fields of a job: `commit`, `repository`, `ref`, `actor`."""
        await self.redis.hset(self.keys.job(job_id), mapping={**fields, "updated": self.now().isoformat()})

    async def set_applications(self, job_id: str, applications: Iterable[str]) -> None:
        """Note which applications a job touches, and list it among theirs."""
        names = tuple(applications)
        score = int(self.now().timestamp() * 1000)
        async with self.redis.pipeline(transaction=False) as pipe:
            pipe.hset(self.keys.job(job_id), "applications", orjson.dumps(names))
            for name in names:
                pipe.zadd(self.keys.jobs_of("application", name), {job_id: score})
                pipe.expire(self.keys.jobs_of("application", name), self._retention)
            await pipe.execute()

    async def add_stage(self, job_id: str, name: str, detail: str = "") -> None:
        """Note that a job has reached a stage; a stage that is reached again keeps its first time."""
        stage = StageRecord(name=name, at=self.now(), detail=detail)
        async with self.redis.pipeline(transaction=False) as pipe:
            pipe.hsetnx(self.keys.job(job_id), f"stage:{name}", stage.model_dump_json())
            pipe.publish(self.keys.events, _event(job_id, "stage", name))
            await pipe.execute()

    async def put_syncs(self, job_id: str, syncs: Iterable[SyncRecord]) -> None:
        """Write what syncs have come to so far."""
        mapping = {f"sync:{sync.application}": sync.model_dump_json() for sync in syncs}
        if mapping:
            async with self.redis.pipeline(transaction=False) as pipe:
                pipe.hset(self.keys.job(job_id), mapping=mapping)
                pipe.publish(self.keys.events, _event(job_id, "sync"))
                await pipe.execute()

    async def claim(self, job_id: str, worker: str) -> bool:
        """Begin a job as its owner; False when it is final, gone, or another living worker has it."""
        return bool(await self._claim(keys=[self.keys.job(job_id)], args=[worker, self.keys.worker("")]))

    async def release(self, job_id: str, *, due_seconds: float = 0.0) -> None:
        """Give a job up, to be begun again when it is due; whoever notices that it is overdue wakes somebody."""
        due = int(self.now().timestamp() * 1000 + due_seconds * 1000)
        await self.redis.hset(self.keys.job(job_id), mapping={"owner": "", "due": due})

    async def lost(self) -> list[str]:
        """Active jobs whose owner is dead, or that are overdue; each is told to one caller."""
        args = [self.keys.job(""), self.keys.worker(""), int(self.now().timestamp() * 1000)]
        found = await self._lost(keys=[self.keys.active], args=args)
        return [job_id.decode() for job_id in found]

    async def find(self, wanted: JobFilter, *, limit: int, before: str = "") -> tuple[list[JobRecord], str]:
        """Jobs, newest first, and where the next page begins; empty when there is none."""
        index = next(
            (
                self.keys.jobs_of(name, value)
                for name in ("application", "commit", "repository")
                if (value := getattr(wanted, name))
            ),
            self.keys.jobs,
        )
        start = int(before or 0)
        found: list[JobRecord] = []
        while len(found) < limit:
            ids = await self.redis.zrange(index, start, start + 99, desc=True)
            if not ids:
                return found, ""
            for job in await self._load_many([job_id.decode() for job_id in ids]):
                start += 1
                if job is not None and _matches(job, wanted):
                    found.append(job)
                    if len(found) == limit:
                        break
        return found, str(start)

    async def subscribe(self) -> AsyncIterator[Mapping[str, Any]]:
        """What happens to jobs and applications, as it happens: `{"type", "id", "state"}`."""
        async with self.redis.pubsub() as channel:
            await channel.subscribe(self.keys.events)
            async for message in channel.listen():
                if message["type"] == "message":
                    yield orjson.loads(message["data"])

    async def _load_many(self, ids: list[str]) -> list[JobRecord | None]:
        async with self.redis.pipeline(transaction=False) as pipe:
            for job_id in ids:
                pipe.hgetall(self.keys.job(job_id))
            return [_assemble(found) if found else None for found in await pipe.execute()]


def _assemble(found: Mapping[bytes, bytes]) -> JobRecord | None:
    """A record from the fields of its hash."""
    if b"record" not in found:
        return None
    data = orjson.loads(found[b"record"])
    stages: list[dict[str, Any]] = []
    syncs: list[dict[str, Any]] = []
    for name, value in found.items():
        field, _, rest = name.decode().partition(":")
        if field == "stage" and rest:
            stages.append(orjson.loads(value))
        elif field == "sync":
            syncs.append(orjson.loads(value))
        elif field in PREDECLARED:
            data[field] = value.decode()
        elif field == "attempts":
            data[field] = int(value)
        elif field == "applications":
            data[field] = orjson.loads(value)
    data["stages"] = [*data["stages"], *sorted(stages, key=lambda stage: str(stage["at"]))]
    data["syncs"] = sorted(syncs, key=lambda sync: str(sync["application"]))
    return JobRecord.model_validate(data)


def _matches(job: JobRecord, wanted: JobFilter) -> bool:
    return (
        wanted.state in ("", job.state)
        and wanted.repository in ("", job.repository)
        and wanted.commit in ("", job.commit)
        and (not wanted.application or wanted.application in job.applications)
    )


def _event(job_id: str, state: str, detail: str = "") -> bytes:
    return orjson.dumps({"type": "job", "id": job_id, "state": state, "detail": detail})
