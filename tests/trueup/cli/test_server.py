"""Speaking to a running Trueup: what is said when it refuses, is not there, or is something else."""

import asyncio

import pytest

from tests.servers.command_line import ask, run
from trueup.cli.output import ExitCode, Failure
from trueup.cli.server import run as run_coroutine


@pytest.mark.parametrize(
    ("status", "answer", "code", "said"),
    [
        pytest.param(
            400, {"title": "Bad Request", "detail": "state must be one of"}, 2, "state must be one of", id="not understood"
        ),
        pytest.param(401, {"title": "Unauthorized"}, 2, "TRUEUP_TOKEN", id="no token, or a wrong one"),
        pytest.param(404, {"title": "Not Found"}, 1, "applications/trueup/web/approve: not found", id="absent, or forbidden"),
        pytest.param(409, {"title": "Conflict", "detail": "the set has changed"}, 1, "the set has changed", id="changed"),
        pytest.param(410, {"title": "Gone", "detail": "ask for its commit"}, 1, "ask for its commit", id="gone"),
        pytest.param(418, {}, 1, "HTTP 418", id="without a word"),
        pytest.param(500, {"title": "Internal Server Error"}, 6, "Internal Server Error", id="crashed"),
        pytest.param(503, {"title": "Unavailable", "detail": "Redis does not answer"}, 6, "Redis", id="unavailable"),
        pytest.param(502, "<html>Bad Gateway</html>", 6, "is Trueup running there?", id="a gateway"),
        pytest.param(200, "<html>Welcome</html>", 6, "is Trueup running there?", id="a web page"),
        pytest.param(200, ["nonsense"], 6, "not as Trueup does", id="another API"),
        pytest.param(500, ["nonsense"], 6, "HTTP 500", id="another API that fails"),
    ],
)
def test_a_refusal_says_what_to_do(story, status, answer, code, said):
    story.tell("POST", "/api/v1/applications/trueup/web/approve", answer, status=status)
    ended = ask(story, "app", "approve", "web")
    assert ended.code == code
    assert said in ended.err
    assert ended.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["app", "list"], ["app", "get", "web"], ["app", "resources", "web"], ["app", "history", "web"], ["app", "approve", "web"],
        ["cluster", "strays"], ["job", "list"], ["job", "get", "01m832s9v90eg4qd5rnekstmc6"], ["sync", "web"],
        ["wait", "--commit", "a" * 40],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_server_that_is_not_there_is_named(unused_tcp_port, arguments):
    ended = run(*arguments, "--server", f"http://127.0.0.1:{unused_tcp_port}")
    assert ended.code == 6
    assert f"http://127.0.0.1:{unused_tcp_port}" in ended.err
    assert "--server" in ended.err


@pytest.mark.parametrize("server", ["localhost", "localhost:8080", "ftp://x", ""])
def test_what_is_no_address_is_wrong_usage(server):
    ended = run("app", "list", "--server", server)
    assert ended.code == 2
    assert "http://host:port" in ended.err


@pytest.mark.parametrize(
    ("token", "sent"), [("t0ken", "Bearer t0ken"), (" t0ken\n", "Bearer t0ken"), ("", ""), ("tökén", "Bearer tökén")]
)
def test_the_token_is_sent_as_it_was_meant(story, token, sent):
    story.tell("GET", "/api/v1/applications", {"items": [], "next": None})
    assert ask(story, "app", "list", token=token).code == 0
    assert story.seen[0][2].encode("utf-8", "surrogateescape").decode() == sent


def test_options_win_over_the_environment(story):
    story.tell("GET", "/api/v1/applications", {"items": [], "next": None})
    ended = run(
        "app",
        "list",
        "--server",
        story.url,
        "--token",
        "mine",
        environment={"TRUEUP_SERVER": "http://x:1", "TRUEUP_TOKEN": "other"},
    )
    assert (ended.code, story.seen[0][2]) == (0, "Bearer mine")


def test_an_interrupt_ends_a_command_quietly():
    async def interrupted():
        await asyncio.sleep(0)
        raise KeyboardInterrupt

    with pytest.raises(Failure, match="interrupted") as failure:
        run_coroutine(interrupted())
    assert failure.value.code is ExitCode.TIMEOUT
