"""How the webhooks are that Trueup registers."""

import enum
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated

from pydantic import Field

from jobs.connection import Redis
from jobs.keys import Keys
from jobs.records import Record


class HookState(enum.StrEnum):
    """How a webhook is that Trueup registers."""

    WORKING = "working"
    """It is as it should be, and its deliveries arrive as far as the forge says."""
    FAILING = "failing"
    """It is there, and its deliveries do not arrive."""
    REFUSED = "refused"
    """A person must change something: a token, a setting."""
    UNKNOWN = "unknown"
    """The forge does not answer, or asks for patience."""


class HookRecord(Record):
    """A webhook that Trueup registers, as it was when it was looked at last."""

    repository: str = Field(description="`namespace/name`.")
    forge: str
    scope: str = Field(default="", description="Of one hook for many repositories; empty: the repository's own.")
    state: HookState
    message: str = ""
    checked: datetime
    address: str = ""
    hook: str = Field(default="", description="The forge's id of it.")
    fingerprint: str = Field(default="", description="Names the key and generation of the secret that the forge has.")
    generation: Annotated[int, Field(ge=0)] = Field(default=0, description="Of the secret that the forge has.")
    former: int | None = Field(default=None, description="The generation before, while it is still taken.")
    former_until: datetime | None = None


class HookList(Record):
    """Webhooks that Trueup registers, by repository."""

    items: tuple[HookRecord, ...]


class HookStore:
    """Records of hooks, by repository."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def put(self, record: HookRecord) -> None:
        """Write how a hook is."""
        await self._redis.hset(self._keys.hooks, record.repository, record.model_dump_json())

    async def all(self) -> Mapping[str, HookRecord]:
        """Every hook that was looked at, by repository."""
        found = await self._redis.hgetall(self._keys.hooks)
        return {name.decode(): HookRecord.model_validate_json(value) for name, value in sorted(found.items())}

    async def forget(self, repositories: Iterable[str]) -> None:
        """Forget hooks that are not registered any more."""
        if names := tuple(repositories):
            await self._redis.hdel(self._keys.hooks, *names)
