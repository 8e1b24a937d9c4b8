"""`trueup dora`: a table of figures, in units that people read."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from jobs.dora import DeploymentRecord, Window, measure
from jobs.records import JobKind
from reconciler.model.outcome import SyncState
from tests.servers.command_line import ask
from trueup.cli.dora import _told

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DORA = "/api/v1/metrics/dora"


def figures(*states):
    records = [
        DeploymentRecord(
            application="trueup/web", commit=str(number), kind=JobKind.PUSH, state=state, touched=1, committed=NOW,
            received=NOW, finished=NOW + timedelta(minutes=90 * (number + 1)),
        )
        for number, state in enumerate(states)
    ]  # fmt: skip
    return json.loads(measure(records, Window(NOW - timedelta(days=30), NOW + timedelta(days=1))).model_dump_json())


def test_a_table_with_all_together_at_its_end(story):
    answer = figures(SyncState.SUCCEEDED, SyncState.FAILED, SyncState.SUCCEEDED)
    story.tell("GET", DORA, answer)
    header, web, all_, note = ask(story, "dora").out.splitlines()
    assert header.split()[:3] == ["APPLICATION", "DEPLOYMENTS", "PER"]
    assert web.split() == ["trueup/web", "3", "3.0", "1.5", "h", "4.5", "h", "1", "33%", "1.5", "h", "1.5", "h"]
    assert all_.split()[:2] == ["all", "3"]
    assert note == "nothing is known of before 2026-11-23T13:30:00"
    assert json.loads(ask(story, "dora", "--json").out) == answer


def test_the_window_and_the_application_are_asked_for(story):
    story.tell("GET", DORA, figures())
    ended = ask(story, "dora", "web", "--window", "7d")
    assert ended.out.splitlines()[-1] == "nothing was deployed as far as is known"
    assert story.seen[-1][1] == f"{DORA}?window=7d&application=trueup/web"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0.0, "0 s"), (3.21, "3.2 s"), (59.9, "60 s"), (60, "1 m"), (840, "14 m"), (19800, "5.5 h"), (172800, "2 d")],
)
def test_durations_as_people_read_them(seconds, text):
    assert _told(seconds) == text
