"""Who lives and who holds: never two at once, and a holder knows that it lost before another can have it."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from jobs.connection import connect
from jobs.keys import LEASE_SECONDS
from jobs.lease import MARGIN_SECONDS, Heartbeat, Lease, claim_state
from reconciler.errors import Stalled


def lease_of(redis, keys, worker):
    return Lease(redis, keys.lease("uid"), worker)


async def test_of_twenty_workers_exactly_one_holds(redis, keys):
    leases = [lease_of(redis, keys, f"w{number}") for number in range(20)]
    assert sum(await asyncio.gather(*(lease.acquire() for lease in leases))) == 1


async def test_two_workers_that_take_turns_never_hold_at_once(redis, keys):
    holding, most = 0, 0

    async def worker(name):
        nonlocal holding, most
        turns = 0
        while turns < 10:
            lease = lease_of(redis, keys, name)
            if await lease.acquire():
                async with lease.held():
                    holding, turns = holding + 1, turns + 1
                    most = max(most, holding)
                    await asyncio.sleep(0.002)
                    holding -= 1
            await asyncio.sleep(0.001)

    async with asyncio.timeout(30):
        await asyncio.gather(worker("w1"), worker("w2"))
    assert most == 1


async def test_a_lease_is_given_back_at_the_end_and_renewed_until_then(redis, keys):
    first, second = lease_of(redis, keys, "w1"), lease_of(redis, keys, "w2")
    assert await first.acquire()
    async with first.held():
        await asyncio.sleep(1.3)
        assert await redis.pttl(keys.lease("uid")) > (LEASE_SECONDS - 1) * 1000
        assert not await second.acquire()
        assert not first.lost.is_set()
    assert await second.acquire()


async def test_a_successor_on_the_same_state_takes_over_at_once(redis, keys):
    assert await lease_of(redis, keys, "old").acquire()
    new = lease_of(redis, keys, "new")
    assert not await new.acquire(predecessor="other")
    assert await new.acquire(predecessor="old")


async def test_a_holder_whose_lease_another_has_is_told(redis, keys):
    lease = lease_of(redis, keys, "w1")
    assert await lease.acquire()
    async with lease.held():
        await redis.set(keys.lease("uid"), "w2", px=4000)
        await asyncio.wait_for(lease.lost.wait(), 3)
    assert await redis.get(keys.lease("uid")) == b"w2", "another's lease is not given back"


@pytest.mark.long
@pytest.mark.parametrize("how", ["stalled", "gone"])
async def test_a_holder_that_cannot_renew_is_told_a_second_before_the_lease_lapses(own_valkey, keys, how):
    redis = connect(own_valkey.url)
    lease = lease_of(redis, keys, "w1")
    assert await lease.acquire()
    async with lease.held():
        await asyncio.sleep(1.2)
        loop = asyncio.get_running_loop()
        lapses = loop.time() + await redis.pttl(keys.lease("uid")) / 1000
        process = own_valkey._server._process.pid
        os.kill(process, signal.SIGSTOP if how == "stalled" else signal.SIGKILL)
        try:
            await asyncio.wait_for(lease.lost.wait(), LEASE_SECONDS)
            assert lapses - loop.time() > MARGIN_SECONDS - 0.1
        finally:
            if how == "stalled":
                os.kill(process, signal.SIGCONT)
    await redis.aclose()


@pytest.mark.long
async def test_a_holder_outlives_a_quick_restart_of_redis(own_valkey, keys):
    redis = connect(own_valkey.url)
    lease = lease_of(redis, keys, "w1")
    assert await lease.acquire()
    async with lease.held():
        own_valkey.kill()
        own_valkey.start()
        await asyncio.sleep(LEASE_SECONDS)
        assert not lease.lost.is_set()
        assert await redis.get(keys.lease("uid")) == b"w1"
    await redis.aclose()


async def test_a_heartbeat_says_that_a_worker_lives_until_it_ends_or_is_buried(redis, keys):
    heart = Heartbeat(redis, keys, "w1")
    await heart.beat()
    assert 0 < await redis.pttl(keys.worker("w1")) <= 4000
    await heart.stop()
    assert not await redis.exists(keys.worker("w1"))
    await heart.beat()
    await Heartbeat(redis, keys, "w2").bury("w1", keys)
    assert not await redis.exists(keys.worker("w1"))
    await Heartbeat(redis, keys, "w2").bury("", keys)


def test_a_state_directory_has_one_worker_and_knows_the_one_before(tmp_path):
    first = claim_state(tmp_path / "state")
    assert first.predecessor == ""
    with pytest.raises(Stalled, match="TRUEUP_STATE"):
        claim_state(tmp_path / "state")
    os.close(first.descriptor)
    second = claim_state(tmp_path / "state")
    assert second.predecessor == first.worker != second.worker
    os.close(second.descriptor)


def test_the_directory_of_a_killed_worker_is_free_at_once(tmp_path):
    code = f"import time; from pathlib import Path; from jobs.lease import claim_state; print(claim_state(Path({str(tmp_path)!r})).worker, flush=True); time.sleep(60)"  # noqa: E501 - one line of a script
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        worker = process.stdout.readline().strip()
        with pytest.raises(Stalled):
            claim_state(tmp_path)
        process.kill()
    place = claim_state(tmp_path)
    assert place.predecessor == worker != ""
    os.close(place.descriptor)


def test_a_directory_that_cannot_be_written_is_named_with_its_setting(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Stalled, match="file/state: Not a directory; give another with TRUEUP_STATE"):
        claim_state(tmp_path / "file" / "state")
