"""What forges know repositories by, whatever they are called."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from pydantic import Field

from jobs.connection import Redis
from jobs.keys import Keys
from jobs.records import Record

REPLACED_SECONDS = 7 * 24 * 3600.0
"""How long people are told that another repository has the name; by then they know, or never will."""


class IdentityRecord(Record):
    """Which repository a Repository is, as its deliveries said last."""

    repository: str = Field(description="`namespace/name`.")
    forge: str
    scope: str = Field(description="`host[:port]/owner/name`, as declared.")
    id: str = Field(description="What the forge knows it by, whatever it is called.")
    renamed: str = Field(
        default="", description="The scope that it has at the forge by now; empty while that is the declared one."
    )
    replaced: str = Field(default="", description="The id of the repository that was there before it.")
    replaced_at: datetime | None = None

    def mend(self, now: datetime) -> str:
        """What a person should know and mend; empty where all is well."""
        if self.renamed:
            return f"{self.repository}: {self.scope} is {self.renamed} at the forge by now; write its new address in spec.url"
        if self.replaced_at is None or now - self.replaced_at > timedelta(seconds=REPLACED_SECONDS):
            return ""
        return (
            f"{self.repository}: {self.scope} is another repository than before (its id is {self.id}, and was {self.replaced});"
            " if somebody took its name, write the right address in spec.url"
        )


class IdentityNote(IdentityRecord):
    """The same, and what people should know."""

    message: str = Field(default="", description="What a person should know and mend; empty where all is well.")


class IdentityList(Record):
    """Which repositories the Repositories are, as far as deliveries have said."""

    items: tuple[IdentityNote, ...]


class IdentityStore:
    """Records of identities, by repository."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def put(self, record: IdentityRecord) -> None:
        """Write which repository one is."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(self._keys.identities, record.repository, record.model_dump_json())
            pipe.incr(self._keys.identities_number)
            await pipe.execute()

    async def get(self, repository: str) -> IdentityRecord | None:
        """Which repository one is; None while no delivery has said."""
        found = await self._redis.hget(self._keys.identities, repository)
        return IdentityRecord.model_validate_json(found) if found else None

    async def all(self) -> Mapping[str, IdentityRecord]:
        """All that is known, by repository."""
        found = await self._redis.hgetall(self._keys.identities)
        return {name.decode(): IdentityRecord.model_validate_json(value) for name, value in sorted(found.items())}

    async def number(self) -> int:
        """Another one than before when something has changed."""
        return int(await self._redis.get(self._keys.identities_number) or 0)

    async def forget(self, repositories: Iterable[str]) -> None:
        """Forget repositories that are not declared any more."""
        if names := tuple(repositories):
            await self._redis.hdel(self._keys.identities, *names)
