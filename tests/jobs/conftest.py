"""A held cluster of the test's own, and statuses that are waited for."""

import pytest

from jobs import errands
from tests.servers.held import held_cluster


@pytest.fixture
async def world(tmp_path, valkey, keys):
    async with held_cluster(tmp_path, valkey.url, keys) as world:
        world.declare({"web": "", "api": ""})
        yield world


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    """A drain waits until what it begins is done, also where the machine is busy; tests of what is slow say otherwise."""
    monkeypatch.setattr(errands, "PATIENCE_SECONDS", 20.0)
