"""The pages: the list of jobs, one job, one commit."""

from datetime import UTC, datetime
from urllib.parse import urlencode

from aiohttp import web

from jobs.records import JobState
from receiver.api.commits import asked, look
from receiver.api.jobs import FILTERS, job_of, listed
from receiver.front import FRONT
from receiver.ui.frame import render, to
from receiver.ui.links import HOME
from receiver.ui.shown import OBJECTS, JobView, RowView, refresh_seconds

ROWS = 30
"""Jobs on one page."""

COMMIT_SECONDS = 5
"""After how long a commit is looked at again that has no verdict yet."""


async def home(request: web.Request) -> web.Response:
    """Where people begin."""
    return to(request, HOME)


async def jobs(request: web.Request) -> web.Response:
    """Jobs, newest first, with the filters of the API."""
    found = await listed(request.app[FRONT], request, limit=ROWS)
    wanted = {name: request.query[name] for name in FILTERS if request.query.get(name)}
    now = datetime.now(UTC)
    return render(
        request,
        "jobs.html",
        rows=[RowView.of(job, now) for job in found.items],
        wanted=wanted,
        states=list(JobState),
        is_first="next" not in request.query,
        newest=urlencode(wanted, errors="replace"),
        following=urlencode(wanted | {"next": found.next}, errors="replace") if found.next else "",
    )


async def job(request: web.Request) -> web.Response:
    """One job."""
    record = await job_of(request.app[FRONT], request)
    view = JobView.of(record, datetime.now(UTC))
    return render(request, "job.html", view=view, job=record, most_objects=OBJECTS, refresh_seconds=refresh_seconds(record))


async def commit(request: web.Request) -> web.Response:
    """What is said of a commit, and all its jobs."""
    sha, repository = asked(request)
    answer = await look(request.app[FRONT], sha, repository)
    now = datetime.now(UTC)
    is_open = any(not verdict.state.is_decided for verdict in answer.verdicts)
    return render(
        request,
        "commit.html",
        commit=sha,
        verdicts=answer.verdicts,
        rows=[RowView.of(job, now) for job in answer.jobs],
        refresh_seconds=COMMIT_SECONDS if is_open else 0,
    )
