"""What is remembered of syncs for the figures: real commits and their times, and what is no deployment."""

from datetime import UTC, datetime, timedelta

import pytest

from jobs import metrics
from jobs.dora import DeploymentRecord
from jobs.holder.delivered import count
from jobs.records import JobKind, JobState
from reconciler.model.outcome import SyncState
from tests.servers.system import config_map


async def told(world):
    return await world.context.applications.deployments()


async def test_a_sync_that_changes_something_is_remembered_with_its_times(world):
    before = datetime.now(UTC) - timedelta(seconds=2)
    commit = await world.commit({"web/a.yaml": config_map("a")})
    job = await world.sync("web", commit=commit)
    (found,) = await told(world)
    assert (found.application, found.commit, found.state, found.touched) == ("trueup/web", commit, SyncState.SUCCEEDED, 1)
    assert before < found.committed
    assert (
        found.committed.replace(microsecond=0)
        <= found.received
        <= found.planned
        <= found.applied
        <= found.healthy
        <= found.finished
    )
    (outcome,) = (await world.context.applications.histories(["trueup/web"]))["trueup/web"]
    assert (outcome.committed, outcome.received, outcome.applied) == (found.committed, job.created, found.applied)
    await world.sync("web", commit=commit)
    assert len(await told(world)) == 1, "nothing was to be changed"
    latest = (await world.context.applications.histories(["trueup/web"]))["trueup/web"][0]
    assert (latest.committed, latest.received is not None) == (None, True)


async def test_what_is_refused_before_anything_is_written_is_no_deployment_and_its_mending_is_none(world):
    bad = await world.commit({"web/a.yaml": "kind: ConfigMap\n"})
    assert (await world.sync("web", commit=bad)).state is JobState.FAILED
    assert await told(world) == []


@pytest.mark.parametrize(
    ("kind", "state", "touched", "outcome"),
    [
        pytest.param(JobKind.PUSH, SyncState.SUCCEEDED, 1, "succeeded", id="a good one"),
        pytest.param(JobKind.PUSH, SyncState.FAILED, 1, "failed", id="a failed one"),
        pytest.param(JobKind.ROLLBACK, SyncState.SUCCEEDED, 1, "rolled_back", id="a return"),
        pytest.param(JobKind.PUSH, SyncState.SUCCEEDED, 0, None, id="well again"),
    ],
)
def test_deployments_are_counted(kind, state, touched, outcome):
    def counted():
        names = ("succeeded", "failed", "rolled_back")
        found = {n: metrics.REGISTRY.get_sample_value("trueup_deployments_total", {"outcome": n}) or 0 for n in names}
        return found | {"lead": metrics.REGISTRY.get_sample_value("trueup_lead_time_seconds_count", {"stage": "lead"}) or 0}

    before, now = counted(), datetime(2026, 11, 23, tzinfo=UTC)
    count([
        DeploymentRecord(
            application="trueup/web", commit="c", kind=kind, state=state, touched=touched, committed=now, received=now, finished=now,
        )
    ])  # fmt: skip
    changed = {name for name, value in counted().items() if value != before[name]}
    assert changed == ({outcome, "lead"} if outcome == "succeeded" else {outcome} if outcome else set())
