"""The pages of applications: all of them, those that need a person first; and one with its health, drift and history."""

import shlex
from collections.abc import Iterable
from datetime import UTC, datetime

from aiohttp import web

from jobs.records import ApplicationRecord
from receiver.api.applications import application_of, with_window
from receiver.front import FRONT
from receiver.ui.frame import render
from receiver.ui.shown import OBJECTS, URGENCY
from receiver.ui.words import ago
from reconciler.model.outcome import HealthStatus, SyncState

ROWS = 300
"""Applications on one page; of ten thousand, those that are well are not looked for here."""

REFRESH_SECONDS = {SyncState.RUNNING: 3, SyncState.WAITING: 15, SyncState.HELD: 30}

_WELL = (SyncState.SUCCEEDED, None)
_HEALTH = list(HealthStatus)


def ordered(found: Iterable[ApplicationRecord]) -> list[ApplicationRecord]:
    """What needs a person comes first: what failed or is held, then the worst health, then by name."""

    def need(application: ApplicationRecord) -> tuple[int, int, str]:
        state = application.state
        urgency = len(URGENCY) if state is None or state in _WELL else URGENCY.index(state)
        return urgency, -_HEALTH.index(application.health), application.name

    return sorted(found, key=need)


async def applications(request: web.Request) -> web.Response:
    """All applications."""
    found = ordered(await request.app[FRONT].applications.all())
    return render(request, "applications.html", rows=found[:ROWS], left_out=max(len(found) - ROWS, 0))


async def application(request: web.Request) -> web.Response:
    """One application."""
    front, now = request.app[FRONT], datetime.now(UTC)
    record = with_window(await application_of(front, request), now)
    histories = await front.applications.histories([record.name])
    return render(
        request,
        "application.html",
        app=record,
        quoted=shlex.quote(record.name),
        digest=shlex.quote(record.held_digest),
        told=ago(record.updated, now),
        history=histories[record.name],
        most_objects=OBJECTS,
        refresh_seconds=REFRESH_SECONDS.get(record.state, 0) if record.state else 0,
    )
