"""Applications: how they are, and requests that become jobs."""

from datetime import UTC, datetime
from typing import Any, TypeVar

from aiohttp import web

from jobs.intake import Arrival, asked_for
from jobs.records import ApplicationRecord, DecisionRecord, JobKind, OutcomeList, WindowRecord
from jobs.replies import ResourceList
from jobs.schedule import closure
from receiver.api.answers import body, json, number
from receiver.api.clusters import ask
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
    return json(with_window(await application_of(front, request), datetime.now(UTC)))


async def sync(request: web.Request) -> web.Response:
    """Sync an application to the newest commit of its revision, now: all of it, or a few objects, or only look at what would be done."""
    front = request.app[FRONT]
    person = front.tokens.require(request, Role.DEPLOYER)
    application = await application_of(front, request)
    wanted = await body(request, SyncRequest, '{"only": ["Deployment/web"], "refresh": true, "dry_run": true}')
    kind = JobKind.DIFF if wanted.dry_run else JobKind.PARTIAL if wanted.only else JobKind.MANUAL
    decision = DecisionRecord(is_forced=True) if wanted.force else None
    return await start(front, application, person, kind, only=wanted.only, refresh=wanted.refresh, decision=decision)


async def approve(request: web.Request) -> web.Response:
    """Delete exactly what is held; 409 when that is another set by now."""
    front = request.app[FRONT]
    person = front.tokens.require(request, Role.APPROVER)
    application = await application_of(front, request)
    wanted = await body(request, ApproveRequest, '{"digest": "…"}')
    if not application.held_digest:
        raise Refused(409, "Conflict", f"nothing of {application.name} is held")
    if wanted.digest not in ("", application.held_digest):
        raise Refused(409, "Conflict", "the set of held deletions has changed; look at it again: trueup app get")
    return await start(front, application, person, JobKind.APPROVAL, approves=application.held_digest)


async def diff(request: web.Request) -> web.Response:
    """Find out what a sync to the newest commit would change, by the cluster's own dry run; changes nothing."""
    front = request.app[FRONT]
    person = front.tokens.require(request, Role.VIEWER)
    return await start(front, await application_of(front, request), person, JobKind.DIFF)


async def resources(request: web.Request) -> web.Response:
    """The objects of an application as they are now: health, drift, and what others added beside ours."""
    front = request.app[FRONT]
    front.tokens.require(request, Role.VIEWER)
    application = await application_of(front, request)
    answer = await ask(front, application.cluster, {"resources": application.name})
    return json(ResourceList.model_validate(answer))


async def history(request: web.Request) -> web.Response:
    """What the latest syncs of an application came to, failed ones too, newest first."""
    front = request.app[FRONT]
    front.tokens.require(request, Role.VIEWER)
    application = await application_of(front, request)
    found = (await front.applications.histories([application.name]))[application.name]
    return json(OutcomeList(items=found[: number(request.query.get("limit", ""), default=20, most=20)]))


async def drift(request: web.Request) -> web.Response:
    """The latest drift findings of an application, newest first."""
    front = request.app[FRONT]
    front.tokens.require(request, Role.VIEWER)
    return json(DriftList(items=(await application_of(front, request)).drift))


async def application_of(front: Front, request: web.Request) -> ApplicationRecord:
    """The application that a request names.

    Raises:
        Refused: when there is none.
    """
    record = await front.applications.get(f"{request.match_info['namespace']}/{request.match_info['name']}")
    if record is None:
        raise not_found()
    return record


async def start(front: Front, application: ApplicationRecord, person: Person, kind: JobKind, **asked: Any) -> web.Response:
    """Make what a person asks for a job, with these further fields, and answer with its address."""
    record = asked_for(application, kind, person.name, **asked)
    accepted = await front.intake.accept(Arrival(record), timeout_seconds=front.settings.durable_timeout)
    url = f"/api/v1/jobs/{accepted.job_id}"
    return json(AcceptedAnswer(id=accepted.job_id, url=url, state=record.state), status=202, location=url)


def with_window(application: ApplicationRecord, now: datetime) -> ApplicationRecord:
    """An application, and whether its sync windows are open now."""
    if not application.windows:
        return application
    closed = closure(application.windows, now)
    window = WindowRecord(is_open=closed is None, until=closed.until if closed else None)
    return application.model_copy(update={"window": window})
