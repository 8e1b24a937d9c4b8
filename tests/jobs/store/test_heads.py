"""Heads, checked commits and inputs: whatever order messages come in, and whatever Redis forgets, the newest wins."""

import asyncio
import random

import pytest

from jobs.store.heads import HeadStore, InputRecord

SHOP, MAIN = "trueup/shop", "refs/heads/main"


@pytest.fixture
def heads(redis, keys):
    return HeadStore(redis, keys)


async def forget_everything(heads):
    async for key in heads.redis.scan_iter(f"{heads.keys.epoch.removesuffix('epoch')}*"):
        await heads.redis.delete(key)


async def test_the_observation_that_began_last_wins_whatever_the_order(heads):
    numbers = [await heads.begin_observation() for _ in range(20)]
    assert numbers == sorted(set(numbers))
    shuffled = random.Random(7).sample(numbers, len(numbers))
    await asyncio.gather(*(heads.observe(SHOP, MAIN, f"c{number}", number) for number in shuffled))
    assert await heads.head(SHOP, MAIN) == f"c{numbers[-1]}"
    assert await heads.observe(SHOP, MAIN, "late", numbers[0]) == f"c{numbers[-1]}"


async def test_refs_and_repositories_are_kept_apart(heads):
    number = await heads.begin_observation()
    await heads.observe(SHOP, MAIN, "a", number)
    await heads.observe(SHOP, "refs/tags/v1", "b", number)
    await heads.observe("trueup/other", MAIN, "c", number)
    assert await heads.heads(SHOP) == {MAIN: "a", "refs/tags/v1": "b"}
    assert await heads.head("trueup/none", MAIN) == ""


async def test_an_observation_from_before_a_loss_of_redis_does_not_pin_the_head(heads):
    begun_before = [await heads.begin_observation() for _ in range(50)][-1]
    await forget_everything(heads)
    await heads.observe(SHOP, MAIN, "old", begun_before)
    assert await heads.observe(SHOP, MAIN, "new", await heads.begin_observation()) == "new"


async def test_observations_are_numbered_upwards_when_the_clock_is_set_back(heads):
    await heads.redis.set(heads.keys.observations, 2**51)
    assert [await heads.begin_observation() for _ in range(2)] == [2**51 + 1, 2**51 + 2]


async def test_of_two_that_advance_a_ref_from_the_same_commit_one_does(heads):
    assert await heads.advance(SHOP, MAIN, old="", new="a", dirty=["trueup/web"])
    won = await asyncio.gather(*(heads.advance(SHOP, MAIN, old="a", new=f"b{n}", dirty=[f"trueup/{n}"]) for n in range(20)))
    assert sum(won) == 1
    winner = won.index(True)
    assert await heads.checked(SHOP, MAIN) == f"b{winner}"
    assert await heads.dirty(SHOP, MAIN) == {"trueup/web", f"trueup/{winner}"}


async def test_an_application_is_clean_only_when_it_was_applied_at_the_checked_commit(heads):
    await heads.advance(SHOP, MAIN, old="", new="a", dirty=["trueup/web", "trueup/api"])
    await heads.clean(SHOP, MAIN, "a", ["trueup/web"])
    assert await heads.dirty(SHOP, MAIN) == {"trueup/api"}
    await heads.advance(SHOP, MAIN, old="a", new="b", dirty=["trueup/web"])
    await heads.clean(SHOP, MAIN, "a", ["trueup/web", "trueup/api"])
    assert await heads.dirty(SHOP, MAIN) == {"trueup/web", "trueup/api"}


async def test_ten_thousand_applications_become_dirty_and_clean_in_one_step_each(heads):
    names = [f"trueup/{number}" for number in range(10_000)]
    await heads.advance(SHOP, MAIN, old="", new="a", dirty=names)
    assert len(await heads.dirty(SHOP, MAIN)) == 10_000
    await heads.clean(SHOP, MAIN, "a", names)
    assert await heads.dirty(SHOP, MAIN) == frozenset()


async def test_inputs_are_told_once_to_who_remembers_the_number(heads):
    web, api = InputRecord(("apps/web/",), "d1"), InputRecord(("apps/api/",), "d2")
    await heads.put_inputs(SHOP, {"trueup/web": web, "trueup/api": api})
    number, found = await heads.inputs_since(SHOP, 0)
    assert found == {"trueup/web": web, "trueup/api": api}
    assert await heads.inputs_since(SHOP, number) == (number, {})
    again = InputRecord(("apps/web/", "lib/"), "d3")
    await heads.put_inputs(SHOP, {"trueup/web": again})
    later, found = await heads.inputs_since(SHOP, number)
    assert later > number
    assert found == {"trueup/web": again}
    await heads.put_inputs(SHOP, {})


async def test_a_cache_from_before_a_loss_of_redis_sees_what_is_written_after_it(heads):
    for number in range(20):
        await heads.put_inputs(SHOP, {"trueup/web": InputRecord((), str(number))})
    number, _ = await heads.inputs_since(SHOP, 0)
    await forget_everything(heads)
    fresh = InputRecord(("apps/web/",), "fresh")
    await heads.put_inputs(SHOP, {"trueup/web": fresh})
    assert (await heads.inputs_since(SHOP, number))[1] == {"trueup/web": fresh}


async def test_a_reader_that_follows_many_writers_misses_nothing(heads):
    names = [f"trueup/{number}" for number in range(200)]
    writers = [asyncio.create_task(heads.put_inputs(SHOP, {name: InputRecord((name,), "")})) for name in names]
    seen, number = {}, 0
    while not all(writer.done() for writer in writers):
        number, found = await heads.inputs_since(SHOP, number)
        seen |= found
    await asyncio.gather(*writers)
    seen |= (await heads.inputs_since(SHOP, number))[1]
    assert sorted(seen) == sorted(names)
