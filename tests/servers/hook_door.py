"""Where forges deliver to: a door that takes what carries the right secret, and nothing else."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web


class HookDoor:
    """Answers 202 or 401, or `status` where that is set."""

    def __init__(self, is_ours: Callable[[web.Request, bytes], bool], named: Callable[[Mapping[str, Any]], str]) -> None:
        self._is_ours = is_ours
        self._named = named
        self.url = ""
        self.status = 0
        self.taken: list[str] = []
        """What was taken, as it is named by its payload."""

    async def receive(self, request: web.Request) -> web.Response:
        """One delivery."""
        is_ours = self._is_ours(request, await request.read())
        if is_ours and not self.status:
            self.taken.append(self._named(await request.json()))
        return web.Response(status=self.status or (202 if is_ours else 401))


@asynccontextmanager
async def hook_door(
    is_ours: Callable[[web.Request, bytes], bool], named: Callable[[Mapping[str, Any]], str]
) -> AsyncIterator[HookDoor]:
    """A door on loopback, at any address beneath `url`."""
    door, app = HookDoor(is_ours, named), web.Application()
    app.router.add_post("/{path:.*}", door.receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        door.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield door
    finally:
        await runner.cleanup()
