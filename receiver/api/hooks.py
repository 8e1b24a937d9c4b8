"""Webhooks that Trueup registers at forges, as workers found them."""

from aiohttp import web

from jobs.store.hooks import HookList, HookStore
from receiver.api.answers import json
from receiver.auth import Role
from receiver.front import FRONT


async def find(request: web.Request) -> web.Response:
    """Webhooks that Trueup registers: which work, and what is wrong with the others."""
    front = request.app[FRONT]
    front.tokens.require(request, Role.VIEWER)
    found = await HookStore(front.redis, front.keys).all()
    return json(HookList(items=tuple(found.values())))
