"""`trueup app`: what people and programs read of applications, and approving what is held."""

import json

import pytest

from reconciler.model.outcome import SyncState
from tests.servers.command_line import ask
from tests.servers.records import application_record, held_application, job_record

WEB = "/api/v1/applications/trueup/web"
COMMIT = "c" * 40


def as_json(record):
    return json.loads(record.model_dump_json())


def test_the_list_is_a_table(story):
    items = [
        as_json(application_record("api", state=None, revision="", message="not synced yet")),
        as_json(application_record("web", message="3 objects")),
    ]
    story.tell("GET", "/api/v1/applications", {"items": items, "next": None})
    header, api, web = ask(story, "app", "list").out.splitlines()
    assert header.split() == ["NAME", "SYNC", "HEALTH", "REVISION", "OBJECTS", "MESSAGE"]
    assert api.split()[:4] == ["trueup/api", "-", "Healthy", "3"]
    assert web.split()[:5] == ["trueup/web", "succeeded", "Healthy", f"main@sha1:{COMMIT[:12]}", "3"]
    assert json.loads(ask(story, "app", "list", "--json").out) == {"items": items, "next": None}


def test_one_is_told_with_what_is_wrong_with_it(story):
    drift = {
        "object": "web/Deployment/web", "identity": "i", "kind": "changed", "at": "2026-11-20T12:00:00Z",
        "fields": [{"path": "spec.replicas", "manager": "kubectl-scale"}, {"path": "spec.paused"}],
    }  # fmt: skip
    unhealthy = {"object": "web/Deployment/web", "status": "Degraded", "reason": "ImagePullBackOff [web]"}
    record = held_application("d1")
    answer = as_json(record.model_validate(as_json(record) | {"drift": [drift], "unhealthy": [unhealthy]}))
    story.tell("GET", WEB, answer)
    text = ask(story, "app", "get", "web").out
    assert "Name:        trueup/web\n" in text
    assert "Message:     -\n" in text
    assert "  Degraded     web/Deployment/web  ImagePullBackOff [web]\n" in text
    assert "  held (empty): it renders to nothing\n    delete web/ConfigMap/a\n" in text
    assert "  set d1; approve it with: trueup app approve trueup/web\n" in text
    assert "drift 2026-11-20T12:00:00  web/Deployment/web  changed  spec.replicas by kubectl-scale, spec.paused by nobody" in text
    assert json.loads(ask(story, "app", "get", "trueup/web", "--json").out) == answer


def test_resources_are_told_with_what_others_did(story):
    drifted = {"kind": "changed", "fields": [{"path": ".data.a", "manager": "kubectl-edit"}]}
    base = {"identity": "i", "is_deleting": False, "health": "Healthy", "reason": "", "drift": [], "foreign": []}
    items = [
        base | {"object": "web/ConfigMap/a", "is_desired": True, "drift": [drifted, {"kind": "missing", "fields": []}]},
        base | {"object": "web/ConfigMap/b", "is_desired": False},
        base | {"object": "web/Service/c", "is_desired": True, "foreign": [{"path": ".metadata.annotations.x", "manager": "istio"}]},
    ]  # fmt: skip
    story.tell("GET", f"{WEB}/resources", {"items": items})
    header, *rows = ask(story, "app", "resources", "web").out.splitlines()
    assert header.split() == ["OBJECT", "HEALTH", "DRIFT", "BESIDE", "OURS", "REASON"]
    assert "changed .data.a by kubectl-edit; missing -" in rows[0]
    assert "not in Git" in rows[1]
    assert ".metadata.annotations.x by istio" in rows[2]
    assert json.loads(ask(story, "app", "resources", "web", "--json").out) == {"items": items}


@pytest.mark.parametrize(("digest", "body"), [([], {}), (["--digest", "d1"], {"digest": "d1"})], ids=["shown last", "named"])
@pytest.mark.parametrize(("state", "code"), [("succeeded", 0), ("failed", 1), ("held", 4)])
def test_approving_follows_the_job_that_deletes(story, digest, body, state, code):
    job = as_json(job_record(state=state))
    story.tell("POST", f"{WEB}/approve", {"id": "j1", "url": "/api/v1/jobs/j1", "state": "queued"}, status=202)
    story.tell("GET", "/api/v1/jobs/j1", job)
    assert ask(story, "app", "approve", "web", *digest).code == code
    assert json.loads(story.bodies[0]) == body
    ended = ask(story, "app", "approve", "web", *digest, "--json")
    assert (ended.code, json.loads(ended.out)) == (code, job)


def test_every_state_of_a_sync_can_be_told(story):
    items = [as_json(application_record(f"a{n}", state=state)) for n, state in enumerate(SyncState)]
    story.tell("GET", "/api/v1/applications", {"items": items, "next": None})
    assert [line.split()[1] for line in ask(story, "app", "list").out.splitlines()[1:]] == [str(state) for state in SyncState]
