"""A process ends in order when it is told to."""

import asyncio
import os
import signal

import pytest

from jobs.signals import until_told


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
async def test_a_signal_ends_the_work_which_cleans_up(number):
    cleaned = []

    async def work():
        asyncio.get_running_loop().call_later(0.01, os.kill, os.getpid(), number)
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.append(True)

    await asyncio.wait_for(until_told(work()), 5)
    assert cleaned == [True]


async def test_work_that_ends_by_itself_ends_all_and_its_error_is_not_swallowed():
    async def good():
        pass

    async def bad():
        raise ValueError("x")

    await until_told(good())
    with pytest.raises(ValueError, match="x"):
        await until_told(bad())
