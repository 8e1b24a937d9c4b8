"""Which repositories the Repositories are at their forges, as deliveries said."""

from datetime import UTC, datetime

from aiohttp import web

from jobs.store.identities import IdentityList, IdentityNote, IdentityStore
from receiver.api.answers import json
from receiver.auth import Role
from receiver.front import FRONT


async def find(request: web.Request) -> web.Response:
    """Repositories, by the id that their forge knows them by: which were renamed, and whose name another one took."""
    front = request.app[FRONT]
    front.tokens.require(request, Role.VIEWER)
    declared = {(known.repository, known.provider, known.scope) for known in await front.scopes() or ()}
    found, now = await IdentityStore(front.redis, front.keys).all(), datetime.now(UTC)
    current = (record for record in found.values() if (record.repository, record.forge, record.scope) in declared)
    return json(IdentityList(items=tuple(IdentityNote(**dict(record), message=record.mend(now)) for record in current)))
