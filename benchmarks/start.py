"""From enqueue to the first line of a task; the floor is a push and a blocking pop."""

import asyncio
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure, p50
from jobs.connection import connect
from jobs.keys import Keys
from jobs.queue import Queue, Workload, work
from tests.servers.valkey import Valkey

COUNT = 300


async def measure() -> list[Figure]:
    """The latency, and what an idle worker costs."""
    with tempfile.TemporaryDirectory() as directory:
        valkey = Valkey(Path(directory))
        valkey.start()
        try:
            return await _measure(valkey.url)
        finally:
            valkey.stop()


async def _measure(url: str) -> list[Figure]:
    redis, keys = connect(url), Keys("bench")
    started: asyncio.Queue[float] = asyncio.Queue()

    async def task(_: Mapping[str, Any], __: str) -> None:
        started.put_nowait(time.perf_counter())

    worker = asyncio.create_task(work(url, Workload(keys.queue, {"begin": task}, None, 10)))
    queue, times, floor = Queue(redis), [], []
    await asyncio.sleep(0.3)
    other = connect(url)
    for _ in range(COUNT):
        began = time.perf_counter()
        await queue.enqueue(keys.queue, "begin", "job")
        times.append(await started.get() - began)
        popped = asyncio.create_task(other.blpop(["floor"], timeout=5))
        await asyncio.sleep(0.001)
        began = time.perf_counter()
        await redis.lpush("floor", "1")
        await popped
        floor.append(time.perf_counter() - began)
    before = time.process_time()
    await asyncio.sleep(5)
    idle = (time.process_time() - before) / 5 * 100
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    await redis.aclose()
    await other.aclose()
    return [
        Figure("job start, p50", p50(times) * 1000, "ms", p50(floor) * 1000, n=COUNT),
        Figure("idle worker", idle, "% core", n=1),
    ]
