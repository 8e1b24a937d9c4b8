"""What is written down when a sync has ended."""

import pytest

from jobs.holder.notes import applications_of, was_applied
from jobs.records import JobState
from reconciler.model.declared import Name
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import Action, Health, HealthStatus, Revision, StepResult, SyncReport, SyncState
from tests.servers.held import MAIN, SHOP
from tests.servers.records import job_record
from tests.servers.system import config_map

KEY = ObjectKey("apps", "Deployment", "web", "web")
BAD = ((KEY, Health(HealthStatus.DEGRADED, "no")),)


def report(state, **more):
    return SyncReport(Name("trueup", "web"), Revision(MAIN, "c" * 40), state, "why", **more)


@pytest.mark.parametrize(
    ("given", "is_live"),
    [
        pytest.param(report(SyncState.SUCCEEDED), True, id="it succeeded"),
        pytest.param(report(SyncState.HELD), True, id="its deletions are held"),
        pytest.param(report(SyncState.FAILED, unhealthy=BAD), True, id="it is applied, and not healthy"),
        pytest.param(report(SyncState.FAILED), False, id="it failed before"),
        pytest.param(
            report(SyncState.FAILED, unhealthy=BAD, steps=(StepResult(KEY, Action.UPDATE, "", error="denied"),)), False,
            id="one object was refused",
        ),
        pytest.param(report(SyncState.WAITING), False, id="it waits"),
        pytest.param(report(SyncState.SUPERSEDED), False, id="it was overtaken"),
    ],
)  # fmt: skip
def test_whether_all_of_a_revision_is_in_the_cluster(given, is_live):
    assert was_applied(given) is is_live


async def test_a_good_sync_is_noted_with_all_that_it_depended_on(world):
    commit = await world.commit({"web/a.yaml": config_map("a"), "api/c.yaml": config_map("c")})
    await world.context.heads.advance(SHOP, MAIN, old="", new=commit, dirty=["trueup/web", "trueup/api"])
    job = await world.sync("web", commit=commit)
    record = await world.context.applications.get("trueup/web")
    assert (record.revision, record.desired, record.objects) == (f"main@sha1:{commit}", f"main@sha1:{commit}", 1)
    assert (record.state, record.health, record.job) == (SyncState.SUCCEEDED, HealthStatus.HEALTHY, job.id)
    _, inputs = await world.context.heads.inputs_since(SHOP, 0)
    assert set(inputs) == {"trueup/web"}
    assert any(path.startswith("web/") for path in inputs["trueup/web"].paths)
    assert await world.context.heads.dirty(SHOP, MAIN) == {"trueup/api"}


async def test_a_failed_sync_keeps_what_was_live_and_leaves_the_application_dirty(world):
    good = await world.commit({"web/a.yaml": config_map("a")})
    await world.sync("web", commit=good)
    bad = await world.commit({"web/a.yaml": "kind: ConfigMap\n"})
    await world.context.heads.soil(SHOP, MAIN, ["trueup/web"])
    job = await world.sync("web", commit=bad)
    assert job.state is JobState.FAILED
    record = await world.context.applications.get("trueup/web")
    assert (record.revision, record.desired) == (f"main@sha1:{good}", f"main@sha1:{bad}")
    assert (record.state, record.health) == (SyncState.FAILED, HealthStatus.HEALTHY)
    assert "a.yaml" in record.message
    assert await world.context.heads.dirty(SHOP, MAIN) == {"trueup/web"}


async def test_a_held_sync_is_noted_with_what_is_held(world):
    await world.sync("web", commit=await world.commit({"web/a.yaml": config_map("a")}))
    await world.sync("web", commit=await world.commit({"web/a.yaml": None, "README": "x"}))
    record = await world.context.applications.get("trueup/web")
    assert record.state is SyncState.HELD
    assert record.held_digest
    assert [name for hold in record.holds for name in hold.objects] == ["web/ConfigMap/a"]


async def test_drift_that_was_found_stays_noted(world):
    commit = await world.commit({"web/a.yaml": config_map("a")})
    await world.sync("web", commit=commit)
    known = await world.context.applications.get("trueup/web")
    drift = {"object": "o", "identity": "i", "kind": "changed", "at": known.updated}
    await world.context.applications.put([known.model_validate(known.model_dump() | {"drift": [drift]})])
    await world.sync("web", commit=commit)
    assert [found.object for found in (await world.context.applications.get("trueup/web")).drift] == ["o"]


@pytest.mark.parametrize(
    ("named", "found"),
    [(("trueup/web", "trueup/api"), ["web", "api"]), (("trueup/gone", "trueup/web"), ["web"]), ((), [])],
    ids=["all", "one is gone", "none"],
)
async def test_only_what_is_declared_here_is_this_clusters_part(world, named, found):
    assert [name.name for name in applications_of(job_record(applications=named), world.held)] == found
