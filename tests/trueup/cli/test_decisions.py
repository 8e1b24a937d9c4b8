"""`trueup app pause`, `resume`, `rollback`, and how decisions are shown."""

import json

import pytest

from tests.servers.command_line import ask

SHA = "a" * 40


def job(state, **more):
    record = {
        "id": "j1", "kind": "manual", "state": state, "message": "", "repository": "trueup/shop", "ref": "refs/heads/main",
        "commit": SHA, "actor": "ada", "created": "2026-11-23T10:00:00Z", "stages": [], "syncs": [],
    }  # fmt: skip
    return record | more


@pytest.mark.parametrize(
    ("command", "path", "body"),
    [
        (["pause", "web", "--for", "2h", "--reason", "moving"], "pause", {"reason": "moving", "for": "7200s"}),
        (["pause", "web", "--reason", "moving"], "pause", {"reason": "moving"}),
        (["resume", "web"], "resume", {}),
        (["rollback", "web", "--to", "3f1c9a2", "--reason", "slow"], "rollback", {"to": "3f1c9a2", "reason": "slow"}),
        (["rollback", "web"], "rollback", {"to": "", "reason": ""}),
    ],
    ids=["pause for a time", "pause", "resume", "rollback to", "rollback"],
)
def test_a_decision_is_sent_and_its_job_followed(story, command, path, body):
    story.tell("POST", f"/api/v1/applications/trueup/web/{path}", {"id": "j1", "url": "/api/v1/jobs/j1", "state": "queued"})
    story.tell("GET", "/api/v1/jobs/j1", job("waiting", message="paused by ann"), job("failed", message="no such revision"))
    ended = ask(story, "app", *command)
    assert ended.code == 1
    assert "waits: paused by ann" in ended.out
    assert "no such revision" in ended.err
    assert json.loads(story.bodies[0]) == body
    assert json.loads(ask(story, "app", *command, "--json").out)["state"] == "failed"


def test_a_pause_needs_a_reason(story):
    assert ask(story, "app", "pause", "web").code == 2
    assert story.seen == []


def test_a_forced_sync_says_so(story):
    story.tell("POST", "/api/v1/applications/trueup/web/sync", {"id": "j1", "url": "/api/v1/jobs/j1", "state": "queued"})
    assert ask(story, "sync", "web", "--force", "--no-wait").code == 0
    assert json.loads(story.bodies[0]) == {"force": True}


def test_a_sync_of_a_few_objects_says_which(story):
    story.tell("POST", "/api/v1/applications/trueup/web/sync", {"id": "j1", "url": "/api/v1/jobs/j1", "state": "queued"})
    options = ("--only", "Deployment/web", "--only", "Service/web", "--refresh", "--dry-run", "--no-wait")
    assert ask(story, "sync", "web", *options).code == 0
    assert json.loads(story.bodies[0]) == {"only": ["Deployment/web", "Service/web"], "refresh": True, "dry_run": True}


APPLICATION = {
    "name": "trueup/web", "repository": "trueup/shop", "path": "apps/web", "sources": [],
    "revision": f"main@sha1:{SHA}", "desired": "", "cluster": "c",
    "namespace": "web", "state": "succeeded", "health": "Healthy", "message": "", "unhealthy": [], "holds": [], "held_digest": "",
    "drift": [], "pause": None, "rollback": None, "quarantine": [], "window": None,
}  # fmt: skip
AT = "2026-11-23T10:00:00.123456+00:00"


@pytest.mark.parametrize(
    ("more", "lines"),
    [
        ({}, []),
        (
            {"pause": {"actor": "ann", "reason": "moving", "at": AT, "until": "2026-11-23T14:00:00+00:00"}},
            ["paused by ann at 2026-11-23 10:00 UTC until 2026-11-23 14:00 UTC: moving; end it: trueup app resume trueup/web"],
        ),
        (
            {"pause": {"actor": "ann", "reason": "moving", "at": AT, "until": ""}},
            ["paused by ann at 2026-11-23 10:00 UTC until somebody resumes: moving; end it: trueup app resume trueup/web"],
        ),
        (
            {"rollback": {"commits": [SHA], "instead_of": ["b" * 40], "actor": "", "reason": "refused", "at": AT},
             "quarantine": [{"commits": ["b" * 40], "reason": "refused", "at": AT}]},
            ["held at aaaaaaaaaaaa at 2026-11-23 10:00 UTC instead of bbbbbbbbbbbb: refused",
             "a newer commit that changes the application ends it, or: trueup app resume trueup/web",
             "quarantined bbbbbbbbbbbb at 2026-11-23 10:00 UTC: refused"],
        ),
        (
            {"sources": [
                {"repository": "trueup/shop", "path": "apps/web", "ref": "", "revision": "main@sha1:a", "desired": "main@sha1:a"},
                {"repository": "trueup/config", "path": "", "ref": "values", "revision": "main@sha1:b", "desired": "main@sha1:c"},
                {"repository": "trueup/late", "path": "", "ref": "", "revision": "", "desired": ""},
            ]},
            ["source trueup/shop/apps/web at main@sha1:a",
             "source trueup/config ($values) at main@sha1:b, should be at main@sha1:c", "source trueup/late at -"],
        ),
        (
            {"rollback": {"commits": [SHA, "c" * 40], "instead_of": ["b" * 40, "c" * 40], "actor": "", "reason": "refused", "at": AT}},
            ["held at aaaaaaaaaaaa+cccccccccccc at 2026-11-23 10:00 UTC instead of bbbbbbbbbbbb+cccccccccccc: refused",
             "a newer commit that changes the application ends it, or: trueup app resume trueup/web"],
        ),
        ({"window": {"is_open": True, "until": None}}, ["sync windows: open"]),
        ({"window": {"is_open": False, "until": "2026-11-23T14:00:00Z"}}, ["sync windows: closed until 2026-11-23 14:00 UTC"]),
        ({"window": {"is_open": False, "until": None}}, ["sync windows: closed"]),
    ],
    ids=[
        "nothing", "paused for a time", "paused", "rolled back by itself", "several sources", "several rolled back", "open", "shut",
        "shut for long",
    ],
)  # fmt: skip
def test_an_application_is_shown_with_what_was_decided_about_it(story, more, lines):
    story.tell("GET", "/api/v1/applications/trueup/web", APPLICATION | more)
    found = ask(story, "app", "get", "web").out.splitlines()
    assert [line.strip() for line in found if line.startswith("  ")] == lines


def test_the_history_is_a_table_of_outcomes(story):
    outcome = {
        "revision": f"main@sha1:{SHA}", "commits": [SHA], "state": "failed", "message": "refused", "digest": "d1" * 6, "kind": "push",
        "actor": "ada", "started": AT, "finished": AT, "job": "j1",
    }  # fmt: skip
    story.tell("GET", "/api/v1/applications/trueup/web/history", {"items": [outcome, outcome | {"actor": "", "digest": ""}]})
    rows = ask(story, "app", "history", "web", "--limit", "2").out.splitlines()
    assert rows[1].split() == [
        "2026-11-23T10:00:00",
        "push",
        "failed",
        "main@sha1:aaaaaaaaaaaa",
        "d1d1d1d",
        "ada",
        "j1",
        "refused",
    ]
    assert story.seen[0][1] == "/api/v1/applications/trueup/web/history?limit=2"
