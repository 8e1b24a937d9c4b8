"""The records of applications, and the table of scopes that receivers trust."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

import orjson
from pydantic import TypeAdapter

from jobs.connection import Redis
from jobs.dora import DeploymentRecord
from jobs.keys import DEPLOYMENTS_LENGTH, DEPLOYMENTS_SECONDS, HISTORY_LENGTH, Keys
from jobs.records import ApplicationRecord, OutcomeRecord, ScopeRecord

_SCOPES = TypeAdapter(tuple[ScopeRecord, ...])


class ApplicationStore:
    """How every application is, as its cluster's holder last said."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self.redis = redis
        self.keys = keys

    async def put(self, records: Iterable[ApplicationRecord]) -> None:
        """Write what applications are like now."""
        mapping = {record.name: record.model_dump_json() for record in records}
        if mapping:
            async with self.redis.pipeline(transaction=False) as pipe:
                pipe.hset(self.keys.applications, mapping=mapping)
                for name in mapping:
                    pipe.publish(self.keys.events, orjson.dumps({"type": "application", "id": name, "state": "", "detail": ""}))
                await pipe.execute()

    async def introduce(self, records: Iterable[ApplicationRecord]) -> None:
        """Write what is known of applications that nobody has told of yet."""
        async with self.redis.pipeline(transaction=False) as pipe:
            for record in records:
                pipe.hsetnx(self.keys.applications, record.name, record.model_dump_json())
            await pipe.execute()

    async def get(self, name: str) -> ApplicationRecord | None:
        """One application; None when nobody told of it."""
        found = await self.redis.hget(self.keys.applications, name)
        return ApplicationRecord.model_validate_json(found) if found else None

    async def get_many(self, names: Sequence[str]) -> Mapping[str, ApplicationRecord]:
        """Some applications by name, in one step; those that nobody told of are left out."""
        if not names:
            return {}
        found = await self.redis.hmget(self.keys.applications, list(names))
        return {n: ApplicationRecord.model_validate_json(value) for n, value in zip(names, found, strict=True) if value}

    async def troubled(self, names: Sequence[str]) -> Mapping[str, ApplicationRecord]:
        """Those of some applications that have unhealthy objects or are rolled back, in one step; the others are not read whole."""
        found = await self.redis.hmget(self.keys.applications, list(names)) if names else []
        told = ((name, value, orjson.loads(value)) for name, value in zip(names, found, strict=True) if value)
        return {n: ApplicationRecord.model_validate_json(v) for n, v, d in told if d["unhealthy"] or d.get("rollback")}

    async def all(self) -> list[ApplicationRecord]:
        """All applications by name."""
        found = await self.redis.hgetall(self.keys.applications)
        return [ApplicationRecord.model_validate_json(found[name]) for name in sorted(found)]

    async def add_outcomes(self, outcomes: Mapping[str, OutcomeRecord]) -> None:
        """Put what syncs came to in front of what is known of their applications."""
        async with self.redis.pipeline(transaction=False) as pipe:
            for name, outcome in outcomes.items():
                pipe.lpush(self.keys.history(name), outcome.model_dump_json())
                pipe.ltrim(self.keys.history(name), 0, HISTORY_LENGTH - 1)
            await pipe.execute()

    async def histories(self, names: Sequence[str]) -> Mapping[str, tuple[OutcomeRecord, ...]]:
        """The latest outcomes of some applications, newest first; lost with Redis."""
        async with self.redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.lrange(self.keys.history(name), 0, -1)
            found = await pipe.execute()
        return {n: tuple(map(OutcomeRecord.model_validate_json, values)) for n, values in zip(names, found, strict=True)}

    async def add_deployments(self, records: Iterable[DeploymentRecord]) -> None:
        """Remember what was deployed, and forget what is too old or too much."""
        mapping = {record.model_dump_json(): record.finished.timestamp() * 1000 for record in records}
        if not mapping:
            return
        key, newest = self.keys.deployments, max(mapping.values())
        async with self.redis.pipeline(transaction=False) as pipe:
            pipe.zadd(key, mapping)
            pipe.zremrangebyscore(key, "-inf", newest - DEPLOYMENTS_SECONDS * 1000)
            pipe.zremrangebyrank(key, 0, -DEPLOYMENTS_LENGTH - 1)
            await pipe.execute()

    async def deployments(self) -> list[DeploymentRecord]:
        """Everything that is remembered, oldest first; read in a thread, since that takes a tenth of a second."""
        found = await self.redis.zrange(self.keys.deployments, 0, -1)
        return await asyncio.to_thread(lambda: [DeploymentRecord.model_validate_json(value) for value in found])

    async def cluster(self, name: str) -> str | None:
        """The uid of the cluster that declarations call so; None while no worker has reached it."""
        found = await self.redis.hget(self.keys.clusters, name)
        return found.decode() if found else None

    async def clusters(self) -> Mapping[str, str]:
        """The uid of every cluster that a worker has reached, by the names that declarations have for it."""
        found = await self.redis.hgetall(self.keys.clusters)
        return {name.decode(): uid.decode() for name, uid in found.items()}

    async def keep_only(self, names: Iterable[str]) -> None:
        """Forget applications that are no longer declared."""
        known = {name.decode() for name in await self.redis.hkeys(self.keys.applications)}
        if gone := known - set(names):
            await self.redis.hdel(self.keys.applications, *gone)
            await self.redis.delete(*(self.keys.history(name) for name in gone))

    async def publish_scopes(self, scopes: Iterable[ScopeRecord]) -> None:
        """Say whose webhooks are welcome."""
        await self.redis.set(self.keys.scopes, _SCOPES.dump_json(tuple(scopes)))

    async def scopes(self) -> tuple[ScopeRecord, ...] | None:
        """Whose webhooks are welcome; None when no worker has said."""
        found = await self.redis.get(self.keys.scopes)
        return None if found is None else _SCOPES.validate_json(found)
