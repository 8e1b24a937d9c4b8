"""What every handler needs, under one typed key of the application; built in `app`."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from aiohttp import web

from jobs.connection import Redis
from jobs.intake import Intake
from jobs.keys import Keys
from jobs.questions import Questions
from jobs.records import ScopeRecord
from jobs.store.applications import ApplicationStore
from jobs.store.jobs import JobStore
from receiver.auth import Tokens
from receiver.keys import KeyRing
from receiver.settings import ReceiverSettings

SCOPES_SECONDS = 1.0
"""How long the table of scopes is believed; a new repository's webhook works a second later."""

Listener: TypeAlias = "asyncio.Queue[Mapping[str, Any]]"
"""Events for one request that waits for them."""

END: Mapping[str, Any] = {}
"""The event after which there is none: the receiver stops."""


@dataclass(eq=False)
class Front:
    """One receiver's means."""

    settings: ReceiverSettings
    redis: Redis
    keys: Keys
    jobs: JobStore
    applications: ApplicationStore
    intake: Intake
    questions: Questions
    ring: KeyRing
    tokens: Tokens
    listeners: set[Listener] = field(default_factory=set)
    """Queues of requests that wait for events; full ones miss some, and look at the records anyway."""
    figuring: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while figures are made, which may take a second: of the intake's time no more than that."""
    _scopes: tuple[ScopeRecord, ...] | None = None
    _scopes_at: float = -1e9

    async def scopes(self) -> tuple[ScopeRecord, ...] | None:
        """Whose webhooks are welcome; None when no worker has said yet.

        Raises:
            RedisError, OSError: when Redis does not answer, or not in time.
        """
        now = asyncio.get_running_loop().time()
        if now - self._scopes_at > SCOPES_SECONDS:
            async with asyncio.timeout(self.settings.durable_timeout):
                self._scopes = await self.applications.scopes()
            self._scopes_at = now if self._scopes is not None else -1e9
        return self._scopes


FRONT: web.AppKey[Front] = web.AppKey("front", Front)
