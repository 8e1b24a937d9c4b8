"""What forges allow a token, known to all workers: until when one wants nothing of it, and how much of what it allows is left.

Whoever asks a forge of anything asks here first, and is told when instead: before the last request is used, what may wait does, so that
the last ones are there for how commits ended and for what people ask. Who goes on while limited may be banned:
https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#handle-rate-limit-errors-appropriately
"""

import contextlib
import contextvars
import time
from collections.abc import AsyncIterator

import aiohttp

from jobs.connection import Redis
from jobs.forges.forge import Allowance, allowance_of
from jobs.keys import Keys
from jobs.store import limit_scripts
from reconciler.errors import ForgeUnavailable, TrueupError
from reconciler.model.declared import Forge, Repository, SecretRef

MINUTE_WRITES = 180
"""What GitHub allows at one address: 900 points, of which a write costs five. Its limits of what creates content are for what tells people,
so statuses are not held back for them; where it thinks otherwise it says so, and is obeyed.
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits"""

MINUTE_KEPT = 60
"""Of a minute's writes, for those that may not wait."""

PART_KEPT, PART_KEPT_LAST = 5, 50
"""What is kept of an allowance: a fifth of it from what may wait, and a fiftieth from everybody, since others may share the token."""

SPACING_SECONDS = 0.05
"""Between the turns of those that were told to wait: they come one by one, and not all when a limit ends."""

_asking: contextvars.ContextVar[tuple[Repository, SecretRef | None] | None] = contextvars.ContextVar("asking", default=None)


class Held(ForgeUnavailable):
    """It is not asked now, so as to stay within what the forge allows; nothing was sent."""

    def __init__(self, repository: Repository, until: float) -> None:
        seconds = max(until - time.time(), 0.1)
        message = f"{repository.name}: {repository.api} allows no more for now; it is asked in {seconds:.0f} s"
        super().__init__(message, retry_seconds=seconds)
        self.until = until
        """In seconds since 1970."""


def hold_seconds(allowance: Allowance, written: int | None, now: float, *, may_wait: bool) -> float:
    """How long something waits before a forge is asked of it; 0 where it need not.

    Args:
        allowance: what the forge said last, less what was asked since.
        written: how often it was asked in this minute, this time among it; None where the forge does not count that.
        now: seconds since 1970; minutes are whole ones since then.
        may_wait: whether something else is more urgent.
    """
    waits = [0.0]
    kept = allowance.limit // (PART_KEPT if may_wait else PART_KEPT_LAST)
    if allowance.remaining < kept or allowance.remaining < 0:
        waits.append(allowance.reset - now)
    if written is not None and written > MINUTE_WRITES - (MINUTE_KEPT if may_wait else 0):
        waits.append(60 - now % 60)
    return max(waits)


class Limits:
    """The limits of all forges, by the address of the API and the Secret."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._note = redis.register_script(limit_scripts.NOTE)
        self._turn = redis.register_script(limit_scripts.TURN)

    @contextlib.asynccontextmanager
    async def asking(self, repository: Repository, secret: SecretRef | None, *, may_wait: bool = False) -> AsyncIterator[None]:
        """Around what is asked of a forge with a token: what its answers say of limits is known to all from then on.

        Raises:
            Held: when it is not the time to ask.
        """
        if (until := await self.until(repository, secret, may_wait=may_wait)) is not None:
            raise Held(repository, until)
        before = _asking.set((repository, secret))
        try:
            yield
        except TrueupError as error:
            await self.heed(repository, secret, error)
            raise
        finally:
            _asking.reset(before)

    async def until(self, repository: Repository, secret: SecretRef | None, *, may_wait: bool = False) -> float | None:
        """When the forge may be asked, in seconds since 1970, which is the turn of whoever asks here; None: now, and it is counted."""
        name, now = _name(secret), time.time()
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.get(self._keys.limited(repository.api, name)).hgetall(self._keys.allowance(repository.api, name))
            limited, said = await pipe.execute()
        seconds, spacing = (0.0 if limited is None else float(limited) - now), SPACING_SECONDS
        allowance = Allowance.parse(said)
        if seconds <= 0 and allowance is not None:
            seconds = await self._reserve(repository, name, allowance, may_wait=may_wait)
            spacing = 60 / MINUTE_WRITES if repository.forge is Forge.GITHUB else SPACING_SECONDS
        if seconds <= 0:
            return None
        turns = self._keys.turns(repository.api, name, "later" if may_wait else "soon")
        return float(await self._turn(keys=[turns], args=[now + seconds, spacing]))

    async def heed(self, repository: Repository, secret: SecretRef | None, error: TrueupError) -> None:
        """Where an error says how long the forge wants to be left alone, nothing is sent to it with this token until then."""
        if isinstance(error, ForgeUnavailable) and error.retry_seconds:
            until = f"{time.time() + error.retry_seconds:.3f}"
            key = self._keys.limited(repository.api, _name(secret))
            await self._redis.set(key, until, px=int(error.retry_seconds * 1000))

    async def note(self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """A middleware of the session that forges are spoken to by: what each answer says is left of its allowance."""
        response = await handler(request)
        asking = _asking.get()
        allowance = allowance_of(response.headers, time.time())
        if asking is not None and allowance is not None:
            repository, secret = asking
            key = self._keys.allowance(repository.api, _name(secret))
            await self._note(keys=[key], args=[allowance.limit, allowance.remaining, allowance.reset])
        return response

    async def _reserve(self, repository: Repository, name: str, allowance: Allowance, *, may_wait: bool) -> float:
        """Count one more; what is held is not counted."""
        now = time.time()
        about = self._keys.allowance(repository.api, name)
        minute = self._keys.written(repository.api, name, int(now // 60))
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hincrby(about, "remaining", -1).incr(minute).expire(minute, 120)
            remaining, in_minute, _ = await pipe.execute()
        written = in_minute if repository.forge is Forge.GITHUB else None
        left = Allowance(allowance.limit, remaining, allowance.reset)
        seconds = hold_seconds(left, written, now, may_wait=may_wait)
        if seconds > 0:
            async with self._redis.pipeline(transaction=True) as pipe:
                await pipe.hincrby(about, "remaining", 1).decr(minute).execute()
        return seconds


def _name(secret: SecretRef | None) -> str:
    return f"{secret.namespace}/{secret.name}" if secret else ""
