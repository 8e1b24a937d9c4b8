"""What goes on beside the loop that begins it."""

import asyncio

import pytest

from jobs import errands as room
from jobs.errands import Errands


async def nothing():
    pass


@pytest.fixture
def errands(monkeypatch):
    monkeypatch.setattr(room, "PATIENCE_SECONDS", 0.05)
    return Errands()


async def test_what_is_done_is_forgotten_and_what_hangs_is_not_waited_for(errands):
    errands.begin("quick", nothing())
    errands.begin("slow", asyncio.sleep(60))
    assert ("quick" in errands, list(errands), len(errands)) == (True, ["quick", "slow"], 2)
    await errands.settle()
    assert list(errands) == ["slow"]
    await errands.close()


async def test_nothing_is_waited_for_where_nothing_is_under_way(errands, monkeypatch):
    monkeypatch.setattr(room, "PATIENCE_SECONDS", 60.0)
    async with asyncio.timeout(5):
        await errands.settle()


async def test_what_went_wrong_is_told_once(errands):
    async def fail():
        raise ConnectionError("gone")

    errands.begin("one", fail())
    errands.begin("other", nothing())
    with pytest.raises(ConnectionError, match="gone"):
        await errands.settle()
    await errands.settle()
    assert len(errands) == 0


async def test_at_the_end_all_of_it_is_ended(errands):
    ended = asyncio.Event()

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    errands.begin("one", work())
    await errands.settle()
    await errands.close()
    assert ended.is_set()
