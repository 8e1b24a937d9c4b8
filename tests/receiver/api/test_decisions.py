"""Pause, resume and rollback become jobs that say what a person decided; what makes no sense is refused at the door."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp.test_utils import TestClient, TestServer

from jobs.records import ApplicationRecord
from receiver.app import create_app
from receiver.front import FRONT
from receiver.settings import ReceiverSettings
from reconciler.model.intent import Pause
from reconciler.model.policy import SyncWindow, WindowKind

WEB = "/api/v1/applications/trueup/web"
NOW = datetime.now(UTC)


@pytest.fixture
async def client(valkey, keys):
    tokens = tuple(f"{name}:{name}:{hashlib.sha256(name.encode()).hexdigest()}" for name in ("viewer", "deployer"))
    app = create_app(ReceiverSettings(instance=keys.instance, webhook_keys=("cd" * 32,), api_tokens=tokens), valkey.url)
    async with TestClient(TestServer(app)) as client:
        await app[FRONT].applications.put([application()])
        yield client


def application(**more):
    return ApplicationRecord(name="trueup/web", repository="trueup/shop", updated=NOW, **more)


async def ask(client, what, body=None, *, who="deployer", method="POST"):
    headers = {"Authorization": f"Bearer {who}"}
    async with client.request(method, f"{WEB}/{what}".rstrip("/"), json=body, headers=headers) as response:
        answer = await response.json()
        if response.status != 202:
            return response.status, answer
    async with client.get(answer["url"], headers=headers) as response:
        return 202, await response.json()


@pytest.mark.parametrize(
    ("what", "body", "kind", "decision"),
    [
        ("pause", {"reason": " moving\n house "}, "pause", {"reason": "moving house"}),
        ("resume", None, "resume", {"ends": "rollback"}),
        ("rollback", None, "rollback", {}),
        ("rollback", {"to": "main@sha1:" + "A" * 40, "reason": "slow"}, "rollback", {"to": "a" * 40, "reason": "slow"}),
        ("rollback", {"to": "3f1c9a2"}, "rollback", {"to": "3f1c9a2"}),
        ("sync", {"force": True}, "manual", {"is_forced": True}),
    ],
    ids=["pause", "resume", "rollback", "rollback to a revision", "rollback to some digits", "forced sync"],
)
async def test_a_decision_is_a_job_of_its_person(client, what, body, kind, decision):
    status, job = await ask(client, what, body)
    assert (status, job["kind"], job["actor"], job["applications"]) == (202, kind, "deployer", ["trueup/web"])
    nothing = {"reason": "", "until": None, "ends": "", "to": "", "is_forced": False}
    assert job["decision"] == nothing | decision


async def test_a_plain_sync_decides_nothing(client):
    assert (await ask(client, "sync", {}))[1]["decision"] is None


async def test_a_pause_ends_by_the_clock(client):
    _, job = await ask(client, "pause", {"reason": "x", "for": "1h30m"})
    until = datetime.fromisoformat(job["decision"]["until"])
    assert abs(until - datetime.now(UTC) - timedelta(minutes=90)) < timedelta(minutes=1)


async def test_the_end_of_a_pause_ends_no_rollback(client):
    pause = Pause("ann", "moving", NOW.isoformat())
    await client.app[FRONT].applications.put([application(pause=pause)])
    assert (await ask(client, "resume"))[1]["decision"]["ends"] == "pause"


@pytest.mark.parametrize(
    ("what", "body", "said"),
    [
        ("pause", {}, "reason"),
        ("pause", {"reason": ""}, "reason"),
        ("pause", {"reason": "x" * 501}, "reason"),
        ("pause", {"reason": "x", "for": "soon"}, "duration"),
        ("pause", {"reason": "x", "for": "0s"}, "longer than nothing"),
        ("pause", {"reason": "x", "for": "9999h"}, "at most a year"),
        ("pause", {"reason": "x", "until": "noon"}, "until"),
        ("rollback", {"to": "main"}, "no commit"),
        ("rollback", {"to": "abc"}, "no commit"),
        ("sync", {"forced": True}, "forced"),
    ],
)
async def test_what_makes_no_sense_is_refused(client, what, body, said):
    status, answer = await ask(client, what, body)
    assert (status, said in answer["detail"]) == (400, True), answer


@pytest.mark.parametrize("what", ["pause", "resume", "rollback"])
async def test_who_may_only_look_finds_nothing(client, what):
    assert (await ask(client, what, {"reason": "x"}, who="viewer"))[0] == 404


async def test_windows_are_judged_at_the_time_of_the_answer(client):
    assert (await ask(client, "", method="GET"))[1]["window"] is None
    always = SyncWindow("0 0 * * *", 86400.0, "UTC", WindowKind.DENY)
    for windows, window in (
        (((always,), ()), {"is_open": False, "until": None}),
        (((), (SyncWindow("0 0 * * *", 86400.0),)), {"is_open": True, "until": None}),
    ):
        await client.app[FRONT].applications.put([application(windows=windows)])
        assert (await ask(client, "", method="GET"))[1]["window"] == window
