"""Orphans: what applications have left that are gone, renamed or moved; and removing exactly what was shown."""

import asyncio
from datetime import UTC, datetime

from aiohttp import web

from jobs.intake import Arrival, new_job_id, received
from jobs.records import JobKind, JobRecord, JobState
from jobs.replies import OrphanList, OrphanRecord
from receiver.api.answers import body, json
from receiver.api.clusters import ask
from receiver.auth import Role
from receiver.front import FRONT, Front
from receiver.problems import Refused
from receiver.schemas import AcceptedAnswer, RemoveRequest
from reconciler.errors import TrueupError


async def find(request: web.Request) -> web.Response:
    """What applications have left that are gone, renamed or moved, in every cluster."""
    front = request.app[FRONT]
    front.tokens.require(request, Role.VIEWER)
    clusters = await front.applications.clusters()
    names = sorted({uid: name for name, uid in sorted(clusters.items(), reverse=True)}.values())
    answers = await asyncio.gather(*(_orphans(front, name) for name in names))
    found = [record for answer in answers if isinstance(answer, OrphanList) for record in answer.items]
    unknown = {name: answer for name, answer in zip(names, answers, strict=True) if isinstance(answer, str)}
    return json(OrphanList(items=tuple(found), unknown=unknown))


async def remove(request: web.Request) -> web.Response:
    """Delete exactly what an application has left in a cluster; 409 when that is another set by now."""
    front = request.app[FRONT]
    person = front.tokens.require(request, Role.APPROVER)
    application = f"{request.match_info['namespace']}/{request.match_info['name']}"
    wanted = await body(request, RemoveRequest, '{"cluster": "in-cluster", "digest": "…"}')
    answer = OrphanList.model_validate(await ask(front, wanted.cluster, {"orphans": True}))
    left = next((record for record in answer.items if record.application == application), None)
    _check(left, application, wanted)
    now = datetime.now(UTC)
    record = JobRecord(
        id=new_job_id(now), kind=JobKind.REMOVAL, state=JobState.QUEUED, approves=wanted.digest, cluster=wanted.cluster,
        actor=person.name, applications=(application,), created=now, updated=now,
    )  # fmt: skip
    accepted = await front.intake.accept(Arrival(received(record)), timeout_seconds=front.settings.durable_timeout)
    url = f"/api/v1/jobs/{accepted.job_id}"
    return json(AcceptedAnswer(id=accepted.job_id, url=url, state=record.state), status=202, location=url)


def _check(left: OrphanRecord | None, application: str, wanted: RemoveRequest) -> None:
    """Refuse what is not exactly what was shown.

    Raises:
        Refused: with 409.
    """
    if left is None:
        raise Refused(409, "Conflict", f"{application} has left nothing in {wanted.cluster}, or is declared there")
    if left.digest != wanted.digest:
        raise Refused(409, "Conflict", "what was left is another set by now; look at it again: trueup app orphans")


async def _orphans(front: Front, cluster: str) -> OrphanList | str:
    """What was left in one cluster, or why that is not known."""
    try:
        return OrphanList.model_validate(await ask(front, cluster, {"orphans": True}))
    except Refused as refused:
        return refused.detail
    except TrueupError as error:
        return str(error)
