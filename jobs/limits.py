"""Until when a forge wants nothing of a token: known to all workers, and heeded by whoever writes there.

Who goes on while limited may be banned:
https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#handle-rate-limit-errors-appropriately
"""

import time

from jobs.connection import Redis
from jobs.keys import Keys
from reconciler.errors import Transient, TrueupError
from reconciler.model.declared import Repository, SecretRef


class Limits:
    """The limits of all forges, by the address of the API and the Secret."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    def key(self, repository: Repository, secret: SecretRef | None) -> str:
        """Where it is said, as seconds since 1970; gone when it is over."""
        return self._keys.limited(repository.api, f"{secret.namespace}/{secret.name}" if secret else "")

    async def until(self, repository: Repository, secret: SecretRef | None) -> float | None:
        """When the forge may be asked again, in seconds since 1970; None: now."""
        value = await self._redis.get(self.key(repository, secret))
        return None if value is None else float(value)

    async def heed(self, repository: Repository, secret: SecretRef | None, error: TrueupError) -> None:
        """Where an error says how long the forge wants to be left alone, nothing is sent to it with this token until then."""
        if isinstance(error, Transient) and error.retry_seconds:
            until = f"{time.time() + error.retry_seconds:.3f}"
            await self._redis.set(self.key(repository, secret), until, px=int(error.retry_seconds * 1000))
