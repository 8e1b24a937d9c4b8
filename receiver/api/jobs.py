"""Jobs: one, and lists of them."""

import re

from aiohttp import web

from jobs.intake import is_job_id
from jobs.records import JobRecord, JobState
from jobs.store.jobs import JobFilter
from receiver.api.answers import json, number
from receiver.auth import Role
from receiver.front import FRONT, Front
from receiver.problems import Refused, not_found
from receiver.schemas import JobList

FILTERS = ("repository", "commit", "application", "state")

NEXT = re.compile(r"[0-9]{1,20}")
"""Where a page begins: a number, as far as anybody but the store is to know."""


async def get(request: web.Request) -> web.Response:
    """One job; 410 for an address that was one once: its commit still has a verdict."""
    front = request.app[FRONT]
    front.tokens.require(request, Role.VIEWER)
    return json(await job_of(front, request))


async def find(request: web.Request) -> web.Response:
    """Jobs, newest first, by repository, commit, application and state."""
    front = request.app[FRONT]
    front.tokens.require(request, Role.VIEWER)
    return json(await listed(front, request))


async def job_of(front: Front, request: web.Request) -> JobRecord:
    """The job that a request names.

    Raises:
        Refused: when there is none, or no more.
    """
    job_id = request.match_info["id"]
    if not is_job_id(job_id):
        raise not_found()
    job = await front.jobs.load(job_id)
    if job is None:
        detail = "this job's record is gone; ask for its commit: /api/v1/commits/{sha}"
        raise Refused(410, "Gone", detail)
    return job


async def listed(front: Front, request: web.Request, *, limit: int = 50) -> JobList:
    """The page of jobs that a request asks for with its filters, `limit` and `next`.

    Raises:
        Refused: when it asks for nonsense.
    """
    wanted = {name: request.query.get(name, "") for name in FILTERS}
    if wanted["state"] and wanted["state"] not in set(JobState):
        raise Refused(400, "Bad Request", f"state must be one of {', '.join(JobState)}")
    for name in ("repository", "application"):
        if wanted[name] and "/" not in wanted[name]:
            wanted[name] = f"trueup/{wanted[name]}"
    before = request.query.get("next", "")
    if before and not NEXT.fullmatch(before):
        raise Refused(400, "Bad Request", "next must be what the page before said")
    most = number(request.query.get("limit", ""), default=limit, most=500)
    items, following = await front.jobs.find(JobFilter(**wanted), limit=most, before=before)
    return JobList(items=tuple(items), next=following or None)
