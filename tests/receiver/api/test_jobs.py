"""Jobs by the API: one, and lists by filter and page."""

import asyncio
from urllib.parse import quote

import pytest

from jobs.records import JobKind, JobState
from reconciler.model.outcome import SyncState
from tests.servers.front_door import front_door
from tests.servers.records import COMMIT, job_record, sync_record

OTHER = "d" * 40


@pytest.fixture
async def jobs(door):
    """Five jobs, the newest last."""
    made = {
        "push": job_record(0, applications=("trueup/web", "trueup/api")),
        "failed": job_record(1, commit=OTHER, applications=("trueup/api",)),
        "elsewhere": job_record(2, repository="trueup/docs", applications=("trueup/docs",)),
        "drift": job_record(3, kind=JobKind.DRIFT, applications=("trueup/web",)),
        "ignored": job_record(4, repository="", commit="", state=JobState.IGNORED, message="nothing for us"),
    }
    for record in made.values():
        await door.front.jobs.create(record)
    await door.front.jobs.transition(made["failed"].id, JobState.FAILED, "it broke")
    return made


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param("", ["ignored", "drift", "elsewhere", "failed", "push"], id="all, newest first"),
        pytest.param("repository=trueup/shop", ["drift", "failed", "push"], id="of a repository"),
        pytest.param("repository=shop", ["drift", "failed", "push"], id="of a repository by its short name"),
        pytest.param("repository=other/shop", [], id="of another namespace"),
        pytest.param(f"commit={COMMIT}", ["drift", "elsewhere", "push"], id="of a commit"),
        pytest.param("application=trueup/web", ["drift", "push"], id="of an application"),
        pytest.param("application=api", ["failed", "push"], id="of an application by its short name"),
        pytest.param("state=failed", ["failed"], id="in a state"),
        pytest.param("state=queued", ["drift", "elsewhere", "push"], id="in another state"),
        pytest.param(f"repository=shop&commit={COMMIT}&application=web&state=queued", ["drift", "push"], id="all of it"),
        pytest.param(f"repository=docs&commit={OTHER}", [], id="nothing"),
        pytest.param("repository=%ff%fe", [], id="a name that is no text"),
        pytest.param("nonsense=1", ["ignored", "drift", "elsewhere", "failed", "push"], id="a parameter that there is not"),
    ],
)
async def test_lists(door, jobs, query, found):
    names = {record.id: name for name, record in jobs.items()}
    answer = await door.ask("GET", f"/api/v1/jobs?{query}")
    assert [names[job["id"]] for job in answer.json["items"]] == found
    assert answer.json["next"] is None


@pytest.mark.usefixtures("jobs")
@pytest.mark.parametrize("limit", [1, 2, 5, 500])
@pytest.mark.parametrize("query", ["", "repository=shop", "state=queued"])
async def test_pages_are_the_whole_list(door, query, limit):
    whole = (await door.ask("GET", f"/api/v1/jobs?{query}")).json["items"]
    found, following = [], ""
    for _ in range(len(whole) + 1):
        page = (await door.ask("GET", f"/api/v1/jobs?{query}&limit={limit}&next={following}")).json
        assert len(page["items"]) <= limit
        found += page["items"]
        following = page["next"]
        if not following:
            break
    assert found == whole


@pytest.mark.usefixtures("jobs")
async def test_a_page_stays_put_when_newer_jobs_come(door):
    first = (await door.ask("GET", "/api/v1/jobs?limit=2")).json
    await door.front.jobs.create(job_record(9))
    second = (await door.ask("GET", f"/api/v1/jobs?limit=2&next={first['next']}")).json
    assert not {job["id"] for job in first["items"]} & {job["id"] for job in second["items"]}


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("state=nonsense", "queued, running, waiting, held"),
        ("state=%ff", "state must be"),
        ("limit=0", "from 1 to 500"),
        ("limit=501", "from 1 to 500"),
        ("limit=%D9%A3", "from 1 to 500"),
        ("next=x", "what the page before said"),
        ("next=-1", "what the page before said"),
        ("next=%C2%B2", "what the page before said"),
        (f"next={'9' * 5000}", "what the page before said"),
    ],
)
async def test_nonsense_is_refused(door, query, told):
    answer = await door.ask("GET", f"/api/v1/jobs?{query}")
    assert answer.status == 400
    assert told in answer.json["detail"]


async def test_one_job_with_all_that_is_known(door):
    record = job_record(actor="ada", applications=("trueup/web",))
    await door.front.jobs.create(record)
    await door.front.jobs.add_stage(record.id, "fetched", "main is at cccc")
    await door.front.jobs.put_syncs(record.id, [sync_record(SyncState.FAILED, message="web/Deployment/web: no")])
    await door.front.jobs.transition(record.id, JobState.FAILED, "web: no")
    job = (await door.ask("GET", f"/api/v1/jobs/{record.id}")).json
    assert (job["state"], job["message"], job["actor"], job["commit"]) == ("failed", "web: no", "ada", COMMIT)
    assert [stage["name"] for stage in job["stages"]] == ["fetched"]
    assert [(sync["application"], sync["state"]) for sync in job["syncs"]] == [("trueup/web", "failed")]
    assert job["finished"]


@pytest.mark.parametrize(
    ("job_id", "status"),
    [
        pytest.param("01m832s9v90eg4qd5rnekstmc6", 410, id="it was one once"),
        pytest.param("nonsense", 404, id="it never was one"),
        pytest.param("01M832S9V90EG4QD5RNEKSTMC6", 404, id="in capitals"),
        pytest.param(quote("../../healthz", safe=""), 404, id="a path"),
        pytest.param("%00", 404, id="a zero byte"),
        pytest.param("%ff", 404, id="no text"),
    ],
)
async def test_what_is_not_there(door, job_id, status):
    answer = await door.ask("GET", f"/api/v1/jobs/{job_id}")
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json; charset=utf-8")
    assert ("/api/v1/commits/" in answer.json["detail"]) is (status == 410)


async def test_when_redis_is_gone_everybody_is_asked_to_come_again(own_valkey, keys):
    paths = ["jobs", "jobs/01m832s9v90eg4qd5rnekstmc6", "applications", "applications/trueup/web", f"commits/{COMMIT}"]
    async with front_door(own_valkey.url, keys) as door:
        own_valkey.kill()
        answers = await asyncio.gather(*(door.ask("GET", f"/api/v1/{path}") for path in paths))
        assert {(answer.status, answer.headers["Retry-After"]) for answer in answers} == {(503, "5")}
        own_valkey.start()
        assert (await door.ask("GET", "/api/v1/jobs")).status == 200
