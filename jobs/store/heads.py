"""Where refs are, and which applications are known to be as in which commit: what makes work level-triggered.

A webhook or a poll *observes* a head; observations are numbered as they begin, and an older one never overwrites a newer one. Of
every ref one commit is *checked*: all applications that follow it and are not *dirty* have the same inputs there as when they were last
rendered. An application is dirty from the push that changes its inputs until it was rendered and applied at the checked commit.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import orjson

from jobs.connection import Redis
from jobs.keys import Keys

NEXT_SCRIPT = """
local function next_number(key)
  local time = redis.call('TIME')
  local now, last = time[1] * 1000000 + time[2], tonumber(redis.call('GET', key) or '0')
  local text = string.format('%.0f', math.max(now, last + 1))
  redis.call('SET', key, text)
  return text
end
"""
"""Lua: a number higher than all before it. It is the time in microseconds, so that it stays so when Redis lost everything: who kept an
older number, a fetch under way or a cache, must not be taken for newer."""

_OBSERVE = """
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known then
  local old = cjson.decode(known)
  if tonumber(old.observed) > tonumber(ARGV[3]) then return old.commit end
end
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode({commit = ARGV[2], observed = ARGV[3]}))
return ARGV[2]
"""

_FORGET = """
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known and tonumber(cjson.decode(known).observed) > tonumber(ARGV[2]) then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('DEL', KEYS[3])
return 1
"""

_ADVANCE = """
local checked = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if checked ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
for i = 4, #ARGV do redis.call('SADD', KEYS[2], ARGV[i]) end
return 1
"""

_CLEAN = """
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
for i = 3, #ARGV do redis.call('SREM', KEYS[2], ARGV[i]) end
return 1
"""

_PUT_INPUTS = (
    NEXT_SCRIPT
    + """
local number = next_number(KEYS[3])
for i = 1, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  redis.call('ZADD', KEYS[2], number, ARGV[i])
end
"""
)
"""One step: a reader that has seen a number has seen everything under it."""


@dataclass(frozen=True, slots=True)
class InputRecord:
    """What an application's last good render depended on in one repository."""

    paths: tuple[str, ...]
    """Files, and directories with a slash at the end; read, or looked for in vain."""
    digest: str
    """Hash of the declaration that was rendered, and of the tools."""


class HeadStore:
    """Heads, checked commits, dirty applications and inputs."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self.redis = redis
        self.keys = keys
        self._observe = redis.register_script(_OBSERVE)
        self._forget = redis.register_script(_FORGET)
        self._advance = redis.register_script(_ADVANCE)
        self._clean = redis.register_script(_CLEAN)
        self._put_inputs = redis.register_script(_PUT_INPUTS)
        self._next = redis.register_script(NEXT_SCRIPT + "return next_number(KEYS[1])")

    async def begin_observation(self) -> int:
        """A number for an observation that begins now."""
        return int(await self._next(keys=[self.keys.observations]))

    async def observe(self, repository: str, ref: str, commit: str, observation: int) -> str:
        """Note where a ref was seen; returns where it is, which is elsewhere when a later observation said so."""
        found = await self._observe(keys=[self.keys.head(repository)], args=[ref, commit, observation])
        return str(found.decode())

    async def forget(self, repository: str, ref: str, observation: int) -> None:
        """Note that a ref is gone, unless a later observation saw it."""
        keys = [self.keys.head(repository), self.keys.checked(repository), self.keys.dirty(repository, ref)]
        await self._forget(keys=keys, args=[ref, observation])

    async def note_look(self, repository: str, error: str) -> None:
        """Note whether a repository's heads could be read."""
        await self.redis.hset(self.keys.looks, repository, error)

    async def looks(self) -> Mapping[str, str]:
        """Why the heads of each repository that was looked at could not be read; empty where they could."""
        found = await self.redis.hgetall(self.keys.looks)
        return {name.decode(): error.decode() for name, error in found.items()}

    async def heads(self, repository: str) -> Mapping[str, str]:
        """Every ref of a repository that was observed, with its commit."""
        found = await self.redis.hgetall(self.keys.head(repository))
        return {ref.decode(): orjson.loads(value)["commit"] for ref, value in found.items()}

    async def head(self, repository: str, ref: str) -> str:
        """Where a ref is; empty when it was never observed."""
        found = await self.redis.hget(self.keys.head(repository), ref)
        return str(orjson.loads(found)["commit"]) if found else ""

    async def checked(self, repository: str, ref: str) -> str:
        """The commit that clean applications are as in; empty when there is none."""
        found = await self.redis.hget(self.keys.checked(repository), ref)
        return found.decode() if found else ""

    async def advance(self, repository: str, ref: str, *, old: str, new: str, dirty: Iterable[str]) -> bool:
        """Make a commit the checked one, and applications dirty; False when another was quicker."""
        keys = [self.keys.checked(repository), self.keys.dirty(repository, ref)]
        return bool(await self._advance(keys=keys, args=[ref, old, new, *dirty]))

    async def dirty(self, repository: str, ref: str) -> frozenset[str]:
        """The applications whose inputs changed since they were last applied."""
        return frozenset(name.decode() for name in await self.redis.smembers(self.keys.dirty(repository, ref)))

    async def is_dirty(self, repository: str, ref: str, application: str) -> bool:
        """Whether an application's inputs changed since it was last applied."""
        return bool(await self.redis.sismember(self.keys.dirty(repository, ref), application))

    async def soil(self, repository: str, ref: str, applications: Iterable[str]) -> None:
        """Applications are to be applied again, whatever their inputs are."""
        if names := tuple(applications):
            await self.redis.sadd(self.keys.dirty(repository, ref), *names)

    async def clean(self, repository: str, ref: str, commit: str, applications: Iterable[str]) -> None:
        """Applications were applied at a commit; they stay dirty when another is checked by now."""
        if names := tuple(applications):
            await self._clean(keys=[self.keys.checked(repository), self.keys.dirty(repository, ref)], args=[ref, commit, *names])

    async def put_inputs(self, repository: str, inputs: Mapping[str, InputRecord]) -> None:
        """Write what renders depended on."""
        if not inputs:
            return
        keys = [self.keys.inputs(repository), self.keys.inputs_order(repository), self.keys.inputs_number(repository)]
        values = {name: orjson.dumps({"paths": record.paths, "digest": record.digest}) for name, record in inputs.items()}
        await self._put_inputs(keys=keys, args=[part for pair in values.items() for part in pair])

    async def put_outside(self, repository: str, names: Mapping[str, str]) -> None:
        """Write which ConfigMaps and Secrets applications were rendered with, or were seen not to be there for."""
        if names:
            await self.redis.hset(self.keys.outside(repository), mapping=dict(names))

    async def outside(self, repository: str) -> Mapping[str, str]:
        """What was written of applications that need ConfigMaps or Secrets."""
        found = await self.redis.hgetall(self.keys.outside(repository))
        return {name.decode(): value.decode() for name, value in found.items()}

    async def inputs_since(self, repository: str, number: int) -> tuple[int, Mapping[str, InputRecord]]:
        """What was written since a number, and the number to ask from next; 0 asks for all."""
        changed = await self.redis.zrange(self.keys.inputs_order(repository), number + 1, "+inf", byscore=True, withscores=True)
        if not changed:
            return number, {}
        names = [name for name, _ in changed]
        values = await self.redis.hmget(self.keys.inputs(repository), names)
        found = {n.decode(): _input_record(v) for n, v in zip(names, values, strict=True) if v is not None}
        return int(max(score for _, score in changed)), found


def _input_record(value: bytes) -> InputRecord:
    data = orjson.loads(value)
    return InputRecord(tuple(data["paths"]), data["digest"])
