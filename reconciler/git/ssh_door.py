"""How git speaks SSH through the worker: a tiny program in ssh's place hands its pipes over, and the worker joins them to a channel.

The program reaches the worker by a socket that only this one git process and its children have: no path on disk, and nobody else can use
the key. It may ask for nothing but to fetch from the declared repository.
"""

import asyncio
import contextlib
import os
import shlex
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from reconciler.errors import SourceRefused, SourceUnavailable, TrueupError
from reconciler.git.reach import Reach, install
from reconciler.git.ssh_pool import Door, Pool

HELPER = """# Stands in ssh's place for git: hands its input and output to the worker, and waits for the end.
import os, sys
from _socket import SCM_RIGHTS, SOL_SOCKET, socket, socketpair  # without the module around it: half the time to start
ours, theirs = socketpair()
door = socket(fileno=int(os.environ["TRUEUP_SSH_FD"]))
said = chr(0).join([os.environ.get("GIT_PROTOCOL", ""), *sys.argv[1:]]).encode()
pipes = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, theirs.fileno()))
door.sendmsg([said], [(SOL_SOCKET, SCM_RIGHTS, pipes)])
theirs.close()
os.close(0)
os.close(1)
answer = b"".join(iter(lambda: ours.recv(65536), b""))
os.write(2, answer[1:])
os._exit(answer[0] if answer else 255)
"""

ASKED_BYTES = 16 * 1024
SAID_BYTES = 32 * 1024
"""Of what the server says on standard error."""

CHANNELS_A_RUN = 16
"""One git process needs one or two."""

OPEN_SECONDS = 30.0


@dataclass(eq=False)
class Passage:
    """One git run's way through the worker."""

    reach: Reach
    failure: TrueupError | None = None
    """Why there was no way, in words; git itself only knows that there was none."""
    said: bytes = b""
    """What the host said beside; git may end before it hears that."""


@dataclass(frozen=True, slots=True)
class Line:
    """Where a git process may speak to, and nothing else."""

    pool: Pool
    door: Door
    path: str
    """The repository's path on the host, as git sends it."""
    what: str
    """How a message begins."""
    program: str = "git-upload-pack"
    more: str = ""
    """What stands behind the path."""

    @property
    def command(self) -> str:
        """The one thing that may be asked for."""
        return f"{self.program} {_quoted(self.path)} {self.more}".rstrip()


@contextlib.asynccontextmanager
async def passage(line: Line, directory: Path) -> AsyncIterator[Passage]:
    """The way to one repository for one git process, closed afterwards; the program in ssh's place is kept in a directory."""
    helper = install(directory / "ssh.py", HELPER)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.setblocking(False)
        environment = {
            "GIT_SSH_COMMAND": f"{shlex.quote(sys.executable)} -I -S {shlex.quote(str(helper))}",
            "GIT_SSH_VARIANT": "ssh",
            "TRUEUP_SSH_FD": str(theirs.fileno()),
        }
        found = Passage(Reach(environment, (theirs.fileno(),)))
        attendant = asyncio.create_task(_attend(ours, line, found))
        try:
            yield found
        finally:
            attendant.cancel()
            await asyncio.gather(attendant, return_exceptions=True)


async def _attend(ours: socket.socket, line: Line, passage: Passage) -> None:
    """Serve each program that knocks, until the run ends."""
    async with asyncio.TaskGroup() as group:
        for _ in range(CHANNELS_A_RUN):
            await _readable(ours)
            said, pipes, _, _ = socket.recv_fds(ours, ASKED_BYTES, 3)
            if len(pipes) != 3:
                for pipe in pipes:
                    os.close(pipe)
                continue
            group.create_task(_serve(_Knock(said, *pipes), line, passage))


async def _readable(ours: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(ours, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(ours)


class _Knock:
    """What a program handed over; closed once."""

    def __init__(self, said: bytes, stdin: int, stdout: int, reply: int) -> None:
        self.protocol, *self.arguments = said.decode(errors="replace").split("\0")
        self.stdin, self.stdout = os.fdopen(stdin, "rb", buffering=0), os.fdopen(stdout, "wb", buffering=0)
        self._reply = socket.socket(fileno=reply)

    def end(self, code: int, said: bytes) -> None:
        """Tell the program how it ended."""
        self._reply.settimeout(1.0)
        with contextlib.suppress(OSError):
            self._reply.sendall(bytes([code & 0xFF]) + said[:SAID_BYTES])

    def close(self) -> None:
        for one in (self.stdin, self.stdout, self._reply):
            with contextlib.suppress(OSError):
                one.close()


async def _serve(knock: _Knock, line: Line, passage: Passage) -> None:
    try:
        if not knock.arguments or knock.arguments[-1] != line.command:
            passage.failure = SourceRefused(f"{line.what}: git asked the host for something else than to fetch; refused")
            knock.end(255, b"refused\n")
            return
        protocol = knock.protocol if knock.protocol in ("version=1", "version=2") else ""
        code, said = await _joined(knock, line, protocol)
        passage.said += said
        knock.end(code, said)
    except TrueupError as error:
        passage.failure = error
        knock.end(255, b"no connection\n")
    finally:
        knock.close()


async def _joined(knock: _Knock, line: Line, protocol: str) -> tuple[int, bytes]:
    """Run the command on a channel between the program's pipes; a connection that died unnoticed is made anew, once."""
    async with channel(line, protocol) as process:
        try:
            return await _pumped(process, knock)
        except (asyncssh.Error, BrokenPipeError, ConnectionError) as error:
            raise SourceUnavailable(f"{line.what}: {line.door.host} ended the connection") from error


@contextlib.asynccontextmanager
async def channel(line: Line, protocol: str) -> AsyncIterator["asyncssh.SSHClientProcess[bytes]"]:
    """The command running at the host, closed afterwards; a connection that died unnoticed is made anew, once.

    Raises:
        SourceUnavailable: when the host opens none.
    """
    environment = {"GIT_PROTOCOL": protocol} if protocol else {}
    async with contextlib.AsyncExitStack() as stack:
        for is_last in (False, True):
            connection = await stack.enter_async_context(line.pool.connection(line.door, line.what))
            try:
                async with asyncio.timeout(OPEN_SECONDS):
                    process = await connection.create_process(line.command, encoding=None, env=environment, request_pty=False)
            except (OSError, TimeoutError, asyncssh.Error) as error:
                await stack.aclose()
                line.pool.drop(line.door)
                if is_last:
                    raise SourceUnavailable(f"{line.what}: {line.door.host} opens no channel: {type(error).__name__}") from error
                continue
            stack.callback(process.close)
            yield process
            return


async def _pumped(process: "asyncssh.SSHClientProcess[bytes]", knock: _Knock) -> tuple[int, bytes]:
    said = asyncio.create_task(_first(process.stderr))
    try:
        await process.redirect(stdin=knock.stdin, stdout=knock.stdout, recv_eof=False)
        await process.wait_closed()
        code = process.exit_status
        return 255 if code is None else code, await said
    finally:
        said.cancel()


async def _first(stream: "asyncssh.SSHReader[bytes]") -> bytes:
    kept = b""
    while chunk := await stream.read(8192):
        kept = (kept + chunk)[:SAID_BYTES]
    return kept


def _quoted(path: str) -> str:
    """As git quotes it, and as the host's shell reads it: everything between single quotes."""
    return "'" + path.replace("'", "'\\''").replace("!", "'\\!'") + "'"
