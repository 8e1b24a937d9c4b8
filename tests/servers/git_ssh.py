"""SSH servers with Git repositories: asyncssh's, which can misbehave, and OpenSSH's own where it is installed."""

import asyncio
import contextlib
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import asyncssh
import pytest

from reconciler.process import Limits, run, spawn

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin:/bin")
KEY = asyncssh.generate_private_key("ssh-ed25519")
HOST_KEY = asyncssh.generate_private_key("ssh-ed25519")


def line_for(host: str, port: int, key: asyncssh.SSHKey = HOST_KEY, marker: str = "") -> bytes:
    """A line of known_hosts."""
    name = host if port == 22 else f"[{host}]:{port}"
    return f"{marker}{name} {key.export_public_key().decode().strip()}\n".encode()


def secret(port: int, *, key: asyncssh.SSHKey = KEY, known_hosts: bytes | None = None) -> dict[str, dict[str, bytes]]:
    """As Flux has it."""
    known = line_for("127.0.0.1", port) if known_hosts is None else known_hosts
    return {"git": {"identity": key.export_private_key(), "known_hosts": known}}


@dataclass
class SshGit:
    """asyncssh's server on loopback, running git-upload-pack on a directory of bare repositories."""

    root: Path
    host_key: asyncssh.SSHKey = HOST_KEY
    options: dict[str, object] = field(default_factory=dict)
    port: int = 0
    connections: int = 0
    commands: list[str] = field(default_factory=list)
    live: list[asyncssh.SSHServerConnection] = field(default_factory=list)
    authorized: asyncssh.SSHKey = KEY
    programs: dict[str, str] = field(default_factory=dict)
    """What programs print instead of running, by their names."""

    async def __aenter__(self) -> Self:
        owner = self

        class Server(asyncssh.SSHServer):
            def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
                owner.connections += 1
                owner.live.append(conn)

            def public_key_auth_supported(self) -> bool:
                return True

            def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
                return username == "git" and key.public_data == owner.authorized.public_data

        self._listener = await asyncssh.listen(
            "127.0.0.1", self.port, server_factory=Server, server_host_keys=[self.host_key],
            process_factory=self._serve, encoding=None, config=None, **self.options,
        )  # fmt: skip
        self.port = self._listener.get_port()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        for connection in self.live:
            connection.abort()
        await self._listener.wait_closed()

    def url(self, name: str = "acme/shop") -> str:
        return f"ssh://git@127.0.0.1:{self.port}{self.root}/{name}.git"

    async def _serve(self, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        command = process.command or ""
        self.commands.append(command)
        if (said := self.programs.get(command.partition(" ")[0])) is not None:
            process.stdout.write(said.encode())
            process.exit(0)
            return
        environment = {"PATH": "/usr/bin:/bin", "GIT_PROTOCOL": process.env.get("GIT_PROTOCOL", "")}
        child = await asyncio.create_subprocess_shell(
            command,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        feeding = asyncio.create_task(_pump(process.stdin, child.stdin))
        await asyncio.gather(_pump(child.stdout, process.stdout), _pump(child.stderr, process.stderr))
        process.exit(await child.wait())
        await asyncio.wait({feeding}, timeout=1.0)
        feeding.cancel()


async def _pump(source: Any, target: Any) -> None:
    with contextlib.suppress(OSError, asyncssh.Error):
        while chunk := await source.read(65536):
            target.write(chunk)
            await target.drain()
        if isinstance(target, asyncio.StreamWriter):
            target.close()


@contextlib.asynccontextmanager
async def openssh(directory: Path, *, host_key: asyncssh.SSHKey = HOST_KEY, key: asyncssh.SSHKey = KEY) -> AsyncIterator[int]:
    """A real sshd of this user on loopback; its port."""
    assert SSHD is not None
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    host_key.write_private_key(directory / "host")
    (directory / "host").chmod(0o600)
    (directory / "authorized").write_bytes(key.export_public_key())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = (
        f"Port={port}", "ListenAddress=127.0.0.1", f"HostKey={directory / 'host'}", f"AuthorizedKeysFile={directory / 'authorized'}",
        "StrictModes=no", "UsePAM=no", "PasswordAuthentication=no", f"PidFile={directory / 'pid'}", "AcceptEnv=GIT_PROTOCOL",
    )  # fmt: skip
    Path("/run/sshd").mkdir(exist_ok=True)
    argv = [SSHD, "-D", "-e", "-f", "/dev/null", *(part for option in options for part in ("-o", option))]
    process = await spawn(argv, env={"PATH": "/usr/bin:/bin"}, stderr=asyncio.subprocess.DEVNULL)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            await asyncio.sleep(0.02)
        yield port
    finally:
        process.terminate()
        await process.wait()


async def generated(directory: Path, kind: str, passphrase: str = "") -> asyncssh.SSHKey | bytes:
    """A private key as ssh-keygen writes it."""
    file = directory / f"id_{kind}"
    bits = ["-b", "3072"] if kind == "rsa" else []
    argv = ["ssh-keygen", "-q", "-t", kind, *bits, "-N", passphrase, "-f", file]
    await run(argv, limits=Limits(20.0), env={"PATH": "/usr/bin:/bin"})
    return file.read_bytes()


@pytest.fixture
async def ssh_git(tmp_path: Path) -> AsyncIterator[SshGit]:
    async with SshGit(tmp_path / "served") as server:
        yield server
