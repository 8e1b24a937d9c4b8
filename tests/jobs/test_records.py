"""Records survive JSON, and refuse what they do not know."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from jobs.records import FINAL_STATES, DeliveryRecord, JobKind, JobRecord, JobState, StageRecord

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def test_a_job_survives_json():
    record = JobRecord(
        id="j", kind=JobKind.PUSH, state=JobState.QUEUED, created=NOW, updated=NOW, stages=(StageRecord(name="received", at=NOW),),
        delivery=DeliveryRecord(provider="github", id="d", event="push", key=0),
    )  # fmt: skip
    assert JobRecord.model_validate_json(record.model_dump_json()) == record


def test_a_record_is_closed_and_does_not_change():
    with pytest.raises(ValidationError):
        StageRecord(name="x", at=NOW, unheard_of=1)
    stage = StageRecord(name="x", at=NOW)
    with pytest.raises(ValidationError):
        stage.name = "y"


@pytest.mark.parametrize("state", JobState)
def test_final_states_are_four(state):
    assert state.is_final == (state in FINAL_STATES)
    assert len(FINAL_STATES) == 4
