"""`/openapi.json` is the truth: it has every operation, its schemas are schemas, and what is answered is what it says."""

import pytest
from jsonschema import Draft202012Validator

from jobs.records import JobState
from receiver.api.openapi import document
from receiver.api.routes import ROUTES
from reconciler.model.outcome import Action, HealthStatus, SyncState
from tests.servers.records import COMMIT, application_record, held_application, job_record, sync_record

DOCUMENT = document()
RESOURCE = {
    "object": "web/ConfigMap/a", "identity": "/ConfigMap:web/a", "is_desired": True, "health": "Degraded", "reason": "why",
    "drift": [{"kind": "changed", "fields": [{"path": ".data.a", "manager": "kubectl"}]}], "foreign": [],
}  # fmt: skip
STRAY = {"object": "web/ConfigMap/b", "identity": "/ConfigMap:web/b"}
LEFT = {
    "application": "trueup/web", "cluster": "in-cluster", "reason": "it is gone", "objects": ["web/ConfigMap/a"], "digest": "d1",
}  # fmt: skip
SAID = {"strays": STRAY, "orphans": LEFT}
"""What holders say, by a word of the path that asks them; resources else."""
BODIES = {"pause": b'{"reason": "moving"}', "remove": b'{"digest": "d1"}'}
"""By the last word of a path."""


def errors(schema, value):
    whole = schema | {"components": DOCUMENT["components"]}
    return [error.message for error in Draft202012Validator(whole).iter_errors(value)]


def schema_of(route, status, kind="application/json"):
    responses = DOCUMENT["paths"][route.path][route.method.lower()]["responses"]
    return responses.get(str(status), responses["default"])["content"][kind]["schema"]


ANSWERED = [route for route in ROUTES if route.answer]


def test_every_operation_is_in_it_and_nothing_else():
    described = {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert described == {(route.method, route.path) for route in ROUTES}


async def test_every_operation_of_the_api_is_one_that_is_served(door):
    answer = await door.ask("GET", "/openapi.json", role="")
    assert answer.json == DOCUMENT
    for route in ROUTES:
        path = route.path.format(cluster="in-cluster", namespace="trueup", name="web", sha=COMMIT, id="x")
        assert (await door.ask("DELETE", path)).status == 405


@pytest.mark.parametrize("name", sorted(DOCUMENT["components"]["schemas"]))
def test_every_schema_is_one(name):
    schema = DOCUMENT["components"]["schemas"][name]
    Draft202012Validator.check_schema(schema)
    assert errors(schema, 7), "a schema that takes everything says nothing"


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_parameter_is_described(route):
    operation = DOCUMENT["paths"][route.path][route.method.lower()]
    names = {(parameter["in"], parameter["name"]) for parameter in operation["parameters"]}
    assert {name for where, name in names if where == "query"} == set(route.query)
    assert all(f"{{{name}}}" in route.path for where, name in names if where == "path")
    assert route.role in operation["description"]


@pytest.fixture
async def world(door):
    """A job of every state with all that a job can have, an application that is well and one that is held, and a holder."""
    steps = [{"action": action, "object": "o", "identity": "i", "reason": "r", "fields": [{"path": ".a"}]} for action in Action]
    unhealthy = [{"object": "o", "status": status, "reason": "r"} for status in HealthStatus]
    first = None
    for number, state in enumerate(JobState):
        record = job_record(number, applications=("trueup/web",))
        first = first or record
        await door.front.jobs.create(record)
        await door.front.jobs.add_stage(record.id, "fetched", "main")
        syncs = [
            sync_record(sync_state, application=f"trueup/{sync_state}").model_copy(
                update={"steps": steps, "unhealthy": unhealthy}
            )
            for sync_state in SyncState
        ]
        await door.front.jobs.put_syncs(record.id, syncs)
        await door.front.jobs.transition(record.id, state, "why")
    await door.front.applications.put([held_application(), application_record("api")])
    return {"cluster": "in-cluster", "namespace": "trueup", "name": "web", "sha": COMMIT, "id": first.id}


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@pytest.mark.parametrize("route", ANSWERED, ids=lambda route: f"{route.method} {route.path}")
async def test_what_is_answered_is_what_is_described(door, world, holder, route):
    holder["answer"] = {"items": [next((said for word, said in SAID.items() if word in route.path), RESOURCE)]}
    data = BODIES.get(route.path.rpartition("/")[2], b"")
    answer = await door.ask(route.method, route.path.format(**world), role="admin", data=data)
    assert answer.status == route.status
    assert errors(schema_of(route, route.status), answer.json) == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/jobs?state=x", 400), ("GET", "/api/v1/jobs/x", 404), ("GET", "/api/v1/jobs", 401),
        ("GET", "/api/v1/jobs/01m832s9v90eg4qd5rnekstmc6", 410), ("POST", "/api/v1/applications/trueup/api/approve", 404),
        ("GET", "/nowhere", 404), ("POST", "/api/v1/jobs", 405),
    ],
)  # fmt: skip
async def test_what_is_refused_is_a_problem_as_described(door, method, path, status):
    answer = await door.ask(method, path, role="" if status == 401 else "viewer")
    assert answer.status == status
    assert errors(schema_of(ROUTES[0], "default", "application/problem+json"), answer.json) == []
