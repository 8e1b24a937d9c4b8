"""What people decide about applications, as jobs that the cluster's holder carries out: pause, resume, rollback."""

import re
from datetime import UTC, datetime, timedelta

from aiohttp import web

from jobs.orders import LONGEST_PAUSE_SECONDS
from jobs.records import DecisionRecord, JobKind
from receiver.api.answers import body
from receiver.api.applications import application_of, start
from receiver.auth import Role
from receiver.front import FRONT
from receiver.problems import Refused
from receiver.schemas import PauseRequest, RollbackRequest
from reconciler.declarations.fields import seconds


async def pause(request: web.Request) -> web.Response:
    """Sync and repair nothing of an application, for a time or until somebody resumes; drift is still told."""
    front = request.app[FRONT]
    person = front.tokens.require(request, Role.DEPLOYER)
    application = await application_of(front, request)
    wanted = await body(request, PauseRequest, '{"reason": "migration", "for": "2h"}')
    decision = DecisionRecord(reason=" ".join(wanted.reason.split()), until=_end(wanted.for_))
    return await start(front, application, person, JobKind.PAUSE, decision=decision)


async def resume(request: web.Request) -> web.Response:
    """End the pause, or else the rollback and the quarantine, and sync the newest revision."""
    front = request.app[FRONT]
    person = front.tokens.require(request, Role.DEPLOYER)
    application = await application_of(front, request)
    ends = "pause" if application.pause else "rollback"
    return await start(front, application, person, JobKind.RESUME, decision=DecisionRecord(ends=ends))


async def rollback(request: web.Request) -> web.Response:
    """Return to an older revision, and stay there until newer content comes or somebody resumes."""
    front = request.app[FRONT]
    person = front.tokens.require(request, Role.DEPLOYER)
    application = await application_of(front, request)
    wanted = await body(request, RollbackRequest, '{"to": "3f1c9a2", "reason": "too slow"}')
    to = wanted.to.rpartition(":")[2].lower()  # a whole revision is welcome too: main@sha1:3f1c…
    if to and not re.fullmatch(r"[0-9a-f]{7,40}|[0-9a-f]{64}", to):
        raise Refused(400, "Bad Request", f"{wanted.to[:80]!r} is no commit: give its hash, or at least seven digits of it")
    decision = DecisionRecord(to=to, reason=" ".join(wanted.reason.split()))
    return await start(front, application, person, JobKind.ROLLBACK, decision=decision)


def _end(duration: str) -> datetime | None:
    if not duration:
        return None
    try:
        found = seconds(duration)
    except ValueError as error:
        raise Refused(400, "Bad Request", f"for: {error}") from error
    if not isinstance(found, float) or not 0 < found <= LONGEST_PAUSE_SECONDS:
        raise Refused(400, "Bad Request", "for: must be longer than nothing and at most a year")
    return datetime.now(UTC) + timedelta(seconds=found)
