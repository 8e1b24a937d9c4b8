"""Trueup as two processes, receiver and worker, that can be killed and started again."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import aiohttp

from tests.servers.ports import free_port
from tests.servers.system import KEY, SECONDS, System

ROLES = ("receiver", "worker")


class Processes(System):
    """A system whose receiver and worker are processes of their own, on a given Redis."""

    def __init__(self, directory: Path, *, redis_url: str, **more: Any) -> None:
        super().__init__(directory, redis_url=redis_url, **more)
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._logs: list[IO[bytes]] = []
        self._probe_port = free_port()

    async def start(self) -> None:
        for role in ROLES:
            await self.start_one(role)
        await self.until(self._is_ready, "Trueup is ready")

    async def start_one(self, role: str) -> None:
        """Start one of them; returns before it is ready."""
        log = (self.directory / f"{role}.log").open("ab")
        self._logs.append(log)
        self._processes[role] = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "trueup", role, env=self._environment(), stdout=log, stderr=log, start_new_session=True
        )

    async def is_back(self) -> bool:
        """Whether both answer."""
        with contextlib.suppress(aiohttp.ClientError):
            for port in (self.port, self._probe_port):
                async with self.session.get(f"http://127.0.0.1:{port}/healthz") as response:
                    if response.status != 200:
                        return False
            return True
        return False

    async def kill(self, role: str) -> None:
        """As a power cut would: the process, and at once."""
        process = self._processes[role]
        process.send_signal(signal.SIGKILL)
        await asyncio.wait_for(process.wait(), SECONDS)

    async def stop(self) -> None:
        for process in self._processes.values():
            if process.returncode is None:
                process.terminate()
        for role, process in self._processes.items():
            try:
                await asyncio.wait_for(process.wait(), SECONDS)
            except TimeoutError:
                process.send_signal(signal.SIGABRT)
                await process.wait()
                raise AssertionError(f"the {role} does not stop: {self.log(role)[-8000:]}") from None
        for log in self._logs:
            log.close()

    def log(self, role: str) -> str:
        """What a process has said, over all its lives."""
        return (self.directory / f"{role}.log").read_text()

    async def _is_ready(self) -> bool:
        for role, process in self._processes.items():
            assert process.returncode is None, f"the {role} ended: {self.log(role)[-2000:]}"
        return await super()._is_ready()

    def _environment(self) -> Mapping[str, str]:
        """The settings as they are given to a process."""
        settings = self.settings
        return {
            "PATH": os.environ["PATH"],
            "PYTHONFAULTHANDLER": "1",
            "HOME": str(self.directory),
            "KUBECONFIG": str(settings.kubeconfig),
            "TRUEUP_INSTANCE": settings.instance,
            "TRUEUP_STATE": str(settings.state),
            "TRUEUP_DECLARATIONS": str(settings.declarations),
            "TRUEUP_SECRETS": str(settings.secrets),
            "TRUEUP_GIT_PROTOCOLS": "http",
            "TRUEUP_WEBHOOK_KEYS": KEY,
            "TRUEUP_API_TOKENS": ",".join(settings.api_tokens),
            "TRUEUP_LISTEN": settings.listen,
            "TRUEUP_PROBE_LISTEN": f"127.0.0.1:{self._probe_port}",
            "TRUEUP_REDIS_URL": self.redis_url,
            "TRUEUP_PUBLIC_URL": settings.public_url,
        }
