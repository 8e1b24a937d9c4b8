"""Applications by the API: how they are, and what people may have done to them."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from jobs.records import JobKind, OutcomeRecord
from receiver.api.clusters import ask
from tests.servers.records import COMMIT, application_record, held_application

WEB = "/api/v1/applications/trueup/web"


@pytest.fixture
async def web(door):
    record = application_record()
    await door.front.applications.put([record])
    return record


async def job_of(door, answer):
    assert answer.status == 202
    assert answer.headers["Location"] == answer.json["url"] == f"/api/v1/jobs/{answer.json['id']}"
    return (await door.ask("GET", answer.json["url"])).json


async def test_all_by_name(door):
    await door.front.applications.put([application_record(name) for name in ("web", "api", "db")])
    answer = (await door.ask("GET", "/api/v1/applications")).json
    assert [application["name"] for application in answer["items"]] == ["trueup/api", "trueup/db", "trueup/web"]
    assert answer["next"] is None


async def test_one(door, web):
    assert (await door.ask("GET", WEB)).json == json.loads(web.model_dump_json())


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize(("action", "role", "kind"), [("sync", "deployer", "manual"), ("diff", "viewer", "diff")])
async def test_what_is_asked_for_is_a_job_that_somebody_takes_up(door, action, role, kind):
    job = await job_of(door, await door.ask("POST", f"{WEB}/{action}", role=role))
    assert (job["kind"], job["state"], job["actor"], job["commit"]) == (kind, "queued", f"{role}s", "")
    assert (job["applications"], job["repository"]) == (["trueup/web"], "trueup/shop")
    assert await door.front.redis.zcard(door.front.keys.queue) == 1


@pytest.mark.usefixtures("web")
async def test_asking_twice_is_two_jobs(door):
    answers = [await door.ask("POST", f"{WEB}/sync", role="deployer") for _ in range(2)]
    assert answers[0].json["id"] != answers[1].json["id"]


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"digest": ""}', b'{"digest": "d1"}'], ids=["empty", "an object", "no digest", "the digest"]
)
async def test_an_approval_is_bound_to_the_set_that_was_shown(door, body):
    await door.front.applications.put([held_application("d1")])
    job = await job_of(door, await door.ask("POST", f"{WEB}/approve", role="approver", data=body))
    assert (job["kind"], job["approves"], job["commit"], job["actor"]) == ("approval", "d1", COMMIT, "approvers")


async def test_a_body_may_come_in_pieces(door):
    await door.front.applications.put([held_application("d1")])

    async def pieces():
        for piece in (b'{"dig', b'est":', b' "d1"}'):
            yield piece
            await asyncio.sleep(0.02)

    assert (await door.ask("POST", f"{WEB}/approve", role="approver", data=pieces())).status == 202


@pytest.mark.parametrize(
    ("held", "body", "status", "told"),
    [
        pytest.param("", b"{}", 409, "nothing of trueup/web is held", id="nothing is held"),
        pytest.param("", b'{"digest": "d1"}', 409, "nothing of trueup/web is held", id="nothing is held any more"),
        pytest.param("d2", b'{"digest": "d1"}', 409, "has changed", id="another set by now"),
        pytest.param("d1", b"{", 400, "must be JSON", id="half a body"),
        pytest.param("d1", b"[]", 400, "must be JSON", id="a list"),
        pytest.param("d1", b'{"digest": 1}', 400, "must be JSON", id="a number"),
        pytest.param("d1", b"\xff", 400, "must be JSON", id="no text"),
        pytest.param("d1", b" " * 70_000 + b"{}", 413, "65536 bytes", id="endless"),
    ],
)
async def test_an_approval_that_is_refused(door, held, body, status, told):
    await door.front.applications.put([held_application(held)])
    answer = await door.ask("POST", f"{WEB}/approve", role="approver", data=body)
    assert answer.status == status
    assert told in answer.json["detail"]
    assert await door.front.redis.zcard(door.front.keys.queue) == 0


async def test_history_is_its_latest_outcomes_newest_first(door, web):
    for minute in range(3):
        await door.front.applications.add_outcomes({web.name: outcome_record(minute)})
    items = (await door.ask("GET", f"{WEB}/history?limit=2")).json["items"]
    assert [item["commits"] for item in items] == [["2"], ["1"]]
    assert (await door.ask("GET", f"{WEB}/history?limit=no")).status == 400


def outcome_record(number):
    finished = datetime(2026, 11, 20, 12, number, tzinfo=UTC)
    return OutcomeRecord(
        revision=f"main@sha1:{number}", commits=(str(number),), state="failed", kind=JobKind.PUSH, job="j", finished=finished
    )


async def test_drift_is_what_was_found_last(door):
    found = {
        "object": "web/Deployment/web",
        "identity": "apps/Deployment:web/web",
        "kind": "changed",
        "at": "2026-11-20T12:00:00Z",
    }
    record = application_record()
    await door.front.applications.put([record.model_validate(json.loads(record.model_dump_json()) | {"drift": [found]})])
    items = (await door.ask("GET", f"{WEB}/drift")).json["items"]
    assert [item["object"] for item in items] == ["web/Deployment/web"]


async def test_resources_are_asked_of_the_clusters_holder(door, web, holder):
    item = {"object": "web/ConfigMap/a", "identity": "/ConfigMap:web/a", "is_desired": True, "health": "Healthy"}
    holder["answer"] = {"items": [item]}
    answer = await door.ask("GET", f"{WEB}/resources")
    assert answer.status == 200
    assert [(found["object"], found["health"]) for found in answer.json["items"]] == [("web/ConfigMap/a", "Healthy")]
    assert holder["asked"] == {"resources": web.name}


@pytest.mark.usefixtures("web")
async def test_what_a_holder_cannot_answer_is_a_conflict_with_its_reason(door, holder):
    holder["error"] = "trueup/web was not rendered yet"
    answer = await door.ask("GET", f"{WEB}/resources")
    assert (answer.status, answer.json["detail"]) == (409, "trueup/web was not rendered yet")


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize("is_known", [False, True], ids=["never reached", "nobody answers"])
async def test_without_a_holder_everybody_is_asked_to_come_again(door, monkeypatch, is_known):
    monkeypatch.setitem(ask.__kwdefaults__, "timeout_seconds", 0.1)
    if is_known:
        await door.front.redis.hset(door.front.keys.clusters, "in-cluster", "uid-1")
    answer = await door.ask("GET", f"{WEB}/resources")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")


@pytest.mark.parametrize("name", ["trueup/none", "other/web", "%ff/%00", "trueup/web%2f..", "trueup/%ED%A0%80"])
@pytest.mark.parametrize("what", ["", "/resources", "/drift", "/history"])
async def test_what_is_not_there(door, name, what):
    assert (await door.ask("GET", f"/api/v1/applications/{name}{what}")).status == 404
