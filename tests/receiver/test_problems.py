"""Errors as problem+json, RFC 9457."""

import json

import pytest

from receiver.problems import Refused, answer, not_found


@pytest.mark.parametrize(
    ("refused", "headers"),
    [
        pytest.param(Refused(400, "Bad Request", "say what"), {}, id="plain"),
        pytest.param(Refused(401, "Unauthorized"), {"WWW-Authenticate": "Bearer"}, id="a token is wanted"),
        pytest.param(Refused(503, "Service Unavailable", "later", retry_after=5), {"Retry-After": "5"}, id="later"),
        pytest.param(not_found(), {}, id="not there"),
    ],
)
def test_an_error_is_a_problem(refused, headers):
    response = answer(refused, "r1")
    assert (response.status, response.content_type) == (refused.status, "application/problem+json")
    assert json.loads(response.text) == {
        "type": "about:blank", "title": refused.title, "status": refused.status, "detail": refused.detail, "request": "r1",
    }  # fmt: skip
    assert {
        name: response.headers.get(name) for name in ("WWW-Authenticate", "Retry-After") if name in response.headers
    } == headers
