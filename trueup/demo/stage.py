"""The demo's stage: a cluster, a Git server, a forge and Trueup itself, on loopback and in one scratch directory."""

import asyncio
import contextlib
import hashlib
import os
import secrets
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from trueup.demo.example import CLUSTER_IMAGES, REPOSITORY, SANDBOX_IMAGES, Images, declarations
from trueup.sandbox.cluster import SandboxCluster
from trueup.sandbox.forge import ForgeServer
from trueup.sandbox.githttp import GitServer

START_SECONDS = 20.0
"""Until Trueup must be ready, or the demo has failed."""

STOP_SECONDS = 10.0
"""Trueup's grace period at the end."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything a scene needs."""

    url: str
    """Where Trueup listens."""
    token: str
    webhook_key: str
    kubeconfig: Path
    git: GitServer
    forge: ForgeServer
    images: Images
    log: Path
    """What Trueup logs."""
    is_sandbox: bool


@contextlib.asynccontextmanager
async def set_up(kubeconfig: str | None) -> AsyncIterator[Stage]:
    """Start everything, yield the stage, and take everything down again.

    Args:
        kubeconfig: a cluster to use instead of the sandbox.
    """
    async with contextlib.AsyncExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trueup-demo-")))
        git = await stack.enter_async_context(GitServer(scratch / "git"))
        forge = await stack.enter_async_context(ForgeServer())
        if kubeconfig is None:
            sandbox = await stack.enter_async_context(SandboxCluster(rollout_seconds=0.3))
            path = scratch / "kubeconfig"
            path.write_text(sandbox.kubeconfig)
        else:
            path = Path(kubeconfig)
        (scratch / "declarations").mkdir()
        (scratch / "declarations" / "demo.yaml").write_text(declarations(git.url(REPOSITORY), forge.url))
        (scratch / "secrets" / "shop-forge").mkdir(parents=True)
        (scratch / "secrets" / "shop-forge" / "token").write_text(secrets.token_hex(16))
        port = _free_port()
        stage = Stage(
            url=f"http://127.0.0.1:{port}",
            token=secrets.token_urlsafe(24),
            webhook_key=secrets.token_hex(32),
            kubeconfig=path,
            git=git,
            forge=forge,
            images=CLUSTER_IMAGES if kubeconfig else SANDBOX_IMAGES,
            log=scratch / "trueup.log",
            is_sandbox=kubeconfig is None,
        )
        await stack.enter_async_context(_trueup(stage, scratch, port))
        yield stage


@contextlib.asynccontextmanager
async def _trueup(stage: Stage, scratch: Path, port: int) -> AsyncIterator[None]:
    """`trueup up` as a process of its own, until it is ready; stopped at the end."""
    settings = {
        "TRUEUP_LISTEN": f"127.0.0.1:{port}",
        "TRUEUP_PUBLIC_URL": stage.url,
        "TRUEUP_STATE": str(scratch / "state"),
        "TRUEUP_DECLARATIONS": str(scratch / "declarations"),
        "TRUEUP_SECRETS": str(scratch / "secrets"),
        "TRUEUP_WEBHOOK_KEYS": stage.webhook_key,
        "TRUEUP_API_TOKENS": f"demo:admin:{hashlib.sha256(stage.token.encode()).hexdigest()}",
        "TRUEUP_GIT_PROTOCOLS": "http,https",
        "TRUEUP_LOG_FORMAT": "json",
        "KUBECONFIG": str(stage.kubeconfig),
    }
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TRUEUP_")} | settings
    with stage.log.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "trueup", "up", env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            await _ready(stage, process)
            yield
        finally:
            await _stop(process)


async def _ready(stage: Stage, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(START_SECONDS), aiohttp.ClientSession() as session:
        while True:
            if process.returncode is not None:
                raise RuntimeError(f"trueup up ended with {process.returncode}:\n{stage.log.read_text()[-2000:]}")
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"{stage.url}/readyz", timeout=aiohttp.ClientTimeout(total=2)) as response:
                    checks = (await response.json())["checks"]
                    if not any(checks.values()):
                        return
            await asyncio.sleep(0.05)


async def _stop(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
