"""How well deliveries go, over a window of time."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

from aiohttp import web

from jobs.dora import DeploymentRecord, DoraList, Window, measure
from jobs.keys import DEPLOYMENTS_SECONDS
from receiver.api.answers import json
from receiver.auth import Role
from receiver.front import FRONT
from receiver.problems import Refused

DEFAULT = "30d"
_UNITS = {"m": 60, "h": 3600, "d": 86400}


async def get(request: web.Request) -> web.Response:
    """Deployment frequency, lead time, change failure rate and time to restore, of all applications or of one."""
    front = request.app[FRONT]
    front.tokens.require(request, Role.VIEWER)
    now, name = datetime.now(UTC), request.query.get("application", "")
    window = Window(now - _length(request.query.get("window", DEFAULT)), now)
    wanted = f"trueup/{name}" if name and "/" not in name else name
    async with front.figuring:
        known = await front.applications.deployments()
        return json(await asyncio.to_thread(_figures, known, window, wanted))


def _figures(known: list[DeploymentRecord], window: Window, application: str) -> DoraList:
    return measure((record for record in known if application in ("", record.application)), window)


def _length(text: str) -> timedelta:
    """A window of a query: `30d`, `12h`.

    Raises:
        Refused: when it is none, or longer than anything is remembered.
    """
    match = re.fullmatch(r"([1-9][0-9]{0,4})([mhd])", text)
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    if not 0 < seconds <= DEPLOYMENTS_SECONDS:
        most = DEPLOYMENTS_SECONDS // 86400
        raise Refused(400, "Bad Request", f"{text[:20]!r} is no window; write window=30d or 12h, at most {most}d")
    return timedelta(seconds=seconds)
