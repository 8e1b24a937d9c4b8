"""Events become log lines, metrics and stored progress; the observer itself never waits."""

import asyncio
import dataclasses
from datetime import UTC, datetime

import pytest
import structlog
from redis.exceptions import ConnectionError as Disconnected

from jobs import metrics, observe
from jobs.intake import new_job_id
from jobs.observe import TOLD_FINDINGS, Progress
from jobs.records import JobKind, JobRecord, JobState
from jobs.store.jobs import JobStore
from reconciler.events import (
    Applied,
    DriftFound,
    HealthChanged,
    Planned,
    PruneHeld,
    Rendered,
    StepFinished,
    SyncFinished,
    SyncStarted,
)
from reconciler.model.declared import Name
from reconciler.model.gates import Finding, PolicyAction
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import (
    Action,
    Drift,
    DriftKind,
    FieldDrift,
    Health,
    HealthStatus,
    Hold,
    Revision,
    StepResult,
    SyncReport,
    SyncState,
)

WEB = Name("trueup", "web")
REVISION = Revision("refs/heads/main", "c" * 40)
KEY = ObjectKey("apps", "Deployment", "shop", "web")
FINDING = Finding(PolicyAction.WARN, KEY, "pinned", "name a digest", "web.yaml, line 1")


@pytest.fixture
async def progress(redis, keys):
    store = JobStore(redis, keys, retention_seconds=60)
    now = datetime.now(UTC)
    record = JobRecord(id=new_job_id(now), kind=JobKind.PUSH, state=JobState.RUNNING, created=now, updated=now)
    await store.create(record)
    return Progress(store, record.id, "in-cluster")


def step(action=Action.UPDATE, **fields):
    return StepFinished(WEB, StepResult(action=action, key=KEY, reason="content changed", **fields), 0.01)


def report(state=SyncState.SUCCEEDED, **fields):
    health = Health(HealthStatus.HEALTHY)
    return SyncReport(application=WEB, revision=REVISION, state=state, message="1 object changed", health=health, **fields)


def whole_sync():
    return [
        SyncStarted(WEB, REVISION),
        Rendered(WEB, REVISION, 3, 0.01),
        Planned(WEB, REVISION, {"update": 1, "keep": 2}),
        step(),
        Applied(WEB, REVISION, 1, 0.02),
        HealthChanged(WEB, KEY, Health(HealthStatus.PROGRESSING, "1 of 3 ready")),
        SyncFinished(report(kept=2, steps=(step().result,)), 0.5),
    ]


async def stored(progress):
    return await progress._store.load(progress._job_id)


async def test_a_sync_is_stored_with_its_steps_stages_and_end(progress):
    async with progress.written():
        for event in whole_sync():
            progress(event)
    job = await stored(progress)
    (sync,) = job.syncs
    assert (sync.application, sync.cluster, sync.state, sync.kept) == ("trueup/web", "in-cluster", SyncState.SUCCEEDED, 2)
    assert [(s.action, s.object, s.reason) for s in sync.steps] == [(Action.UPDATE, str(KEY), "content changed")]
    assert None not in (sync.started, sync.applied, sync.finished)
    assert [stage.name for stage in job.stages] == ["rendered", "planned", "applied"]
    assert progress.records == (sync,)


async def test_progress_is_seen_while_the_sync_works(progress):
    async with progress.written():
        progress(SyncStarted(WEB, REVISION))
        progress(step())
        async with asyncio.timeout(5):
            while not ((await stored(progress)).syncs and (await stored(progress)).syncs[0].steps):  # noqa: ASYNC110 - no event comes from Redis
                await asyncio.sleep(0.01)
        assert (await stored(progress)).syncs[0].state is SyncState.RUNNING


async def test_a_thousand_steps_cost_the_sync_no_wait_and_are_all_stored(progress):
    began = asyncio.get_running_loop().time()
    async with progress.written():
        progress(SyncStarted(WEB, REVISION))
        for _ in range(1000):
            progress(step())
        assert asyncio.get_running_loop().time() - began < 2
    assert len((await stored(progress)).syncs[0].steps) == 1000


async def test_the_end_does_not_wait_for_the_pause_between_writes(progress, monkeypatch):
    monkeypatch.setattr(observe, "FLUSH_SECONDS", 30.0)
    async with asyncio.timeout(5):
        async with progress.written():
            progress(SyncStarted(WEB, REVISION))
            while not (await stored(progress)).syncs:  # noqa: ASYNC110 - no event comes from Redis
                await asyncio.sleep(0.01)
            progress(SyncFinished(report(), 0.5))
    assert (await stored(progress)).syncs[0].state is SyncState.SUCCEEDED


async def test_what_redis_did_not_take_is_written_later(progress, monkeypatch):
    put, failures = progress._store.put_syncs, 3

    async def flaky(*args):
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise Disconnected("gone")
        await put(*args)

    monkeypatch.setattr(progress._store, "put_syncs", flaky)
    async with progress.written():
        for event in whole_sync():
            progress(event)
            await asyncio.sleep(0.06)
    job = await stored(progress)
    assert job.syncs[0].state is SyncState.SUCCEEDED
    assert [stage.name for stage in job.stages] == ["rendered", "planned", "applied"]


async def test_the_lines_of_one_sync_have_its_id_revision_application_and_job(progress):
    with structlog.testing.capture_logs() as lines:
        progress._log = structlog.get_logger().bind(job=progress._job_id)
        for event in whole_sync():
            progress(event)
        progress(SyncStarted(Name("trueup", "api"), REVISION))
    assert [line["event"] for line in lines][:7] == [
        "sync.started", "sync.rendered", "sync.planned", "step.finished", "sync.applied", "health.changed", "sync.finished",
    ]  # fmt: skip
    assert {(line["application"], line["job"], line["revision"]) for line in lines[:7]} == {
        ("trueup/web", progress._job_id, f"main@sha1:{'c' * 40}")
    }
    assert len({line["sync_id"] for line in lines[:7]}) == 1
    assert lines[7]["sync_id"] != lines[0]["sync_id"]


@pytest.mark.parametrize(
    ("event", "name", "labels"),
    [
        pytest.param(step(), "trueup_steps_total", {"action": "update", "outcome": "done"}, id="a step"),
        pytest.param(step(error="denied"), "trueup_steps_total", {"action": "update", "outcome": "refused"}, id="a refusal"),
        pytest.param(SyncFinished(report(), 0.5), "trueup_syncs_total", {"state": "succeeded"}, id="a sync"),
        pytest.param(SyncFinished(report(), 0.5), "trueup_sync_seconds_count", {"state": "succeeded"}, id="its time"),
        pytest.param(
            SyncFinished(report(findings=(FINDING,)), 0.5), "trueup_policy_findings_total", {"action": "warn"}, id="a finding"
        ),
        pytest.param(DriftFound(WEB, Drift(KEY, DriftKind.MISSING)), "trueup_drift_total", {"kind": "missing"}, id="drift"),
    ],
)
async def test_events_are_counted(progress, event, name, labels):
    before = metrics.REGISTRY.get_sample_value(name, labels) or 0
    progress(event)
    assert metrics.REGISTRY.get_sample_value(name, labels) == before + 1


async def test_drift_and_holds_are_said_and_refusals_carry_their_reason(progress):
    with structlog.testing.capture_logs() as lines:
        progress._log = structlog.get_logger()
        progress(DriftFound(WEB, Drift(KEY, DriftKind.CHANGED, (FieldDrift("spec.replicas", "kubectl"),))))
        progress(PruneHeld(WEB, Hold("empty-render", "renders to nothing", (KEY,))))
        progress(step(error="denied by policy"))
    assert [line["event"] for line in lines] == ["drift.found", "prune.held", "step.finished"]
    assert "spec.replicas by kubectl" in lines[0]["drift"]
    assert lines[1]["guard"] == "empty-render"
    assert lines[2]["error"] == "denied by policy"


async def test_what_policies_found_is_in_the_record_denials_first_and_not_without_end(progress):
    denial = dataclasses.replace(FINDING, action=PolicyAction.DENY)
    async with progress.written():
        progress(SyncStarted(WEB, REVISION))
        progress(SyncFinished(report(SyncState.FAILED, findings=(*[FINDING] * 2 * TOLD_FINDINGS, denial)), 0.1))
    (sync,) = (await stored(progress)).syncs
    assert len(sync.policies) == TOLD_FINDINGS
    assert sync.policies[0].model_dump(mode="json") == {
        "action": "deny", "object": str(KEY), "identity": KEY.identity, "rule": "pinned", "message": "name a digest",
        "source": "web.yaml, line 1",
    }  # fmt: skip


async def test_what_is_held_and_unhealthy_is_in_the_record(progress):
    hold = Hold("empty-render", "renders to nothing", (KEY,))
    async with progress.written():
        progress(SyncStarted(WEB, REVISION))
        unhealthy = ((KEY, Health(HealthStatus.DEGRADED, "ImagePullBackOff")),)
        progress(SyncFinished(report(SyncState.HELD, holds=(hold,), held_digest="d", unhealthy=unhealthy), 0.1))
    (sync,) = (await stored(progress)).syncs
    assert (sync.state, sync.held_digest, sync.holds[0].objects) == (SyncState.HELD, "d", (str(KEY),))
    assert (sync.unhealthy[0].object, sync.unhealthy[0].reason) == (str(KEY), "ImagePullBackOff")
