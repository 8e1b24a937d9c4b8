"""Waiting for what comes about by itself, and no longer than a test may take."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

PAUSE_SECONDS = 0.01


async def until(look: Callable[[], Any | Awaitable[Any]], *, seconds: float = 5.0) -> Any:
    """What a look finds, once it finds something."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        found = look()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return found
        assert loop.time() < deadline, f"waited {seconds:g} s in vain"
        await asyncio.sleep(PAUSE_SECONDS)
