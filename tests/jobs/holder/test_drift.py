"""What drifts in a held cluster is put back at once and told as a job; what is only reported is left; who fights has to wait."""

import asyncio

import pytest
import structlog

from jobs.holder import fights
from jobs.holder.drift import FINDINGS, Repairs
from jobs.records import JobKind, JobState
from reconciler.model.outcome import DriftKind
from tests.servers.held import key_of
from tests.servers.patience import until
from tests.servers.system import config_map

PATH = "/api/v1/namespaces/web/configmaps/a"
FILES = {"web/a.yaml": config_map("a"), "web/b.yaml": config_map("b")}


@pytest.fixture
async def repairs(world):
    repairs = Repairs(world.held)
    world.held.cluster.index.listen(repairs.on_change)
    world.held.cluster.index.listen_suspicion(repairs.on_suspicion)
    task = asyncio.create_task(repairs.put_back_forever())
    yield repairs
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def synced(world, **policies):
    world.declare({name: policies.get(name, "") for name in ("web", "api")})
    await world.sync("web", commit=await world.commit(FILES))


async def drift_jobs(world):
    return [job for job in await world.jobs() if job.kind is JobKind.DRIFT and job.state.is_final]


@pytest.mark.usefixtures("repairs")
@pytest.mark.parametrize(
    ("method", "body", "kind", "told"),
    [
        pytest.param("PATCH", {"data": {"value": "2"}}, DriftKind.CHANGED, "data.value", id="a field is changed"),
        pytest.param("PATCH", {"data": {"value": None}}, DriftKind.CHANGED, "data.value", id="a field is taken out"),
        pytest.param("DELETE", None, DriftKind.MISSING, "ConfigMap/a", id="an object is deleted"),
        pytest.param("PATCH", {"data": {"more": "2"}}, DriftKind.FOREIGN, "data.more", id="a field is put beside ours"),
    ],
)
async def test_it_is_put_back_and_told(world, method, body, kind, told):
    await synced(world)
    await world.kube(method, PATH, body)
    (job,) = await until(lambda: drift_jobs(world), seconds=10)
    assert (await world.kube("GET", PATH))["data"] == {"value": "1"}
    assert (job.state, job.applications, job.repository) == (JobState.SUCCEEDED, ("trueup/web",), "trueup/shop")
    assert job.message.startswith("put back: ")
    assert told in job.message
    record = await until(lambda: _noted(world))
    assert [(found.object, found.kind, found.job) for found in record.drift] == [("web/ConfigMap/a", kind, job.id)]


async def _noted(world):
    record = await world.context.applications.get("trueup/web")
    return record if record.drift else None


@pytest.mark.usefixtures("repairs")
async def test_what_is_only_reported_is_left_as_it_is(world):
    await synced(world, web=", drift: report")
    await world.kube("PATCH", PATH, {"data": {"value": "2"}})
    (job,) = await until(lambda: drift_jobs(world), seconds=10)
    assert job.message.startswith("left as it is: ")
    assert await world.value("a") == "2"


@pytest.mark.usefixtures("repairs")
async def test_what_is_ignored_is_not_even_told(world):
    await synced(world, web=", drift: ignore")
    await world.kube("PATCH", PATH, {"data": {"value": "2"}})
    await asyncio.sleep(0.4)
    assert await drift_jobs(world) == []
    assert await world.value("a") == "2"


@pytest.mark.usefixtures("repairs")
async def test_who_changes_it_again_and_again_is_named_and_waits(world, monkeypatch):
    monkeypatch.setattr(fights, "PATIENCE", 2)
    monkeypatch.setattr(fights, "_pause", lambda repairs: 0.0 if repairs < 2 else 0.3)
    await synced(world)
    with structlog.testing.capture_logs() as lines:
        for number in range(3):
            await world.kube("PATCH", PATH, {"data": {"value": f"other {number}"}})
            jobs = await until(lambda n=number: _at_least(world, n + 1), seconds=10)
    (line,) = [line for line in lines if line["event"] == "drift.fought"]
    assert (line["object"], line["by"]) == ("web/ConfigMap/a", ("kubectl-edit",))
    assert "the next repair waits" in jobs[-1].message


async def _at_least(world, count):
    jobs = await drift_jobs(world)
    return jobs if len(jobs) >= count else None


@pytest.mark.usefixtures("repairs")
async def test_only_the_latest_findings_are_kept(world):
    await synced(world)
    known = await world.context.applications.get("trueup/web")
    old = [{"object": f"o{n}", "identity": "i", "kind": "changed", "at": known.updated} for n in range(FINDINGS)]
    await world.context.applications.put([known.model_validate(known.model_dump() | {"drift": old})])
    await world.kube("DELETE", PATH)
    await until(lambda: drift_jobs(world), seconds=10)
    record = await until(lambda: _newest(world, "web/ConfigMap/a"))
    assert len(record.drift) == FINDINGS
    assert record.drift[-1].object == f"o{FINDINGS - 2}"


async def _newest(world, name):
    record = await world.context.applications.get("trueup/web")
    return record if record.drift and record.drift[0].object == name else None


async def test_what_nobody_declares_is_nobodys_drift(repairs):
    repairs.on_change(key_of("stranger"), None)
    assert not repairs._drifted
