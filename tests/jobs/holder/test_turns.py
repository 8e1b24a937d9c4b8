"""Who works on an application, and who gives way."""

import asyncio

import pytest

from jobs.holder.turns import Turns
from reconciler.model.declared import Name

WEB, API = Name.parse("web"), Name.parse("api")


@pytest.mark.parametrize(
    ("second", "gives_way"),
    [
        pytest.param({WEB: "b"}, True, id="a newer commit"),
        pytest.param({WEB: "a"}, False, id="the same commit again"),
        pytest.param({API: "b"}, False, id="another application"),
        pytest.param({API: "b", WEB: "b"}, True, id="one of several"),
    ],
)
async def test_who_waits_for_an_older_commit_is_told_to_give_way(second, gives_way):
    turns = Turns()
    async with turns.taken({WEB: "a"}) as preempted:
        other = asyncio.create_task(_take(turns, second))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert preempted[WEB].is_set() is gives_way
        assert other.done() is (WEB not in second)
    await other


async def test_each_has_it_to_itself_whatever_the_order_they_ask_in():
    turns, inside = Turns(), 0

    async def work(commits):
        nonlocal inside
        async with turns.taken(commits):
            inside += 1
            assert inside == 1
            await asyncio.sleep(0)
            inside -= 1

    async with asyncio.timeout(5):
        await asyncio.gather(*(work({WEB: str(n), API: str(n)} if n % 2 else {API: str(n), WEB: str(n)}) for n in range(50)))


async def test_what_was_taken_before_a_cancellation_is_given_back():
    turns = Turns()
    async with turns.between(API):
        waiting = asyncio.create_task(_take(turns, {WEB: "a", API: "a"}))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(1), turns.taken({WEB: "b", API: "b"}):
        pass


async def test_a_repair_between_two_syncs_makes_nobody_give_way():
    turns = Turns()
    async with turns.taken({WEB: "a"}) as preempted:
        repair = asyncio.create_task(_between(turns))
        await asyncio.sleep(0.01)
        assert not preempted[WEB].is_set()
        assert not repair.done()
    await asyncio.wait_for(repair, 1)


async def _take(turns, commits):
    async with turns.taken(commits):
        pass


async def _between(turns):
    async with turns.between(WEB):
        pass
