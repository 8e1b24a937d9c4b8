"""`trueup job`: lists by filter, and one with its story."""

import json

import pytest

from jobs.records import JobState
from reconciler.model.outcome import SyncState
from tests.servers.command_line import ask
from tests.servers.records import COMMIT, job_record, sync_record
from trueup.cli.jobs import STATES

JOB = "01m832s9v90eg4qd5rnekstmc6"


def as_json(record):
    return json.loads(record.model_dump_json())


def test_the_states_are_those_of_the_records():
    assert list(STATES) == [str(state) for state in JobState]


@pytest.mark.parametrize(
    ("arguments", "query"),
    [
        pytest.param([], "limit=20", id="all"),
        pytest.param(["--limit", "5"], "limit=5", id="some"),
        pytest.param(["--state", "failed"], "state=failed&limit=20", id="in a state"),
        pytest.param(["--application", "web"], "application=trueup/web&limit=20", id="of an application"),
        pytest.param(["--repository", "team/shop"], "repository=team/shop&limit=20", id="of a repository"),
        pytest.param(["--commit", COMMIT.upper()], f"commit={COMMIT}&limit=20", id="of a commit"),
    ],
)
def test_what_is_asked_for(story, arguments, query):
    story.tell("GET", "/api/v1/jobs", {"items": [], "next": None})
    assert ask(story, "job", "list", *arguments).code == 0
    assert story.seen[0][1] == f"/api/v1/jobs?{query}"


def test_the_list_is_a_table(story):
    items = [as_json(job_record(1, message="cannot fetch [main]")), as_json(job_record(0, commit=""))]
    story.tell("GET", "/api/v1/jobs", {"items": items, "next": None})
    header, first, second = ask(story, "job", "list").out.splitlines()
    assert header.split() == ["ID", "KIND", "STATE", "COMMIT", "CREATED", "MESSAGE"]
    assert first.split() == [items[0]["id"], "push", "queued", COMMIT[:12], "2026-11-20T12:01:00", "cannot", "fetch", "[main]"]
    assert second.split() == [items[1]["id"], "push", "queued", "2026-11-20T12:00:00"]
    assert json.loads(ask(story, "job", "list", "--json").out) == {"items": items, "next": None}


def test_one_job_is_told_with_its_story(story):
    stage = {"name": "fetched", "at": "2026-11-20T12:00:01.5Z", "detail": "main is at cccc"}
    step = {
        "action": "update",
        "object": "web/Deployment/web",
        "identity": "i",
        "reason": "content changed",
        "error": "denied by [policy]",
    }
    sync = as_json(sync_record(SyncState.FAILED)) | {"steps": [step]}
    job = as_json(job_record(actor="", message="web: denied")) | {"stages": [stage], "syncs": [sync]}
    story.tell("GET", f"/api/v1/jobs/{JOB}", job)
    lines = ask(story, "job", "get", JOB).out.splitlines()
    assert lines[0] == f"Id:          {job['id']}"
    assert "Actor:       -" in lines
    assert lines[-2:] == ["  12:00:01.5Z  fetched  main is at cccc", "    update  web/Deployment/web  denied by [policy]"]
    assert json.loads(ask(story, "job", "get", JOB, "--json").out) == job


def test_a_job_that_is_gone_says_what_to_ask_for(story):
    story.tell("GET", f"/api/v1/jobs/{JOB}", {"title": "Gone", "detail": "ask for its commit"}, status=410)
    ended = ask(story, "job", "get", JOB)
    assert (ended.code, ended.err) == (1, "trueup: ask for its commit")
