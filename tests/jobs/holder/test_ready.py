"""Whose will a job is: what windows permit people is not for whoever can press a button at the forge."""

from datetime import UTC, datetime

import pytest

from jobs.holder.ready import Way
from jobs.records import DeliveryRecord, JobKind, JobRecord, JobState

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DELIVERY = DeliveryRecord(provider="github", id="1", event="check_run", key=0)


@pytest.mark.parametrize(
    ("kind", "more", "way"),
    [
        (JobKind.PUSH, {"actor": "ada", "delivery": DELIVERY}, Way.AUTOMATIC),
        (JobKind.MANUAL, {"actor": "ada"}, Way.PEOPLE),
        (JobKind.MANUAL, {"actor": "ada", "delivery": DELIVERY}, Way.AUTOMATIC),
        (JobKind.APPROVAL, {"actor": "ada"}, Way.PEOPLE),
        (JobKind.RESUME, {}, Way.AUTOMATIC),
        (JobKind.RESUME, {"actor": "ada"}, Way.PEOPLE),
        (JobKind.ROLLBACK, {}, Way.RETURN),
        (JobKind.ROLLBACK, {"actor": "ada"}, Way.PEOPLE),
    ],
)
def test_whose_will_a_job_is(kind, more, way):
    assert Way.of(JobRecord(id="1", kind=kind, state=JobState.RUNNING, created=NOW, updated=NOW, **more)) is way
