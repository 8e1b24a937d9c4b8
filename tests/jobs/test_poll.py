"""When a look at the heads makes a job: whenever something is left to do that nobody does, and never twice."""

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from jobs.intake import new_job_id
from jobs.records import JobKind, JobRecord, JobState
from jobs.store.heads import HeadStore
from jobs.store.jobs import JobStore
from jobs.tasks import poll
from reconciler.model.declared import Declarations
from reconciler.model.rendering import RenderOptions
from tests.servers.forges import on_forge

SHOP, REF, OLD, NEW = "trueup/shop", "refs/heads/main", "a" * 40, "b" * 40
REPOSITORY = on_forge("http://forge")


@pytest.fixture
def made():
    """Jobs that the poll made."""
    return []


@pytest.fixture
def context(redis, keys, made):
    async def heads(_):
        return {REF: NEW, "refs/heads/nobody-follows": OLD}

    async def enqueue(record):
        made.append((record.kind, record.ref, record.commit))

    source = SimpleNamespace(repository=REPOSITORY.name, revision="main", render=None)
    web = SimpleNamespace(sources=(source,), render=RenderOptions())
    return SimpleNamespace(
        redis=redis, keys=keys, heads=HeadStore(redis, keys), jobs=JobStore(redis, keys, retention_seconds=60),
        mirrors=SimpleNamespace(of=lambda _: SimpleNamespace(heads=heads)), enqueue=enqueue,
        declarations=Declarations(applications={"web": web}),
        record=lambda kind, _, *, ref, commit, **more: SimpleNamespace(kind=kind, ref=ref, commit=commit, **more),
    )  # fmt: skip


async def seen(context, commit, *, checked, dirty=()):
    await context.heads.observe(SHOP, REF, commit, await context.heads.begin_observation())
    await context.heads.advance(SHOP, REF, old="", new=checked, dirty=dirty)


async def has_job(context, state, kind=JobKind.PUSH, repository=SHOP):
    now = datetime.now(UTC)
    record = JobRecord(id=new_job_id(now), kind=kind, state=JobState.QUEUED, created=now, updated=now)
    await context.jobs.create(record.model_copy(update={"repository": repository, "commit": NEW}))
    await context.jobs.transition(record.id, state, "")


@pytest.mark.parametrize(
    ("head", "jobs", "expected"),
    [
        pytest.param(None, [], 1, id="never seen"),
        pytest.param({"commit": OLD, "checked": OLD}, [], 1, id="moved"),
        pytest.param({"commit": NEW, "checked": NEW}, [], 0, id="done"),
        pytest.param({"commit": NEW, "checked": NEW, "dirty": ["trueup/web"]}, [], 1, id="left undone, its job is lost"),
        pytest.param({"commit": NEW, "checked": OLD}, [], 1, id="seen and not begun, its job is lost"),
        pytest.param({"commit": NEW, "checked": OLD}, [JobState.RUNNING], 0, id="being done"),
        pytest.param(
            {"commit": NEW, "checked": NEW, "dirty": ["trueup/web"]}, [JobState.FAILED], 0, id="failed: a push mends it"
        ),
        pytest.param({"commit": NEW, "checked": NEW, "dirty": ["trueup/web"]}, [JobState.HELD], 0, id="held"),
        pytest.param({"commit": OLD, "checked": OLD}, [JobState.RUNNING], 0, id="moved, and its job is there"),
        pytest.param({"commit": OLD, "checked": OLD}, [JobState.SUCCEEDED], 1, id="moved back to what was live before"),
    ],
)
async def test_when_a_look_makes_a_job(context, made, head, jobs, expected):
    if head:
        await seen(context, **head)
    for state in jobs:
        await has_job(context, state)
    assert await poll(context, REPOSITORY) == expected
    assert made == [(JobKind.POLL, REF, NEW)] * expected


@pytest.mark.parametrize(
    "other",
    [{"repository": "trueup/fork"}, {"kind": JobKind.DRIFT}, {"kind": JobKind.DIFF}, {"kind": JobKind.MANUAL}],
    ids=["fork", "drift", "diff", "one application by hand"],
)
async def test_a_job_that_is_about_something_else_does_not_count(context, made, other):
    await has_job(context, JobState.RUNNING, **other)
    assert await poll(context, REPOSITORY, kind=JobKind.RECOVERED) == 1
    assert made == [(JobKind.RECOVERED, REF, NEW)]


@pytest.mark.parametrize(
    ("is_registered", "head", "kind", "detail"),
    [
        pytest.param(
            True, OLD, JobKind.RECOVERED, "no webhook had told of it; at most 60 s late", id="a webhook should have told"
        ),
        pytest.param(False, OLD, JobKind.POLL, "", id="nobody knows of a webhook"),
        pytest.param(True, None, JobKind.POLL, "", id="never seen before"),
        pytest.param(True, NEW, JobKind.POLL, "", id="seen, and left undone"),
    ],
)
async def test_what_no_webhook_told_of_is_recovered(context, is_registered, head, kind, detail):
    records = []

    async def enqueue(record):
        records.append((record.kind, record.detail))

    context.enqueue = enqueue
    if head:
        await seen(context, head, checked=OLD)
    assert await poll(context, replace(REPOSITORY, webhook_register=is_registered)) == 1
    assert records == [(kind, detail)]
