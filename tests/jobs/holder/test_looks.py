"""What a sync would do, told as a record of one that did nothing."""

import pytest

from jobs.holder.looks import previewed
from jobs.records import JobKind
from reconciler.model.outcome import SyncState
from tests.servers.records import job_record
from tests.servers.system import config_map

LIVE = {"web/a.yaml": config_map("a"), "web/b.yaml": config_map("b")}


@pytest.mark.parametrize(
    ("change", "state", "message", "actions"),
    [
        pytest.param({}, SyncState.SUCCEEDED, "nothing to do: 2 as desired", [], id="nothing"),
        pytest.param(
            {"web/a.yaml": config_map("a", "2"), "web/c.yaml": config_map("c"), "web/d.yaml": config_map("d")},
            SyncState.SUCCEEDED, "would create 2, update 1; 1 as desired", ["create", "create", "update"], id="some",
        ),
        pytest.param({"web/a.yaml": "kind: ConfigMap\n"}, SyncState.FAILED, "web/a.yaml", [], id="it cannot be rendered"),
        pytest.param(
            {"web/w.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w}\nspec: {replicas: 1}\n"},
            SyncState.FAILED, "Deployment/w", ["create"], id="the cluster would refuse it",
        ),
    ],
)  # fmt: skip
async def test_what_would_be_done(world, change, state, message, actions):
    await world.sync("web", commit=await world.commit(LIVE))
    await world.commit({"README": "x", **change})
    (target,) = await world.targets("web")
    record = await previewed(target, world.held, job_record(kind=JobKind.DIFF))
    assert record.state is state
    assert message in record.message
    assert sorted(step.action for step in record.steps if step.action != "hold") == actions
    assert record.finished >= record.started
    assert await world.value("a") == "1"


async def test_what_would_be_held_is_told(world):
    await world.sync("web", commit=await world.commit(LIVE))
    await world.commit({**dict.fromkeys(LIVE), "README": "x"})
    (target,) = await world.targets("web")
    record = await previewed(target, world.held, job_record(kind=JobKind.DIFF))
    assert sorted(name for hold in record.holds for name in hold.objects) == ["web/ConfigMap/a", "web/ConfigMap/b"]
