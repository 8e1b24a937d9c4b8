"""The cluster that a figure is measured on: the real control plane where it is built, else the sandbox; in processes of its own.

`CLUSTER=sandbox` or `CLUSTER=real` forces one. Auditing counts requests, and makes each of them twice as dear; so it is on only where
they are what is measured.
"""

import asyncio
import multiprocessing
import os
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

from tests.servers.control_plane import ControlPlane, find_binaries
from trueup.sandbox.cluster import SandboxCluster

ROLLOUT_SECONDS = 0.05

Request = tuple[str, str, str]
"""Verb as the audit log names it, resource, and name where it is told."""


class Cluster(Protocol):
    """A cluster that is measured on."""

    name: str
    """`real` or `sandbox`."""
    url: str
    token: str
    kubeconfig: Path

    def requests(self, agent: str) -> Iterable[Request]:
        """The requests of a user agent that begins so, but for watches."""


@asynccontextmanager
async def open_cluster(*, is_audited: bool = False) -> AsyncIterator[Cluster]:
    """A fresh cluster; everything of it ends with the block."""
    wanted, binaries = os.environ.get("CLUSTER", ""), find_binaries()
    if wanted not in ("", "real", "sandbox"):
        raise SystemExit(f"CLUSTER={wanted} is neither real nor sandbox")
    if wanted == "real" and binaries is None:
        raise SystemExit("the real control plane is not built; build it with: make test-cluster")
    with tempfile.TemporaryDirectory(prefix="trueup-bench-") as name:
        directory = Path(name)
        if binaries is None or wanted == "sandbox":
            with _sandbox(directory) as sandbox:
                yield sandbox
            return
        plane = ControlPlane(directory, binaries, is_audited=is_audited)
        try:
            await asyncio.to_thread(plane.start)
            yield _Real(plane)
        finally:
            await asyncio.to_thread(plane.stop)


class _Real:
    name = "real"
    token = "TOKEN"

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self.url, self.kubeconfig = plane.url, plane.kubeconfig

    def requests(self, agent: str) -> Iterable[Request]:
        return self._plane.requests(agent)


class _Sandbox:
    name = "sandbox"

    def __init__(self, directory: Path, connection: Connection) -> None:
        self._connection = connection
        self.url, self.token, text = connection.recv()
        self.kubeconfig = directory / "kubeconfig"
        self.kubeconfig.write_text(text)

    def requests(self, agent: str) -> Iterable[Request]:
        self._connection.send(agent)
        found: list[Request] = self._connection.recv()
        return found


@contextmanager
def _sandbox(directory: Path) -> Iterator[_Sandbox]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,))
    process.start()
    theirs.close()  # so that a sandbox that dies is heard of
    try:
        yield _Sandbox(directory, ours)
    finally:
        process.terminate()
        process.join()


def _serve(connection: Connection) -> None:
    asyncio.run(_answer(connection))


async def _answer(connection: Connection) -> None:
    async with SandboxCluster(rollout_seconds=ROLLOUT_SECONDS) as sandbox:
        connection.send((sandbox.url, sandbox.token, sandbox.kubeconfig))
        while True:
            agent = await asyncio.to_thread(connection.recv)
            found = [r for r in sandbox.requests if r.user_agent.startswith(agent) and r.verb != "watch"]
            connection.send([("patch" if r.verb == "apply" else r.verb, r.resource.partition(".")[0], "") for r in found])
