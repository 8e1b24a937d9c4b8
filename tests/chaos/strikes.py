"""What is done to a system under way, and how long it may take to be back; ROUNDS says how often."""

import asyncio
import os

import aiohttp

from jobs.connection import connect

ROUNDS = int(os.environ.get("ROUNDS", "20"))
MOST_SECONDS = 5.0
"""From everything being back to the commit being live and its status final."""

LONGEST_DELAY = 0.4
"""A push takes about as long: the strikes hit every stage of it."""


def strikes_of(system, own_valkey):
    """What happens after a delivery, by name; each brings back what it took down."""

    async def worker():
        await system.kill("worker")
        await system.start_one("worker")

    async def receiver():
        await system.kill("receiver")
        await system.start_one("receiver")

    async def valkey():
        own_valkey.kill()
        own_valkey.start()

    async def flush():
        redis = connect(own_valkey.url)
        await redis.flushall()
        await redis.aclose()

    async def everything():
        own_valkey.kill()
        await asyncio.gather(system.kill("worker"), system.kill("receiver"))
        own_valkey.start()
        await asyncio.gather(system.start_one("worker"), system.start_one("receiver"))

    return {"worker": worker, "receiver": receiver, "valkey": valkey, "flush": flush, "everything": everything}


async def accepted(system, commit):
    """Deliver as a forge does: again, when nobody answers."""

    async def deliver():
        try:
            status, _ = await system.deliver(commit, delivery=commit[:24])
        except (OSError, aiohttp.ClientError):  # one that dies before it answers has sent nothing
            return False
        return status in (200, 202)

    await system.until(deliver, "the delivery is accepted")
