"""`trueup sync` and `trueup wait`: ask, follow to the end, and end with what came of it."""

import json

import pytest

from tests.servers.command_line import ask
from trueup.cli import remote

SHA = "a" * 40
SYNC = "/api/v1/applications/trueup/web/sync"
ACCEPTED = {"id": "j1", "url": "/api/v1/jobs/j1", "state": "queued"}


def job(state, **more):
    record = {
        "id": "j1", "kind": "manual", "state": state, "message": "", "repository": "trueup/shop", "ref": "refs/heads/main",
        "commit": SHA, "actor": "ada", "created": "2026-11-23T10:00:00Z", "stages": [], "syncs": [],
    }  # fmt: skip
    return record | more


def verdict(state, **more):
    return {"repository": "trueup/shop", "cluster": "in-cluster", "state": state, "message": "why"} | more


@pytest.mark.parametrize("as_json", [[], ["--json"]], ids=["for people", "as JSON"])
@pytest.mark.parametrize(
    ("state", "code"), [("succeeded", 0), ("ignored", 0), ("failed", 1), ("superseded", 1), ("held", 4)], ids=str
)
def test_sync_follows_the_job_and_ends_with_its_state(story, state, code, as_json):
    story.tell("POST", SYNC, ACCEPTED, status=202)
    story.tell("GET", "/api/v1/jobs/j1", job("running"), job(state, message="what came of it"))
    ended = ask(story, "sync", "web", *as_json)
    assert ended.code == code
    assert "what came of it" in ended.out + ended.err
    assert story.seen[0] == ("POST", SYNC, "Bearer t0ken")
    if as_json:
        assert json.loads(ended.out)["state"] == state


def test_sync_tells_each_stage_and_step_once(story):
    stage = {"name": "fetched", "at": "2026-11-23T10:00:00.123456Z", "detail": "main@sha1:aaaa"}
    step = {"action": "update", "object": "shop/Deployment/web", "reason": "content changed", "error": ""}
    sync = {"application": "trueup/web", "state": "running", "steps": [step], "holds": [], "notices": [], "policies": []}
    story.tell("POST", SYNC, ACCEPTED)
    story.tell("GET", "/api/v1/jobs/j1", job("running", stages=[stage]), job("succeeded", stages=[stage], syncs=[sync]))
    lines = ask(story, "sync", "web").out.splitlines()
    assert lines == ["10:00:00.123  fetched  main@sha1:aaaa", "  update  shop/Deployment/web  content changed", "succeeded"]


def test_sync_says_how_what_is_held_is_approved(story):
    hold = {"guard": "empty", "reason": "it renders to nothing", "objects": ["a", "b"]}
    sync = {"application": "trueup/web", "state": "held", "steps": [], "holds": [hold], "notices": [], "policies": []}
    story.tell("POST", SYNC, ACCEPTED)
    story.tell("GET", "/api/v1/jobs/j1", job("held", syncs=[sync], message="2 deletions are held"))
    ended = ask(story, "sync", "web")
    assert "  held    2 deletions: it renders to nothing" in ended.out
    assert "trueup app approve trueup/web" in ended.err


@pytest.mark.parametrize(("as_json", "said"), [([], "/api/v1/jobs/j1"), (["--json"], '"id": "j1"')])
def test_sync_need_not_wait(story, as_json, said):
    story.tell("POST", SYNC, ACCEPTED)
    ended = ask(story, "sync", "web", "--no-wait", *as_json)
    assert (ended.code, len(story.seen)) == (0, 1)
    assert said in ended.out


def test_sync_gives_up_waiting_when_time_is_up(story):
    story.tell("POST", SYNC, ACCEPTED)
    story.tell("GET", "/api/v1/jobs/j1", job("waiting", message="Git does not answer"))
    ended = ask(story, "sync", "web", "--timeout", "0.1s")
    assert ended.code == 5
    assert "waiting: Git does not answer" in ended.err


@pytest.mark.parametrize(
    ("states", "code"),
    [
        pytest.param(["succeeded"], 0, id="live"),
        pytest.param(["succeeded", "succeeded"], 0, id="live everywhere"),
        pytest.param(["succeeded", "failed"], 1, id="one failed"),
        pytest.param(["superseded"], 1, id="overtaken"),
        pytest.param(["held", "failed"], 1, id="failed is worse than held"),
        pytest.param(["succeeded", "held"], 4, id="held"),
        pytest.param(["pending"], 5, id="not decided in time"),
        pytest.param(["pending", "failed"], 5, id="not decided everywhere"),
        pytest.param([], 5, id="never heard of"),
    ],
)
@pytest.mark.parametrize("as_json", [[], ["--json"]], ids=["for people", "as JSON"])
def test_wait_ends_with_the_verdict(story, states, code, as_json):
    answer = {"verdicts": [verdict(state) for state in states], "jobs": []}
    story.tell("GET", f"/api/v1/commits/{SHA}", answer)
    ended = ask(story, "wait", "--commit", SHA, "--timeout", "2s", "--repository", "shop", *as_json)
    assert ended.code == code
    assert story.seen[0][1] == f"/api/v1/commits/{SHA}?wait=2s&repository=trueup/shop"
    if as_json:
        assert json.loads(ended.out) == answer
    else:
        assert ended.out.splitlines()[0].split() == ["REPOSITORY", "CLUSTER", "STATE", "MESSAGE"]
    assert bool(ended.err) is (code != 0)


def test_wait_waits_longer_than_one_request_may(story, monkeypatch):
    monkeypatch.setattr(remote, "ONE_WAIT_SECONDS", 0.1)
    monkeypatch.setattr(remote, "PAUSE_SECONDS", 0.01)
    pending = {"verdicts": [verdict("pending")], "jobs": []}
    story.tell("GET", f"/api/v1/commits/{SHA}", pending, pending, {"verdicts": [verdict("succeeded")], "jobs": []})
    assert ask(story, "wait", "--commit", SHA, "--timeout", "1h").code == 0
    assert [path.partition("?")[2] for _, path, _ in story.seen] == ["wait=0.1s"] * 3


def test_wait_asks_no_more_than_once_a_second_where_the_server_does_not_wait(story, monkeypatch):
    monkeypatch.setattr(remote, "PAUSE_SECONDS", 0.2)
    monkeypatch.setattr(remote, "ONE_WAIT_SECONDS", 0.3)
    story.tell("GET", f"/api/v1/commits/{SHA}", {"verdicts": [], "jobs": []})
    ended = ask(story, "wait", "--commit", SHA, "--timeout", "0.5s")
    assert ended.code == 5
    assert 2 <= len(story.seen) <= 3
    assert f"nothing is decided about {SHA} after 0.5 s" in ended.err
