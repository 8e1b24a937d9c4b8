"""Every operation needs its role, and who may not do it learns nothing."""

import pytest

from receiver.api.routes import ROUTES
from receiver.auth import Role
from tests.servers.front_door import ROLES
from tests.servers.records import COMMIT, held_application

THERE = {"cluster": "in-cluster", "namespace": "trueup", "name": "web", "sha": COMMIT, "id": "01m832s9v90eg4qd5rnekstmc6"}
GUARDED = [route for route in ROUTES if route.role != "viewer"]
LEFT = {
    "application": "trueup/web", "cluster": "in-cluster", "reason": "it is gone", "objects": ["web/ConfigMap/a"], "digest": "d1",
}  # fmt: skip


def body_of(route):
    """What an operation needs to be told."""
    if route.path.endswith("/remove"):
        return b'{"digest": "d1"}'
    return b'{"reason": "moving"}' if route.path.endswith("/pause") else b""


def name_of(route):
    return f"{route.method} {route.path}"


@pytest.fixture(autouse=True)
async def web(door):
    await door.front.applications.put([held_application()])


@pytest.mark.parametrize("role", ["", "nobody"], ids=["no token", "unknown token"])
@pytest.mark.parametrize("route", ROUTES, ids=name_of)
async def test_nothing_is_open(door, route, role):
    answer = await door.ask(route.method, route.path.format(**THERE), role=role)
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", GUARDED, ids=name_of)
async def test_the_role_that_is_documented_is_the_one_that_is_needed(door, holder, route, role):
    holder["answer"] = {"items": [LEFT]}
    answer = await door.ask(route.method, route.path.format(**THERE), role=role, data=body_of(route))
    assert answer.status == (route.status if Role[role.upper()] >= Role[route.role.upper()] else 404)


@pytest.mark.parametrize("route", [route for route in GUARDED if not route.path.endswith("/remove")], ids=name_of)
async def test_forbidden_looks_like_absent(door, route):
    forbidden = await door.ask(route.method, route.path.format(**THERE), role="viewer")
    absent = await door.ask(route.method, route.path.format(**THERE | {"name": "none"}), role="admin")
    for answer in (forbidden, absent):
        del answer.json["request"]
    varying = {"X-Request-ID", "Date"}
    assert (forbidden.status, forbidden.json) == (absent.status, absent.json)
    assert {k: v for k, v in forbidden.headers.items() if k not in varying} == {
        k: v for k, v in absent.headers.items() if k not in varying
    }
    assert await door.front.redis.zcard(door.front.keys.queue) == 0, "and nothing happens"


async def test_who_may_not_remove_does_not_learn_what_was_left(door, holder):
    holder["answer"] = {"items": [LEFT]}
    answers = [
        await door.ask("POST", f"/api/v1/orphans/trueup/{name}/remove", role="viewer", data=b'{"digest": "d1"}')
        for name in ("web", "none")
    ]
    for answer in answers:
        del answer.json["request"]
    assert (answers[0].status, answers[0].json) == (404, answers[1].json)
    assert "asked" not in holder


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_every_operation_says_what_it_does(route):
    assert route.summary.endswith(".")
    assert Role[route.role.upper()]
