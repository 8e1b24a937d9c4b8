"""Around every request: an id, a log line, metrics, and every error as a problem; never a traceback outside."""

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import ResponseError

from receiver import metrics
from receiver.middleware import ANSWER, HEADERS, around
from receiver.problems import Refused
from reconciler.errors import ClusterUnavailable

ERRORS = {
    "refused": Refused(409, "Conflict", "it has changed"),
    "transient": ClusterUnavailable("nobody holds it"),
    "http": web.HTTPRequestEntityTooLarge(1, 2),
    "disconnected": Disconnected("no route to host"),
    "response": ResponseError("OOM command not allowed when used memory > 'maxmemory'"),
    "os": TimeoutError(),
    "crash": KeyError("hunter2"),
}


@pytest.fixture
async def client():
    async def fine(_: web.Request) -> web.Response:
        structlog.get_logger().info("thing.done")
        return web.json_response({})

    async def fails(request: web.Request) -> web.Response:
        raise ERRORS[request.match_info["how"]]

    async def streams(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        return response

    async def page(request: web.Request) -> web.Response:
        request[ANSWER] = lambda refused, request_id: web.Response(
            text=f"<p>{refused.detail} {request_id}", status=refused.status, headers={"Content-Security-Policy": "mine"}
        )
        raise ERRORS[request.match_info["how"]]

    app = web.Application(middlewares=[around])
    app.add_routes(
        [
            web.get("/fine", fine),
            web.get("/healthz", fine),
            web.get("/fails/{how}", fails),
            web.get("/page/{how}", page),
            web.get("/streams", streams),
        ]
    )
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.mark.parametrize(
    ("how", "status", "told"),
    [
        ("refused", 409, "it has changed"),
        ("transient", 503, "nobody holds it"),
        ("http", 413, ""),
        ("disconnected", 503, "Redis does not answer"),
        ("response", 503, "Redis does not answer"),
        ("os", 503, "Redis does not answer"),
        ("crash", 500, "the log says more"),
    ],
)
async def test_every_error_is_a_problem_that_names_the_request(client, how, status, told):
    async with client.get(f"/fails/{how}") as response:
        problem = await response.json(content_type="application/problem+json")
        assert (response.status, problem["status"]) == (status, status)
        assert told in problem["detail"]
        assert problem["request"] == response.headers["X-Request-ID"]
        assert ("Retry-After" in response.headers) is (status == 503)


@pytest.mark.parametrize(
    ("how", "status", "told"),
    [("refused", 409, "it has changed"), ("disconnected", 503, "Redis does not answer"), ("crash", 500, "the log says more")],
)
async def test_who_answers_otherwise_tells_errors_otherwise_and_keeps_its_own_headers(client, how, status, told):
    async with client.get(f"/page/{how}") as response:
        text = await response.text()
    assert response.status == status
    assert (told in text, response.headers["X-Request-ID"] in text) == (True, True)
    assert response.headers["Content-Security-Policy"] == "mine"
    assert response.headers["Cache-Control"] == "no-store"


async def test_a_crash_is_told_in_the_log_and_not_outside(client):
    with structlog.testing.capture_logs() as lines:
        async with client.get("/fails/crash") as response:
            text = await response.text()
    assert "hunter2" not in text
    assert "Traceback" not in text
    assert [line["event"] for line in lines] == ["request.crashed", "request.finished"]
    assert lines[0]["log_level"] == "error"


@pytest.mark.parametrize(
    ("given", "is_kept"),
    [
        pytest.param("abc-1.2_3", True, id="good"),
        pytest.param("x" * 64, True, id="long"),
        pytest.param("x" * 65, False, id="too long"),
        pytest.param("a b", False, id="a space"),
        pytest.param("<script>", False, id="markup"),
        pytest.param("", False, id="none"),
    ],
)
async def test_a_request_has_an_id_of_its_own_or_the_one_it_came_with(client, given, is_kept):
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        async with client.get("/fine", headers={"X-Request-ID": given}) as response:
            answered = response.headers["X-Request-ID"]
    assert (answered == given) is is_kept
    assert {line["request"] for line in lines} == {answered}, "what a handler says carries it too"


@pytest.mark.parametrize("path", ["/fine", "/fails/refused", "/nowhere"])
async def test_every_answer_has_the_headers_of_a_careful_server(client, path):
    async with client.get(path) as response:
        assert HEADERS.items() <= dict(response.headers).items()


@pytest.mark.parametrize(
    ("path", "route", "status"), [("/fine", "/fine", 200), ("/fails/crash", "/fails/{how}", 500), ("/nowhere/1", "unknown", 404)]
)
async def test_requests_are_counted_by_route_never_by_path(client, path, route, status):
    before = metrics.REQUESTS.labels(route, str(status))._value.get()
    async with client.get(path):
        pass
    assert metrics.REQUESTS.labels(route, str(status))._value.get() == before + 1


async def test_probes_are_counted_and_not_logged(client):
    before = metrics.REQUESTS.labels("/healthz", "200")._value.get()
    with structlog.testing.capture_logs() as lines:
        async with client.get("/healthz"):
            pass
    assert [line["event"] for line in lines] == ["thing.done"]
    assert metrics.REQUESTS.labels("/healthz", "200")._value.get() == before + 1


async def test_a_stream_that_has_begun_is_left_alone(client):
    async with client.get("/streams") as response:
        assert response.status == 200


async def test_another_method_is_told_which_ones_there_are(client):
    async with client.post("/fine") as response:
        assert response.status == 405
        assert sorted(response.headers["Allow"].split(",")) == ["GET", "HEAD"]
