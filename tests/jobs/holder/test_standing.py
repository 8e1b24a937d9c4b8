"""What statuses a holder writes: one for each outcome, none without news, and again where it could not."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from jobs.holder import standing
from jobs.holder.standing import Standing
from reconciler.declarations.resources import Resource
from reconciler.declarations.status import ApplicationStatus
from reconciler.declarations.tell import Synced
from reconciler.errors import ClusterUnavailable
from reconciler.model.declared import Application, Destination, Name
from reconciler.model.outcome import Health, HealthStatus, Revision, SyncReport, SyncState
from tests.servers.patience import until

WEB = Application(Name("team", "web"), (), Destination("in-cluster", ""), generation=3)
FILED = Application(Name("team", "filed"), (), Destination("in-cluster", ""))


class Cluster:
    """One Application, and what is written to it; it fails as often as it is told to."""

    def __init__(self, failures=0):
        self.status, self.written, self.failures = {}, [], failures

    def application(self, name):
        return Resource("Application", name, "u", "7", 3, (), "", self.status, WEB) if name == WEB.name else None

    async def write_status(self, resource, status):
        if self.failures:
            self.failures -= 1
            raise ClusterUnavailable("away")
        self.written.append((str(resource.name), status))
        self.status = status
        return True


@asynccontextmanager
async def writing(cluster):
    """A Standing whose loop runs until all that was told is written."""
    found = Standing(cluster)
    task = asyncio.create_task(found.write_forever())
    try:
        yield found
        await until(lambda: not found._wanted and not found._due.is_set())
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def done(state=SyncState.SUCCEEDED, health=HealthStatus.HEALTHY):
    return Synced(SyncReport(WEB.name, Revision("main", "a" * 40), state, health=Health(health)), is_live=True)


@pytest.mark.parametrize(
    ("state", "count"),
    [
        pytest.param(SyncState.SUCCEEDED, 1, id="it succeeded"),
        pytest.param(SyncState.FAILED, 1, id="it failed"),
        pytest.param(SyncState.RUNNING, 0, id="it runs"),
        pytest.param(SyncState.SUPERSEDED, 0, id="it was overtaken"),
    ],
)
async def test_what_has_ended_is_told_once(state, count):
    cluster = Cluster()
    for _ in range(3):
        async with writing(cluster) as found:
            found.synced(WEB, done(state))
    assert len(cluster.written) == count


async def test_what_comes_of_several_things_is_one_write():
    cluster = Cluster()
    async with writing(cluster) as found:
        found.synced(WEB, done())
        found.is_healthy_as(WEB.name, Health(HealthStatus.DEGRADED, "crash"))
    ((name, status),) = cluster.written
    assert (name, status["sync"], status["health"]) == ("team/web", "succeeded", "Degraded")


async def test_what_is_declared_in_a_file_has_no_status():
    cluster = Cluster()
    async with writing(cluster) as found:
        found.synced(FILED, done())
        found.leaves(FILED, "Waiting", "why")
        assert found.has_told(FILED)
    assert cluster.written == []


async def test_no_health_is_told_before_a_sync_was_and_none_that_is_known():
    cluster = Cluster()
    async with writing(cluster) as found:
        found.is_healthy_as(WEB.name, Health(HealthStatus.DEGRADED, "crash"))
    assert cluster.written == []
    async with writing(cluster) as found:
        found.synced(WEB, done())
    async with writing(cluster) as found:
        found.is_healthy_as(WEB.name, Health(HealthStatus.HEALTHY))
    assert len(cluster.written) == 1


async def test_it_has_told_when_its_status_is_of_this_generation():
    cluster = Cluster()
    found = Standing(cluster)
    assert not found.has_told(WEB)
    found.waits(WEB, "Paused", "by anna")
    assert found.has_told(WEB), "what is about to be written counts"


async def test_what_could_not_be_written_is_written_later(monkeypatch):
    monkeypatch.setattr(standing, "AGAIN_SECONDS", 0.01)
    cluster = Cluster(failures=2)
    async with writing(cluster) as found:
        found.leaves(WEB, "Waiting", "for web")
    ((_, status),) = cluster.written
    assert ApplicationStatus.of(status).condition("Ready").message == "for web"
