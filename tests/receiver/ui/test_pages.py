"""The pages as people see them: one job, the list of jobs, one commit; and what is not there."""

import asyncio

import aiohttp
import pytest

from jobs.records import (
    DeliveryRecord,
    FieldRecord,
    HoldRecord,
    JobKind,
    JobState,
    ObjectHealthRecord,
    PolicyRecord,
    PullRecord,
    StepRecord,
)
from receiver.ui.pages import ROWS
from reconciler.model.gates import PolicyAction
from reconciler.model.outcome import Action, HealthStatus, SyncState
from tests.servers.browser import Browser
from tests.servers.front_door import front_door
from tests.servers.records import COMMIT, job_record, sync_record

OTHER = "d" * 40
GONE = "01m832s9v90eg4qd5rnekstmc6"

FIELD = FieldRecord(path="spec.replicas", manager="kubectl-edit", at="2026-11-20T12:00:00Z", desired="3", found="5")
STEPS = (
    StepRecord(action=Action.UPDATE, object="shop/Deployment/web", identity="i", reason="it changed", fields=(FIELD,)),
    StepRecord(action=Action.CREATE, object="shop/Service/web", identity="i", reason="it is new", error="port 80 is taken"),
)
DENIED = PolicyRecord(
    action=PolicyAction.DENY, object="shop/Pod/x", identity="i", rule="no-latest", message="pin the image", source="apps/web/x.yaml",
)  # fmt: skip
HELD = sync_record(
    SyncState.HELD, application="trueup/web", held_digest="9f86", steps=STEPS, kept=7, notices=("one more thing",),
    policies=(DENIED,),
    holds=(HoldRecord(guard="most-of-application", reason="most of it would go", objects=("shop/ConfigMap/a", "shop/ConfigMap/b")),),
    unhealthy=(ObjectHealthRecord(object="shop/Deployment/web", status=HealthStatus.DEGRADED, reason="ImagePullBackOff"),),
)  # fmt: skip
WAITING = sync_record(SyncState.WAITING, application="trueup/api", awaits=("trueup/database",), message="the database first")


async def stored(door, **fields):
    record = job_record(**fields)
    await door.front.jobs.create(record)
    return record


async def test_one_job_with_all_that_is_known(door, viewer):
    delivery = DeliveryRecord(provider="github", id="72d3162e", event="push", key=0)
    job = await stored(door, actor="ada", delivery=delivery, message="2 deletions are held")
    await door.front.jobs.add_stage(job.id, "fetched", "main is at cccc")
    await door.front.jobs.put_syncs(job.id, [HELD, WAITING])
    await door.front.jobs.transition(job.id, JobState.HELD, "2 deletions are held")
    page = await viewer.get(f"/jobs/{job.id}")
    assert page.status == 200
    for told in (
        "held push of main", "2 deletions are held", COMMIT, "refs/heads/main", "trueup/shop", "ada", "2026-11-20 12:00:00 UTC",
        "github push 72d3162e", job.id, "fetched main is at cccc", "most-of-application: most of it would go", "shop/ConfigMap/a",
        "shop/ConfigMap/b", "trueup app approve trueup/web --digest 9f86", "Degraded shop/Deployment/web ImagePullBackOff",
        "update shop/Deployment/web it changed", "spec.replicas: 5 where 3 is desired by kubectl-edit at 2026-11-20T12:00:00Z",
        "create shop/Service/web it is new port 80 is taken", "2 steps, 7 objects needed nothing", "one more thing",
        "deny shop/Pod/x no-latest, apps/web/x.yaml pin the image", "waiting trueup/api",
        "the database first", "Waits for trueup/database", "looks again every 30 s",
    ):  # fmt: skip
        assert told in page.html.words
    assert f"../commits/{COMMIT}" in page.html.links
    assert page.html.refreshes == ["30"]


@pytest.mark.parametrize("state", JobState)
async def test_a_page_looks_again_until_its_job_is_final(door, viewer, state):
    job = await stored(door, state=state)
    page = await viewer.get(f"/jobs/{job.id}")
    assert (page.html.refreshes == []) is state.is_final
    assert f"{state} push of main" in page.html.words


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"jobs/{GONE}", 410), ("jobs/nonsense", 404), ("jobs/%00", 404), ("jobs/%ff", 404), ("jobs/..%2f..%2fhealthz", 404),
        ("jobs?state=nonsense", 400), ("jobs?next=x", 400), ("jobs?limit=0", 400), ("commits/x", 400),
    ],
)  # fmt: skip
async def test_what_is_not_there_is_told_as_in_the_api(door, viewer, path, status):
    page, api = await viewer.get(f"/{path}"), await door.ask("GET", f"/api/v1/{path}")
    assert (page.status, page.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert page.status == api.status
    assert " ".join(api.json["detail"].split()) in page.html.words
    assert page.headers["X-Request-ID"] in page.html.words


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param("", ["elsewhere", "failed", "push"], id="all, newest first"),
        pytest.param("?repository=shop", ["failed", "push"], id="of a repository"),
        pytest.param(f"?commit={OTHER}", ["failed"], id="of a commit"),
        pytest.param("?application=api", ["failed"], id="of an application"),
        pytest.param("?state=queued", ["elsewhere", "push"], id="in a state"),
        pytest.param("?state=&application=&repository=&commit=", ["elsewhere", "failed", "push"], id="an empty form"),
        pytest.param("?repository=nowhere", [], id="nothing"),
    ],
)
async def test_the_list_of_jobs_has_the_filters_of_the_api(door, viewer, query, found):
    made = {
        "push": await stored(door, minute=0),
        "failed": await stored(door, minute=1, state=JobState.FAILED, commit=OTHER, applications=("trueup/api",)),
        "elsewhere": await stored(door, minute=2, repository="trueup/docs"),
    }
    page = await viewer.get(f"/jobs{query}")
    linked = [link.removeprefix("./jobs/") for link in page.html.links if link.startswith("./jobs/")]
    names = {record.id: name for name, record in made.items()}
    assert [names[job_id] for job_id in linked] == found
    assert ("No jobs." in page.html.words) is (found == [])


async def test_older_jobs_are_on_the_next_page_with_the_same_filter(door, viewer):
    made = [await stored(door, minute=n) for n in range(ROWS + 3)]
    seen, path = [], "/jobs?state=queued"
    for _ in range(2):
        page = await viewer.get(path)
        seen += [link.removeprefix("./jobs/") for link in page.html.links if link.startswith("./jobs/")]
        older = [link for link in page.html.links if "next=" in link]
        path = older[0].removeprefix(".") if older else ""
        assert all("state=queued" in link for link in older)
    assert (path, seen) == ("", [record.id for record in reversed(made)])
    assert "./jobs?state=queued" in page.html.links, "and back to the newest"


async def test_the_plan_of_a_pull_request_says_what_would_be(door, viewer):
    pull = PullRecord(number=12, base="refs/heads/main", is_fork=True, is_asked=True, command="/trueup plan")
    job = await stored(door, kind=JobKind.PLAN, ref="refs/heads/topic", pull=pull, merge=OTHER, before=COMMIT)
    step = STEPS[0].model_copy(update={"warnings": ("extensions/v1beta1 is deprecated",)})
    await door.front.jobs.put_syncs(job.id, [HELD.model_copy(update={"steps": (step,)})])
    words = (await viewer.get(f"/jobs/{job.id}")).html.words
    for told in (
        "plan of pull request 12 into main", "/trueup plan", "a fork, asked for by who may write", f"as {OTHER} into cccccccccccc",
        "Would be held by most-of-application", "spec.replicas: 5 → 3", "Warning: extensions/v1beta1 is deprecated",
    ):  # fmt: skip
        assert told in words
    assert "trueup app approve" not in words


async def test_before_there_are_syncs_the_applications_are_named(door, viewer):
    job = await stored(door, applications=tuple(f"trueup/a{number}" for number in range(60)), cluster="east")
    page = await viewer.get(f"/jobs/{job.id}")
    assert "../applications/trueup/a49" in page.html.links
    assert "trueup/a49 and 10 more Cluster east" in page.html.words


async def test_one_commit_with_its_verdicts_and_jobs(door, viewer):
    job = await stored(door, state=JobState.RUNNING)
    page = await viewer.get(f"/commits/{COMMIT.upper()}")
    assert page.status == 200
    assert "pending trueup/shop" in page.html.words
    assert f"../jobs/{job.id}" in page.html.links
    assert page.html.refreshes == ["5"]


async def test_a_commit_that_nobody_knows(viewer):
    page = await viewer.get(f"/commits/{OTHER}")
    assert (page.status, page.html.refreshes) == (200, [])
    assert "no job is about this commit" in page.html.words


async def test_at_home_are_the_jobs(browser):
    answer = await browser.get("/")
    assert (answer.status, answer.location) == (303, "./jobs")


async def test_nothing_of_a_page_is_kept_and_nothing_may_frame_it(door, viewer):
    job = await stored(door)
    for path in (f"/jobs/{job.id}", "/jobs", "/jobs/nonsense", "/login"):
        headers = (await viewer.get(path)).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        if path != "/login":
            assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self';")
            assert headers["X-Frame-Options"] == "DENY"


async def test_when_redis_is_gone_a_page_says_so(own_valkey, keys):
    async with front_door(own_valkey.url, keys) as door, aiohttp.ClientSession() as session:
        browser = Browser(f"http://127.0.0.1:{door.port}", session)
        await browser.log_in()
        own_valkey.kill()
        pages = await asyncio.gather(*(browser.get(path) for path in ("/jobs", f"/jobs/{GONE}", f"/commits/{COMMIT}")))
        assert {(page.status, page.headers["Retry-After"], page.headers["Content-Type"]) for page in pages} == {
            (503, "5", "text/html; charset=utf-8")
        }
        assert "Redis does not answer" in pages[0].html.words
