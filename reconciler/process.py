"""Running a program: its own process group, a deadline, an output limit, exactly the environment that is given, and no remains.

The limits of memory and CPU are set by `prlimit` on the new process, since code between fork and exec is unsafe in a process with
threads; what it does in the first moments before is bounded by the deadline only.
"""

import asyncio
import contextlib
import os
import resource
import signal
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.errors import Stalled, Transient

CHUNK_BYTES = 64 * 1024

REAP_SECONDS = 2.0
"""Until a killed program is no longer waited for; the kernel needs milliseconds."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may use; it is killed past any of them."""

    timeout_seconds: float
    output_bytes: int = 64 * 1024 * 1024
    memory_bytes: int | None = None
    cpu_seconds: int | None = None
    file_bytes: int | None = None
    """The largest file that it may write; past it the kernel ends it with SIGXFSZ."""


@dataclass(frozen=True, slots=True)
class Completed:
    """How a program ended."""

    code: int
    """Negative: the signal that ended it."""
    stdout: bytes
    stderr: bytes

    @property
    def message(self) -> str:
        """What it said on standard error, last 2,000 characters."""
        return self.stderr.decode(errors="replace").strip()[-2000:]


class Deadline(Transient):
    """A program ran past its deadline and was killed."""


class OutputTooLarge(Stalled):
    """A program printed more than it may and was killed."""


async def run(  # noqa: PLR0913 - a process has this many properties
    argv: Sequence[str | Path],
    *,
    limits: Limits,
    env: Mapping[str, str],
    cwd: Path | None = None,
    stdin: bytes = b"",
    pass_fds: Sequence[int] = (),
) -> Completed:
    """Run a program to its end.

    Raises:
        Deadline: when it ran too long and was killed.
        OutputTooLarge: when it printed more than it may, and was killed.
        FileNotFoundError: when there is no such program.
    """
    name = Path(argv[0]).name
    async with started(argv, limits=limits, env=env, cwd=cwd, pass_fds=pass_fds) as process:
        try:
            async with asyncio.timeout(limits.timeout_seconds):
                stdout, stderr = await _converse(process, stdin, limits.output_bytes, name)
                return Completed(await process.wait(), stdout, stderr)
        except TimeoutError as error:
            raise Deadline(f"{name} did not end within {limits.timeout_seconds:g} s and was killed") from error


@contextlib.asynccontextmanager
async def started(
    argv: Sequence[str | Path],
    *,
    limits: Limits,
    env: Mapping[str, str],
    cwd: Path | None = None,
    pass_fds: Sequence[int] = (),
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A running program with its three streams; killed with its whole group, and waited for, when the block is left."""
    process = await spawn(argv, env=env, cwd=cwd, pass_fds=pass_fds, stderr=asyncio.subprocess.PIPE)
    try:
        with contextlib.suppress(ProcessLookupError):
            _limit(process.pid, limits)
        yield process
    finally:
        await _see_through(_end(process))


async def spawn(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    pass_fds: Sequence[int] = (),
    stderr: int | None = None,
) -> asyncio.subprocess.Process:
    """Start a program in a group of its own, its input and output piped; ended when we are cancelled meanwhile.

    asyncio itself, cancelled before the pipes stand, waits for ever for the program's end.
    """
    starting = asyncio.create_task(asyncio.create_subprocess_exec(
        *argv, env=dict(env), cwd=cwd, start_new_session=True, pass_fds=pass_fds,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=stderr,
    ))  # fmt: skip
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await _see_through(_end_started(starting))
        raise


async def _end_started(starting: asyncio.Task[asyncio.subprocess.Process]) -> None:
    await asyncio.wait({starting})
    if not starting.cancelled() and not starting.exception():
        await _end(starting.result())


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill it with its whole group, and wait for it."""
    _kill_group(process.pid)
    try:
        async with asyncio.timeout(REAP_SECONDS):
            await asyncio.shield(process.wait())
    except TimeoutError:
        pass  # a descendant that left the group keeps the streams open
    finally:
        process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001 - asyncio has no other way to let go of the streams now


async def _see_through(work: Coroutine[Any, Any, None]) -> None:
    """Do something short to its end, however often we are cancelled meanwhile."""
    task, cancelled = asyncio.ensure_future(work), False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
    task.result()


def _limit(pid: int, limits: Limits) -> None:
    wanted = {
        resource.RLIMIT_AS: limits.memory_bytes,
        resource.RLIMIT_CPU: limits.cpu_seconds,
        resource.RLIMIT_FSIZE: limits.file_bytes,
    }
    for kind, limit in wanted.items():
        if limit is not None:
            lower(kind, limit, pid)


def lower(kind: int, limit: int, pid: int = 0) -> None:
    """Limit what a process may use; a lower limit that its machine has set stays, since nobody may raise that.

    Args:
        kind: `resource.RLIMIT_AS` or another one.
        limit: in its unit.
        pid: of the process; 0 is this one.
    """
    _, most = resource.prlimit(pid, kind)
    limit = limit if most == resource.RLIM_INFINITY else min(limit, most)
    resource.prlimit(pid, kind, (limit, limit))


def _kill_group(pid: int) -> None:
    """The group may outlive its leader, so it is killed also after a good end."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


async def _converse(process: asyncio.subprocess.Process, stdin: bytes, limit: int, name: str) -> tuple[bytes, bytes]:
    assert process.stdin
    assert process.stdout
    assert process.stderr
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_feed(process.stdin, stdin))
            stdout = group.create_task(_read(process.stdout, limit, name))
            stderr = group.create_task(_read(process.stderr, limit, name))
    except* OutputTooLarge as failures:
        raise failures.exceptions[0] from None
    return stdout.result(), stderr.result()


async def _feed(stream: asyncio.StreamWriter, data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it need not read to the end
        stream.write(data)
        await stream.drain()
    stream.close()


async def _read(stream: asyncio.StreamReader, limit: int, name: str) -> bytes:
    chunks, size = [], 0
    while chunk := await stream.read(CHUNK_BYTES):
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            raise OutputTooLarge(f"{name} printed more than {limit // 1024} KiB and was killed")
    return b"".join(chunks)
