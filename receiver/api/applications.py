"""Applications: how they are, and requests that become jobs."""

from datetime import UTC, datetime
from typing import TypeVar

from aiohttp import web
from pydantic import ValidationError

from jobs.intake import Arrival, new_job_id, received
from jobs.records import ApplicationRecord, JobKind, JobRecord, JobState, ResourceList
from jobs.store.jobs import JobFilter
from receiver.api.answers import body, json
from receiver.api.clusters import ask
from receiver.api.jobs import listed
from receiver.auth import Person, Role
from receiver.front import FRONT, Front
from receiver.problems import Refused, not_found
from receiver.schemas import AcceptedAnswer, ApplicationList, ApproveRequest, DriftList, SyncRequest

Asked = TypeVar("Asked", ApproveRequest, SyncRequest)


async def find(request: web.Request) -> web.Response:
    """All applications by name."""
    front = request.app[FRONT]
    front.tokens.require(request, Role.VIEWER)
    return json(ApplicationList(items=tuple(await front.applications.all())))


async def get(request: web.Request) -> web.Response:
    """One application."""
    front = request.app[FRONT]
    front.tokens.require(request, Role.VIEWER)
    return json(await _application(front, request))


async def sync(request: web.Request) -> web.Response:
    """Sync an application to the newest commit of its revision, now: all of it, or a few objects, or only look at what would be done."""
    front = request.app[FRONT]
    person = front.tokens.require(request, Role.DEPLOYER)
    application = await _application(front, request)
    wanted = await _asked(request, SyncRequest, '{"only": ["Deployment/web"], "refresh": true, "dry_run": true}')
    kind = JobKind.DIFF if wanted.dry_run else JobKind.PARTIAL if wanted.only else JobKind.MANUAL
    return await _start(front, application, person, kind, only=wanted.only, refresh=wanted.refresh)


async def approve(request: web.Request) -> web.Response:
    """Delete exactly what is held; 409 when that is another set by now."""
    front = request.app[FRONT]
    person = front.tokens.require(request, Role.APPROVER)
    application = await _application(front, request)
    wanted = await _asked(request, ApproveRequest, '{"digest": "…"}')
    if not application.held_digest:
        raise Refused(409, "Conflict", f"nothing of {application.name} is held")
    if wanted.digest not in ("", application.held_digest):
        raise Refused(409, "Conflict", "the set of held deletions has changed; look at it again: trueup app get")
    return await _start(front, application, person, JobKind.APPROVAL, approves=application.held_digest)


async def diff(request: web.Request) -> web.Response:
    """Find out what a sync to the newest commit would change, by the cluster's own dry run; changes nothing."""
    front = request.app[FRONT]
    person = front.tokens.require(request, Role.VIEWER)
    return await _start(front, await _application(front, request), person, JobKind.DIFF)


async def resources(request: web.Request) -> web.Response:
    """The objects of an application as they are now: health, drift, and what others added beside ours."""
    front = request.app[FRONT]
    front.tokens.require(request, Role.VIEWER)
    application = await _application(front, request)
    answer = await ask(front, application.cluster, {"resources": application.name})
    return json(ResourceList.model_validate(answer))


async def history(request: web.Request) -> web.Response:
    """The jobs that touched an application, newest first."""
    front = request.app[FRONT]
    front.tokens.require(request, Role.VIEWER)
    application = await _application(front, request)
    return await listed(front, request, JobFilter(application=application.name))


async def drift(request: web.Request) -> web.Response:
    """The latest drift findings of an application, newest first."""
    front = request.app[FRONT]
    front.tokens.require(request, Role.VIEWER)
    return json(DriftList(items=(await _application(front, request)).drift))


async def _application(front: Front, request: web.Request) -> ApplicationRecord:
    record = await front.applications.get(f"{request.match_info['namespace']}/{request.match_info['name']}")
    if record is None:
        raise not_found()
    return record


async def _asked(request: web.Request, shape: type[Asked], example: str) -> Asked:
    """What the body says; none says nothing.

    Raises:
        Refused: when it is something else, naming the field.
    """
    try:
        return shape.model_validate_json(await body(request) or b"{}")
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        told = f"{where}: {first['msg']}" if where else str(first["msg"])
        raise Refused(400, "Bad Request", f"the body must be JSON such as {{}} or {example}: {told}") from error


async def _start(front: Front, application: ApplicationRecord, person: Person, kind: JobKind, **asked: object) -> web.Response:
    now = datetime.now(UTC)
    desired = application.desired.rpartition(":")[2]
    record = JobRecord(
        id=new_job_id(now), kind=kind, state=JobState.QUEUED, repository=application.repository,
        commit=desired if kind is JobKind.APPROVAL else "", actor=person.name, applications=(application.name,),
        created=now, updated=now, **asked,
    )  # fmt: skip
    accepted = await front.intake.accept(Arrival(received(record)), timeout_seconds=front.settings.durable_timeout)
    url = f"/api/v1/jobs/{accepted.job_id}"
    return json(AcceptedAnswer(id=accepted.job_id, url=url, state=record.state), status=202, location=url)
