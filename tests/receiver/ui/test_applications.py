"""The pages of applications: those that need a person first, and one with all that is known."""

from datetime import timedelta

import pytest

from jobs.records import DriftRecord, FieldRecord, HoldRecord, JobKind, ObjectHealthRecord, OutcomeRecord, SourceRecord
from receiver.ui.applications import ROWS, ordered
from reconciler.model.intent import Pause, Quarantine, Rollback
from reconciler.model.outcome import DriftKind, HealthStatus, SyncState
from reconciler.model.policy import SyncWindow, WindowKind
from tests.servers.records import COMMIT, NOON, application_record, held_application

OTHER = "d" * 40
JOB = "01m832s9v90eg4qd5rnekstmc6"
AT = "2026-11-20T12:00:00Z"


def test_what_needs_a_person_comes_first():
    found = [
        application_record("well"),
        application_record("new", state=None, health=HealthStatus.UNKNOWN),
        application_record("also-well"),
        application_record("unhealthy", health=HealthStatus.DEGRADED),
        application_record("running", state=SyncState.RUNNING),
        application_record("held", state=SyncState.HELD),
        application_record("failed", state=SyncState.FAILED),
        application_record("failed-and-unhealthy", state=SyncState.FAILED, health=HealthStatus.DEGRADED),
    ]
    assert [application.name.removeprefix("trueup/") for application in ordered(found)] == [
        "failed-and-unhealthy", "failed", "held", "running", "unhealthy", "new", "also-well", "well",
    ]  # fmt: skip


async def test_all_applications_with_what_is_wrong(door, viewer):
    pause = Pause(actor="ada", reason="moving", at=AT)
    await door.front.applications.put(
        [application_record(), application_record("api", health=HealthStatus.DEGRADED, pause=pause)]
    )
    page = await viewer.get("/applications")
    assert [link for link in page.html.links if "trueup" in link] == ["./applications/trueup/api", "./applications/trueup/web"]
    assert "trueup/api ✓ succeeded ✗ Degraded paused main@sha1:cccccccccccc · in-cluster" in page.html.words


async def test_where_there_are_none(viewer):
    assert "No applications are declared." in (await viewer.get("/applications")).html.words


async def test_of_many_those_in_need_are_shown_and_the_rest_is_counted(door, viewer):
    many = [application_record(f"a{number}") for number in range(ROWS + 1)]
    await door.front.applications.put([*many, application_record("zzz", state=SyncState.FAILED)])
    words = (await viewer.get("/applications")).html.words
    assert "trueup/zzz ✗ failed ✓ Healthy" in words
    assert "and 2 more" in words


ALL = application_record(
    state=SyncState.HELD, health=HealthStatus.DEGRADED, message="2 deletions are held", desired=f"main@sha1:{OTHER}", job=JOB,
    held_digest="9f86", holds=(HoldRecord(guard="blast-radius", reason="too many", objects=("shop/ConfigMap/a",)),),
    unhealthy=(ObjectHealthRecord(object="shop/Deployment/web", status=HealthStatus.MISSING, reason="it is gone"),),
    pause=Pause(actor="ada", reason="moving the database", at=AT, until="2026-11-20T14:00:00Z"),
    rollback=Rollback(commits=(OTHER,), instead_of=(COMMIT,), digest="", actor="bob", reason="too slow", at=AT),
    quarantine=(Quarantine(commits=(COMMIT,), digest="", reason="it never got healthy", at=AT),),
    sources=(SourceRecord(repository="trueup/shop", path="apps/web"), SourceRecord(repository="trueup/values", ref="v")),
    drift=(
        DriftRecord(
            object="shop/Deployment/web", identity="i", kind=DriftKind.CHANGED, at=NOON, job=JOB,
            fields=(FieldRecord(path="spec.replicas", manager="kubectl-edit", desired="3", found="5"),),
        ),
        DriftRecord(object="shop/Service/web", identity="i", kind=DriftKind.FOREIGN, at=NOON),
    ),
)  # fmt: skip


async def test_one_application_with_all_that_is_known(door, viewer):
    outcome = OutcomeRecord(
        revision=f"main@sha1:{COMMIT}", commits=(COMMIT,), state=SyncState.FAILED, message="it broke", kind=JobKind.PUSH,
        actor="eve", finished=NOON + timedelta(hours=1), job=JOB,
    )  # fmt: skip
    await door.front.applications.put([ALL])
    await door.front.applications.add_outcomes({ALL.name: outcome})
    page = await viewer.get("/applications/trueup/web")
    assert page.status == 200
    for told in (
        "held ✗ Degraded 2 deletions are held", f"Should be at main@sha1:{OTHER}", "trueup/shop/apps/web", "trueup/values",
        "Paused by ada at 2026-11-20 12:00:00 UTC until 2026-11-20 14:00:00 UTC: moving the database", "trueup app resume trueup/web",
        "Rolled back to dddddddddddd by bob at 2026-11-20 12:00:00 UTC: too slow", "blast-radius: too many", "shop/ConfigMap/a",
        "trueup app approve trueup/web --digest 9f86", "Quarantined cccccccccccc at 2026-11-20 12:00:00 UTC: it never got healthy",
        "Missing shop/Deployment/web it is gone", "changed shop/Deployment/web 2026-11-20 12:00:00 UTC, put back",
        "spec.replicas: 5 where 3 is desired by kubectl-edit", "foreign shop/Service/web 2026-11-20 12:00:00 UTC, only told",
        "failed push main@sha1:cccccccccccc 2026-11-20 13:00:00 UTC it broke eve", "looks again every 30 s",
    ):  # fmt: skip
        assert told in page.html.words
    assert {f"../../jobs/{JOB}", "../../jobs?application=trueup%2Fweb"} <= set(page.html.links)


async def test_one_that_is_as_it_should_be(door, viewer):
    await door.front.applications.put([application_record()])
    page = await viewer.get("/applications/trueup/web")
    assert page.html.refreshes == []
    for told in ("None was found of late.", "Nothing was synced yet", "trueup/shop/apps/web", "in-cluster / web, 3 objects"):
        assert told in page.html.words
    assert "Should be at" not in page.html.words


async def test_windows_are_open_or_closed(door, viewer):
    closed = SyncWindow(kind=WindowKind.DENY, schedule="* * * * *", duration_seconds=3600.0)
    await door.front.applications.put([application_record(windows=((closed,),))])
    assert "Windows closed" in (await viewer.get("/applications/trueup/web")).html.words


async def test_the_command_of_a_name_that_a_shell_would_obey(door, viewer):
    await door.front.applications.put([held_application("$(x)")])
    assert "trueup app approve trueup/web --digest '$(x)'" in (await viewer.get("/applications/trueup/web")).html.words


@pytest.mark.parametrize("path", ["trueup/nowhere", "other/web", "trueup/%00", "trueup/..%2f..%2fhealthz", "trueup/%ff"])
async def test_what_is_not_there_is_told_as_in_the_api(door, viewer, path):
    page, api = await viewer.get(f"/applications/{path}"), await door.ask("GET", f"/api/v1/applications/{path}")
    assert page.status == api.status == 404
    assert api.json["detail"] in page.html.words
