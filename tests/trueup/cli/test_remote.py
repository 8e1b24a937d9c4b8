"""The commands that speak to a running Trueup, run as a person runs them, against a server that tells a prepared story."""

import asyncio
import json
import threading
from collections.abc import Iterator

import pytest
from aiohttp import web
from click.testing import CliRunner

from trueup.cli.main import cli

SHA = "a" * 40


def job(state: str, **more: object) -> dict[str, object]:
    record = {
        "id": "j1", "kind": "manual", "state": state, "message": "", "repository": "trueup/shop", "ref": "refs/heads/main",
        "commit": SHA, "actor": "ada", "created": "2026-11-23T10:00:00Z", "stages": [], "syncs": [],
    }  # fmt: skip
    return record | more


class Story:
    """A server that answers each address with the next of its prepared answers, the last one for ever."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], list[tuple[int, object]]] = {}
        self.seen: list[tuple[str, str, str]] = []
        self.bodies: list[object] = []
        self.url = ""

    def tell(self, method: str, path: str, *answers: object, status: int = 200) -> None:
        self.answers[method, path] = [(status, answer) for answer in answers]

    async def answer(self, request: web.Request) -> web.Response:
        self.seen.append((request.method, request.path_qs, request.headers.get("Authorization", "")))
        if request.can_read_body:
            self.bodies.append(await request.json())
        answers = self.answers.get((request.method, request.path))
        if not answers:
            return web.json_response({"title": "Not Found"}, status=404)
        status, answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return web.json_response(answer, status=status)


@pytest.fixture
def story() -> Iterator[Story]:
    """The server runs in a thread of its own, since a command has its own event loop."""
    told, started, loop = Story(), threading.Event(), asyncio.new_event_loop()

    async def serve() -> web.AppRunner:
        application = web.Application()
        application.router.add_route("*", "/{tail:.*}", told.answer)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        told.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        started.set()
        return runner

    runner = None

    def main() -> None:
        nonlocal runner
        runner = loop.run_until_complete(serve())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=main)
    thread.start()
    started.wait(5)
    yield told
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)


def run(story: Story, *arguments: str, token: str = "t0ken"):
    return CliRunner().invoke(cli, arguments, env={"TRUEUP_SERVER": story.url, "TRUEUP_TOKEN": token, "COLUMNS": "200"})


@pytest.mark.parametrize(
    ("state", "code"),
    [
        pytest.param("succeeded", 0, id="succeeded"),
        pytest.param("ignored", 0, id="ignored"),
        pytest.param("failed", 1, id="failed"),
        pytest.param("superseded", 1, id="superseded"),
        pytest.param("held", 4, id="held"),
    ],
)
def test_sync_follows_the_job_and_ends_with_its_state(story, state, code):
    story.tell(
        "POST", "/api/v1/applications/trueup/web/sync", {"id": "j1", "url": "/api/v1/jobs/j1", "state": "queued"}, status=202
    )
    story.tell("GET", "/api/v1/jobs/j1", job("running"), job(state, message="what came of it"))
    result = run(story, "sync", "web")
    told = result.output + str(result.exception or "")
    assert getattr(result.exception, "code", 0) == code
    assert "what came of it" in told
    assert story.seen[0] == ("POST", "/api/v1/applications/trueup/web/sync", "Bearer t0ken")


def test_sync_tells_each_stage_and_step_once(story):
    stage = {"name": "fetched", "at": "2026-11-23T10:00:00.123456Z", "detail": "main@sha1:aaaa"}
    step = {"action": "update", "object": "shop/Deployment/web", "reason": "content changed", "error": ""}
    sync = {"application": "trueup/web", "state": "running", "steps": [step], "holds": []}
    story.tell("POST", "/api/v1/applications/trueup/web/sync", {"id": "j1", "url": "/api/v1/jobs/j1", "state": "queued"})
    story.tell("GET", "/api/v1/jobs/j1", job("running", stages=[stage]), job("succeeded", stages=[stage], syncs=[sync]))
    lines = run(story, "sync", "web").output.splitlines()
    assert lines == ["10:00:00.123  fetched  main@sha1:aaaa", "  update  shop/Deployment/web  content changed", "succeeded"]


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        pytest.param(["succeeded"], 0, id="live"),
        pytest.param(["succeeded", "failed"], 1, id="one failed"),
        pytest.param(["held"], 4, id="held"),
        pytest.param(["pending"], 5, id="not decided in time"),
        pytest.param([], 5, id="never heard of"),
    ],
)
def test_wait_ends_with_the_verdict(story, verdicts, code):
    rows = [{"repository": "trueup/shop", "cluster": "c", "state": state, "message": ""} for state in verdicts]
    story.tell("GET", f"/api/v1/commits/{SHA}", {"verdicts": rows, "jobs": []})
    result = run(story, "wait", "--commit", SHA, "--timeout", "2s", "--repository", "trueup/shop")
    assert getattr(result.exception, "code", 0) == code
    assert story.seen[0][1] == f"/api/v1/commits/{SHA}?wait=2s&repository=trueup/shop"


def test_json_is_what_the_api_said(story):
    answer = {"items": [job("succeeded")], "next": None}
    story.tell("GET", "/api/v1/jobs", answer)
    result = run(story, "job", "list", "--state", "succeeded", "--json")
    assert json.loads(result.output) == answer
    assert story.seen[0][1] == "/api/v1/jobs?state=succeeded&limit=20"


def test_approving_names_the_set_and_follows_the_job(story):
    story.tell("POST", "/api/v1/applications/trueup/web/approve", {"id": "j1", "url": "/api/v1/jobs/j1", "state": "queued"})
    story.tell("GET", "/api/v1/jobs/j1", job("succeeded"))
    assert run(story, "app", "approve", "web").exit_code == 0


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
    result = run(story, "app", *command)
    assert getattr(result.exception, "code", None) == 1
    assert "waits: paused by ann" in result.output
    assert "no such revision" in str(result.exception)
    assert story.bodies[0] == body
    assert json.loads(run(story, "app", *command, "--json").output)["state"] == "failed"


def test_a_pause_needs_a_reason(story):
    assert run(story, "app", "pause", "web").exit_code == 2
    assert story.seen == []


def test_a_forced_sync_says_so(story):
    story.tell("POST", "/api/v1/applications/trueup/web/sync", {"id": "j1", "url": "/api/v1/jobs/j1", "state": "queued"})
    assert run(story, "sync", "web", "--force", "--no-wait").exit_code == 0
    assert story.bodies[0] == {"force": True}


def test_a_sync_of_a_few_objects_says_which(story):
    story.tell("POST", "/api/v1/applications/trueup/web/sync", {"id": "j1", "url": "/api/v1/jobs/j1", "state": "queued"})
    options = ("--only", "Deployment/web", "--only", "Service/web", "--refresh", "--dry-run", "--no-wait")
    assert run(story, "sync", "web", *options).exit_code == 0
    assert story.bodies[0] == {"only": ["Deployment/web", "Service/web"], "refresh": True, "dry_run": True}


APPLICATION = {
    "name": "trueup/web", "repository": "trueup/shop", "path": "apps/web", "revision": f"main@sha1:{SHA}", "desired": "", "cluster": "c",
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
        ({"window": {"is_open": True, "until": None}}, ["sync windows: open"]),
        ({"window": {"is_open": False, "until": "2026-11-23T14:00:00Z"}}, ["sync windows: closed until 2026-11-23 14:00 UTC"]),
        ({"window": {"is_open": False, "until": None}}, ["sync windows: closed"]),
    ],
    ids=["nothing", "paused for a time", "paused", "rolled back by itself", "open", "shut", "shut for long"],
)  # fmt: skip
def test_an_application_is_shown_with_what_was_decided_about_it(story, more, lines):
    story.tell("GET", "/api/v1/applications/trueup/web", APPLICATION | more)
    found = run(story, "app", "get", "web").output.splitlines()
    assert [line.strip() for line in found if line.startswith("  ")] == lines


def test_the_history_is_a_table_of_outcomes(story):
    outcome = {
        "revision": f"main@sha1:{SHA}", "commits": [SHA], "state": "failed", "message": "refused", "digest": "d1" * 6, "kind": "push",
        "actor": "ada", "started": AT, "finished": AT, "job": "j1",
    }  # fmt: skip
    story.tell("GET", "/api/v1/applications/trueup/web/history", {"items": [outcome, outcome | {"actor": "", "digest": ""}]})
    rows = run(story, "app", "history", "web", "--limit", "2").output.splitlines()
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


@pytest.mark.parametrize(
    ("status", "answer", "code", "said"),
    [
        pytest.param(401, {"title": "Unauthorized"}, 2, "TRUEUP_TOKEN", id="no token"),
        pytest.param(404, {"title": "Not Found"}, 1, "not found", id="absent"),
        pytest.param(409, {"title": "Conflict", "detail": "the set has changed"}, 1, "the set has changed", id="changed"),
        pytest.param(503, {"title": "Unavailable", "detail": "Redis does not answer"}, 6, "Redis", id="unavailable"),
    ],
)
def test_a_refusal_says_what_to_do(story, status, answer, code, said):
    story.tell("POST", "/api/v1/applications/trueup/web/approve", answer, status=status)
    result = run(story, "app", "approve", "web")
    assert getattr(result.exception, "code", None) == code
    assert said in str(result.exception)


def test_a_server_that_is_not_there_is_named(unused_tcp_port):
    result = CliRunner().invoke(cli, ["app", "list", "--server", f"http://127.0.0.1:{unused_tcp_port}"])
    assert getattr(result.exception, "code", None) == 6
    assert str(unused_tcp_port) in str(result.exception)


@pytest.mark.parametrize(
    ("text", "ok"), [("90s", True), ("5m", True), ("1h", True), ("7", True), ("soon", False), ("-1s", False)]
)
def test_durations(story, text, ok):
    story.tell("GET", f"/api/v1/commits/{SHA}", {"verdicts": [], "jobs": []})
    result = run(story, "wait", "--commit", SHA, "--timeout", text)
    assert (result.exit_code == 2) is not ok
