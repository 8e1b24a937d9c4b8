"""Trueup as it is run: receiver and worker as processes of their own, on a Valkey, a cluster and a Git server; logs at their default."""

import asyncio
import contextlib
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.cluster import Cluster
from tests.servers.processes import Processes
from tests.servers.valkey import Valkey

INSTALL_SECONDS = 900.0
TICKS = os.sysconf("SC_CLK_TCK")
FINAL = ("succeeded", "failed", "superseded", "ignored", "held")


class Stage(Processes):
    """A system to be measured, with so many applications in one repository."""

    def __init__(
        self, directory: Path, cluster: Cluster, valkey: Valkey, applications: Mapping[str, str], **settings: str
    ) -> None:
        super().__init__(directory, redis_url=valkey.url, applications=applications, kubeconfig=cluster.kubeconfig, timeout="10m")
        self.api = cluster
        self._settings = settings
        self._ends: dict[str, tuple[str, float]] = {}
        self._told = asyncio.Event()

    def _environment(self) -> Mapping[str, str]:
        return {**super()._environment(), "TRUEUP_LOG_LEVEL": "info", **self._settings}

    async def done(self, job: str) -> float:
        """When a job succeeded, by `perf_counter`, as the event stream told it."""
        async with asyncio.timeout(INSTALL_SECONDS):
            while job not in self._ends:
                self._told.clear()
                await self._told.wait()
        state, when = self._ends[job]
        if state != "succeeded":
            _, found = await self.get(f"/api/v1/jobs/{job}")
            raise AssertionError(f"job {job}: {state}: {found['message']}")
        return when

    async def listen(self) -> None:
        """Follow the event stream, for ever."""
        timeout = aiohttp.ClientTimeout(total=None)
        async with self.session.get(f"{self.url}/api/v1/events", timeout=timeout) as response:
            async for line in response.content:
                if line.startswith(b"data: "):
                    self._take(json.loads(line[6:]))

    def _take(self, event: Mapping[str, Any]) -> None:
        if event["type"] == "job" and event["state"] in FINAL:
            self._ends[event["id"]] = event["state"], time.perf_counter()
            self._told.set()

    async def in_service(self) -> None:
        """Until the holder answers for the first application: the cluster is held, and everything is rendered."""
        name = next(iter(self.applications))

        async def look() -> bool:
            status, _ = await self.get(f"/api/v1/applications/trueup/{name}/resources")
            return status == 200

        await self.until(look, "the cluster is held", seconds=60, pause=0.01)

    def cpu_seconds(self) -> float:
        """What receiver and worker have used so far, with the programs that they started."""
        return sum(_cpu_seconds(pid) for process in self._processes.values() for pid in _tree(process.pid))

    def memory_bytes(self) -> int:
        """What they have in memory; of a page that processes share, each has its part."""
        return sum(_proportional_bytes(pid) for process in self._processes.values() for pid in _tree(process.pid))

    async def stop_worker(self) -> None:
        """End the worker in order."""
        process = self._processes["worker"]
        process.terminate()
        await asyncio.wait_for(process.wait(), INSTALL_SECONDS)


@asynccontextmanager
async def staged(cluster: Cluster, applications: Mapping[str, str], **settings: str) -> AsyncIterator[Stage]:
    """Trueup on a cluster, ready, with nothing pushed yet."""
    with tempfile.TemporaryDirectory(prefix="trueup-bench-") as name:
        valkey = Valkey(Path(name))
        valkey.start()
        try:
            async with Stage(Path(name), cluster, valkey, applications, **settings) as stage:
                listening = asyncio.create_task(stage.listen())
                try:
                    yield stage
                finally:
                    listening.cancel()
                    await asyncio.gather(listening, return_exceptions=True)
        finally:
            valkey.stop()


def _tree(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            found += [int(child) for child in children.read_text().split()]
    return found


def _cpu_seconds(pid: int) -> float:
    """Its own time, and that of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / TICKS


def _proportional_bytes(pid: int) -> int:
    """Pss: https://docs.kernel.org/filesystems/proc.html; 0 of a process that has just ended."""
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return 0
