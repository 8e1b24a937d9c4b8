"""What the tick does about statuses whose job ended without telling the forge."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from jobs.checks import Checks
from jobs.deployments import Deployments
from jobs.forges.forge import Status, StatusState
from jobs.forges.github import GitHub
from jobs.forges.github_checks import GitHubChecks
from jobs.forges.tokens import Tokens
from jobs.intake import new_job_id
from jobs.records import JobKind, JobRecord, JobState
from jobs.statuses import Statuses
from jobs.store.jobs import JobStore
from jobs.tasks import close_forgotten
from reconciler.model.declared import Forge
from tests.servers.forges import TOKEN, declared, on_forge
from tests.servers.git_http import GivenSecrets

SHA = "a" * 40


@pytest.mark.parametrize(
    ("ended", "posted"),
    [
        ([], ["pending", "error"]),
        ([JobState.FAILED], ["pending", "failure"]),
        ([JobState.FAILED, JobState.SUCCEEDED], ["pending", "success"]),
        ([JobState.SUCCEEDED, JobState.RUNNING], ["pending"]),
        ([JobState.HELD], ["pending"]),
        ([JobState.IGNORED], ["pending", "error"]),
    ],
    ids=["gone", "failed", "newest", "under-way", "held", "ignored"],
)
@pytest.mark.parametrize(("name", "kind"), [("trueup", JobKind.PUSH), ("trueup/plan", JobKind.PLAN)], ids=["sync", "plan"])
async def test_a_status_whose_job_ended_untold_is_closed_by_the_tick(  # noqa: PLR0917
    redis, keys, session, forge_server, ended, posted, name, kind
):
    shop = on_forge(forge_server.url)
    tokens = Tokens(GivenSecrets(forge={"token": TOKEN.encode()}), ())
    store = JobStore(redis, keys, retention_seconds=60)
    told = Checks(redis, keys, GitHubChecks(session), store), Deployments(redis, keys, {}, store)
    statuses = Statuses(redis, keys, "w1", {Forge.GITHUB: GitHub(session)}, tokens, *told)
    await statuses.want(shop, SHA, Status(StatusState.PENDING, name, "syncing"))
    await statuses.drain(declared(shop))
    for number, state in enumerate(ended):
        moment = datetime(2026, 1, 1, 0, 0, number, tzinfo=UTC)
        record = JobRecord(id=new_job_id(moment), kind=kind, state=JobState.QUEUED, created=moment, updated=moment)
        await store.create(record.model_copy(update={"repository": "trueup/shop", "commit": SHA}))
        await store.transition(record.id, state, "so it ended")
        other = JobKind.PLAN if kind is JobKind.PUSH else JobKind.PUSH  # says nothing of this status
        record = record.model_copy(update={"id": new_job_id(moment), "kind": other, "repository": "trueup/shop", "commit": SHA})
        await store.create(record)
        await store.transition(record.id, JobState.RUNNING, "")
    context = SimpleNamespace(
        jobs=store,
        statuses=statuses,
        statuses_due=asyncio.Event(),
        link_to=lambda job: f"https://t/{job.id}",
        is_plan=lambda subject: subject.context == "trueup/plan",
    )
    for _ in range(2):
        await close_forgotten(context)
        await statuses.drain(declared(shop))
    assert [status.state for status in forge_server.statuses("acme/shop", SHA)] == posted
