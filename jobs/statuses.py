"""Commit statuses, level-triggered: what a commit's status should be is stored, what was posted last too, and the difference is posted.

So a commit gets at most two writes a context, one pending and one final; a final one follows whatever happens to the pending one;
and what is left pending by a crash is found in one place. Nothing here knows jobs: it is told.
"""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass

import orjson
import structlog

from jobs import metrics
from jobs.connection import Redis
from jobs.forges.forge import Forge, Status, StatusState
from jobs.keys import JOB_SECONDS, Keys
from jobs.retry import backoff
from reconciler.errors import Stalled, Transient, TrueupError
from reconciler.model.declared import Declarations, Name, Repository, Secrets
from reconciler.model.declared import Forge as ForgeKind

log = structlog.get_logger()

BATCH = 20
"""Statuses that one drain posts."""

GIVE_UP_SECONDS = 3600.0
"""A forge that refuses is asked again this rarely: a person must mend the token."""

_WANT = """
local wanted = redis.call('HGET', KEYS[1], ARGV[1])
if wanted and ARGV[3] == '0' then
  local state = cjson.decode(wanted).state
  if state ~= 'pending' then return 0 end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
return 1
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a status is about."""

    repository: str
    commit: str
    context: str

    @property
    def field(self) -> str:
        """Its name in Redis."""
        return f"{self.repository}|{self.commit}|{self.context}"


class Statuses:
    """Wanted and posted statuses."""

    def __init__(self, redis: Redis, keys: Keys, forges: Mapping[ForgeKind, Forge], secrets: Secrets) -> None:
        self._redis = redis
        self._keys = keys
        self._forges = forges
        self._secrets = secrets
        self._want = redis.register_script(_WANT)

    async def want(self, repository: Repository, commit: str, status: Status, *, may_reopen: bool = False) -> None:
        """Say what a commit's status should be. A final one is not made pending again unless a person asked for more work."""
        if not _is_followed(repository, self._forges):
            return
        subject = Subject(str(repository.name), commit, status.context)
        value = {"state": status.state, "description": status.description, "target_url": status.target_url}
        keys = [self._keys.open_statuses, self._keys.statuses]
        is_final = status.state is not StatusState.PENDING
        await self._want(keys=keys, args=[subject.field, orjson.dumps(value), int(is_final or may_reopen), time.time()])

    async def drain(self, declarations: Declarations) -> float | None:
        """Post what is due; seconds until more is due, None when nothing is."""
        due = await self._redis.zrange(self._keys.statuses, "-inf", time.time(), byscore=True, offset=0, num=BATCH)
        for field in due:
            await self._post(field.decode(), declarations)
        nearest = await self._redis.zrange(self._keys.statuses, 0, 0, withscores=True)
        return max(0.0, nearest[0][1] - time.time()) if nearest else None

    async def open(self) -> dict[str, str]:
        """Subjects whose wanted status is pending, with the address that it links to."""
        found = await self._redis.hgetall(self._keys.open_statuses)
        wanted = {field.decode(): orjson.loads(value) for field, value in found.items()}
        return {field: value["target_url"] for field, value in wanted.items() if value["state"] == "pending"}

    async def left_pending(self, repository: Repository, ref: str, context: str) -> list[str]:
        """Recent commits that the forge shows as pending under our context; asked after Redis was lost."""
        if not _is_followed(repository, self._forges):
            return []
        return await self._forges[repository.forge].pending(repository, ref, context, await self._token(repository))

    async def _post(self, field: str, declarations: Declarations) -> None:
        wanted = await self._redis.hget(self._keys.open_statuses, field)
        name, commit, context = field.split("|", 2)
        repository = declarations.repositories.get(Name.parse(name))
        if wanted is None or repository is None:
            await self._settle(field, None)
            return
        posted_key = self._keys.posted(name, commit, context)
        value = orjson.loads(wanted)
        if await self._redis.get(posted_key) != wanted:
            status = Status(StatusState(value["state"]), context, value["description"], value["target_url"])
            try:
                await self._forges[repository.forge].post_status(repository, commit, status, await self._token(repository))
            except TrueupError as error:
                await self._later(field, error)
                return
            metrics.STATUSES.labels("posted").inc()
            log.info("status.posted", repository=name, commit=commit, context=context, state=value["state"])
            await self._redis.set(posted_key, wanted, ex=JOB_SECONDS)
        await self._redis.hdel(self._attempts, field)
        await self._settle(field, wanted)

    async def _later(self, field: str, error: TrueupError) -> None:
        metrics.STATUSES.labels("failed").inc()
        attempt = int(await self._redis.hincrby(self._attempts, field, 1))
        seconds = GIVE_UP_SECONDS
        if isinstance(error, Transient):
            seconds = max(backoff(attempt, random.random()), error.retry_seconds or 0.0)  # noqa: S311 - jitter is no secret
        log.warning("status.failed", subject=field, error=str(error), retry_seconds=round(seconds, 1))
        await self._redis.zadd(self._keys.statuses, {field: time.time() + seconds})

    async def _settle(self, field: str, posted: bytes | None) -> None:
        """It is posted: nothing is due, unless something else is wanted by now; a final one is forgotten."""
        async with self._redis.pipeline(transaction=True) as pipe:
            await pipe.watch(self._keys.open_statuses)
            now_wanted = await pipe.hget(self._keys.open_statuses, field)
            if now_wanted != posted and posted is not None:
                return
            pipe.multi()
            pipe.zrem(self._keys.statuses, field)
            if posted is None or orjson.loads(posted)["state"] != "pending":
                pipe.hdel(self._keys.open_statuses, field)
            await pipe.execute()

    async def _token(self, repository: Repository) -> str:
        assert repository.status.secret is not None
        data = await self._secrets.read(repository.status.secret)
        if "token" not in data:
            raise Stalled(f"{repository.name}: Secret {repository.status.secret.name} has no key `token`")
        return data["token"].decode().strip()

    @property
    def _attempts(self) -> str:
        return f"{self._keys.open_statuses}:attempts"


def _is_followed(repository: Repository, forges: Mapping[ForgeKind, Forge]) -> bool:
    return repository.status.enabled and repository.status.secret is not None and repository.forge in forges
