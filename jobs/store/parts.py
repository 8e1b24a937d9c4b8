"""Who does which part of a job: the beginning is any worker's, then there is a part for every cluster that the job touches.

A part is owned by the worker that does it, or due at a time. What a dead worker owned, or nobody did in time, is *lost*, and found
here; the wake-ups in the queues may vanish or come twice.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import orjson

from jobs.connection import Redis
from jobs.keys import Keys
from jobs.queue import AGAIN, FIRST, IS_WAITING
from jobs.store.jobs import JobStore
from jobs.store.scripts import IS_OPEN

BEGINNING = ""
"""The part that comes before any cluster is known; the others are named by their cluster's uid."""

GRACE_MS = 2000
"""How long a part that is due may lie before it is called lost: its wake-up is on its way."""

PAGE = 500
"""Active jobs that one step looks at: a millisecond of Redis' time."""

_WORK = """
local function work_of(job)
  local found = redis.call('HGET', job, 'work')
  return found and cjson.decode(found) or {[''] = {}}
end
local function put_work(job, work) redis.call('HSET', job, 'work', cjson.encode(work)) end
"""
"""Lua: the parts of a job, `{"<cluster>": {"owner": "<worker>"} or {"due": <ms>}}`; nobody has begun where there is no such field."""

_CLAIM = (
    IS_OPEN
    + _WORK
    + """
if not is_open(KEYS[1]) then return 0 end
local work = work_of(KEYS[1])
local part = work[ARGV[3]]
if not part and not (ARGV[3] == '' and next(work) == nil) then return 0 end
local owner = part and part.owner
if owner and owner ~= ARGV[1] and redis.call('EXISTS', ARGV[2] .. owner) == 1 then return 0 end
work[ARGV[3]] = {owner = ARGV[1]}
put_work(KEYS[1], work)
if ARGV[3] == '' then redis.call('HINCRBY', KEYS[1], 'attempts', 1) end
return 1
"""
)

_HAND_OVER = (
    _WORK
    + """
if redis.call('HEXISTS', KEYS[1], 'record') == 0 then return 0 end
local work = {}
for i = 2, #ARGV do work[ARGV[i]] = {due = tonumber(ARGV[1])} end
put_work(KEYS[1], work)
return 1
"""
)

_END = (
    _WORK
    + """
local work = work_of(KEYS[1])
if not work[ARGV[1]] or work[ARGV[1]].owner ~= ARGV[2] then return 0 end
work[ARGV[1]] = nil
put_work(KEYS[1], work)
return 1
"""
)

_POSTPONE = (
    IS_OPEN
    + _WORK
    + """
if not is_open(KEYS[1]) then return 0 end
local work = work_of(KEYS[1])
if next(work) == nil then work = {[''] = {}} end
if not work[''] or work[''].owner then return 0 end
work[''] = {due = tonumber(ARGV[1])}
put_work(KEYS[1], work)
return 1
"""
)

_LOST = f"""{IS_WAITING}
local entries, lost, mine, left = redis.call('ZRANGE', KEYS[1], ARGV[4], ARGV[4] + {PAGE - 1}, 'WITHSCORES'), {{}}, {{}}, 0
local now = tonumber(ARGV[3])
local function is_queued(id, name)
  if name ~= '' then return is_waiting(ARGV[6] .. ':' .. name, id .. ':sync:{AGAIN}') end
  return is_waiting(ARGV[6], id .. ':begin:{FIRST}') or is_waiting(ARGV[6], id .. ':begin:{AGAIN}')
end
local function is_lost(id, name, part, created)
  if part.owner == ARGV[5] then
    table.insert(mine, {{id, name}})
    return false
  end
  if part.owner then return redis.call('EXISTS', ARGV[2] .. part.owner) == 0 end
  return (part.due or created) + {GRACE_MS} < now and not is_queued(id, name)
end
for i = 1, #entries, 2 do
  local id, job, created = entries[i], ARGV[1] .. entries[i], tonumber(entries[i + 1])
  local state, found = unpack(redis.call('HMGET', job, 'state', 'work'))
  if not state then
    redis.call('ZREM', KEYS[1], id)
    left = left + 1
  elseif state ~= 'held' then
    local work, changed = found and cjson.decode(found) or {{[''] = {{}}}}, false
    if next(work) == nil then work = {{[''] = {{}}}} end
    for name, part in pairs(work) do
      if is_lost(id, name, part, created) then
        table.insert(lost, {{id, name}})
        work[name] = {{due = now}}
        changed = true
      end
    end
    if changed then redis.call('HSET', job, 'work', cjson.encode(work)) end
  end
end
return {{lost, mine, #entries / 2, left}}
"""
"""One page of active jobs: parts that nobody does, the asker's own, how many were looked at, and how many of them left the set.

What stands in a long queue is late, and not lost; what a worker took out of it and died with is.
"""

_DISOWN = (
    _WORK
    + """
local work = work_of(KEYS[1])
local part = work[ARGV[3]]
if not part or part.owner ~= ARGV[1] then return 0 end
work[ARGV[3]] = {due = tonumber(ARGV[2])}
put_work(KEYS[1], work)
return 1
"""
)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of one job."""

    job: str
    name: str = BEGINNING


class PartStore:
    """Who does which part."""

    def __init__(self, redis: Redis, keys: Keys, jobs: JobStore) -> None:
        self._redis = redis
        self._keys = keys
        self._now_ms = jobs.now_ms
        self._claim = redis.register_script(_CLAIM)
        self._hand_over = redis.register_script(_HAND_OVER)
        self._end = redis.register_script(_END)
        self._lost = redis.register_script(_LOST)
        self._postpone = redis.register_script(_POSTPONE)
        self._disown = redis.register_script(_DISOWN)

    async def has(self, part: Part) -> bool:
        """Whether a job has this part, and it is not done."""
        work = await self._redis.hget(self._keys.job(part.job), "work")
        return part.name in orjson.loads(work or b"{}")

    async def claim(self, part: Part, worker: str) -> bool:
        """Begin a part as its owner; False when the job is over or gone, has no such part, or another living worker has it."""
        return bool(await self._claim(keys=[self._keys.job(part.job)], args=[worker, self._keys.worker(""), part.name]))

    async def hand_over(self, job_id: str, clusters: Iterable[str], *, due_seconds: float) -> None:
        """From now on a job is the work of these clusters' holders; whoever notices that one is overdue wakes it."""
        await self._put(job_id, clusters, due_seconds)

    async def release(self, job_id: str, *, due_seconds: float = 0.0) -> None:
        """Give a job up, to be begun again from its beginning when it is due."""
        await self._put(job_id, [BEGINNING], due_seconds)

    async def postpone(self, job_id: str, *, due_seconds: float) -> bool:
        """Have a job that nobody has begun be begun later; False when somebody has, or it is over."""
        return bool(await self._postpone(keys=[self._keys.job(job_id)], args=[self._now_ms() + int(due_seconds * 1000)]))

    async def end(self, part: Part, worker: str) -> None:
        """The owner has done a part; nothing when it is another's by now."""
        await self._end(keys=[self._keys.job(part.job)], args=[part.name, worker])

    async def lost(self, worker: str = "", running: Collection[Part] = ()) -> list[Part]:
        """Parts of active jobs that nobody does: their owner is dead, or they are overdue; each is told to one caller.

        Args:
            worker: who asks; of its own parts, those that it does not run are lost too: their task died with a connection.
            running: the parts that it runs; looked into when the answer is there, so it may change meanwhile.
        """
        found: list[Part] = []
        start = 0
        while True:
            args = [self._keys.job(""), self._keys.worker(""), self._now_ms(), start, worker, self._keys.queue]
            lost, mine, looked_at, left = await self._lost(keys=[self._keys.active], args=args)
            found += [Part(job.decode(), name.decode()) for job, name in lost]
            for part in [Part(job.decode(), name.decode()) for job, name in mine]:
                if part not in running and await self._is_disowned(part, worker):
                    found.append(part)
            start += looked_at - left
            if looked_at < PAGE:
                return found

    async def _put(self, job_id: str, parts: Iterable[str], due_seconds: float) -> None:
        due = self._now_ms() + int(due_seconds * 1000)
        await self._hand_over(keys=[self._keys.job(job_id)], args=[due, *parts])

    async def _is_disowned(self, part: Part, worker: str) -> bool:
        return bool(await self._disown(keys=[self._keys.job(part.job)], args=[worker, self._now_ms(), part.name]))


def begun_by(owners: Mapping[str, str]) -> bytes:
    """The parts of a job that is begun as it is created, with their owners."""
    return orjson.dumps({part: {"owner": worker} for part, worker in owners.items()})
