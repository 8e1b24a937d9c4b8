"""The worker's side of rendering: keeps the fork server alive, sends batches, kills children at their deadline."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from reconciler.errors import RenderFailed, TrueupError
from reconciler.model.rendering import Reference
from reconciler.process import spawn
from reconciler.render import helm
from reconciler.render.choose import is_built
from reconciler.render.confine import Confinement
from reconciler.render.kustomize import binary
from reconciler.render.locks import Locked
from reconciler.render.opener import Opener
from reconciler.render.result import RenderRequest
from reconciler.render.wire import HEADER, Answer, decode_answer, encode_order, frame
from reconciler.settings import ReconcilerSettings

START_SECONDS = 20.0
ANSWER_SECONDS = 10.0
"""Until a fork server that gives no child is taken for hung; forking takes milliseconds."""

BUILT_BATCH = 25
"""Builds in one child, one after another; a build or a chart costs 60 ms."""

LONGEST_SOCKET = 107
"""Bytes that a socket's name may have: https://man7.org/linux/man-pages/man7/unix.7.html"""

PLAIN_BATCH = 200
"""Plain directories that are not worth a further child; one costs a fifth of a millisecond."""

MOST_OPENINGS = 3
"""How often a render may ask for further files to be opened."""

MOST_STARTS = 3
"""How often a child is asked for before it is said that there is none."""


@dataclass(frozen=True, slots=True)
class _Child:
    pid: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Renderer:
    """Renders directories of exported trees. An async context manager: the fork server lives as long as the block."""

    def __init__(self, settings: ReconcilerSettings) -> None:
        self._timeout = settings.render_timeout
        self._memory = settings.render_memory * 1024 * 1024
        self._helm = settings.helm
        self._sops = settings.sops
        self._server: asyncio.subprocess.Process | None = None
        self.confinement = Confinement()
        """What the kernel enforces on children; known once the block is entered."""
        self._starting = asyncio.Lock()
        self._children = asyncio.Semaphore(os.cpu_count() or 1)
        self._stack = contextlib.ExitStack()
        self._socket = ""

    async def __aenter__(self) -> Self:
        """Start the fork server.

        Raises:
            RenderFailed: when it does not start.
        """
        directory = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="trueup-render-"))
        self._socket = f"{directory}/server"
        self._opener = Opener(self._sops, Path(directory))
        if len(os.fsencode(self._socket)) > LONGEST_SOCKET:
            self._stack.close()
            raise RenderFailed(f"{directory}: too long for the name of a socket; set TMPDIR to a shorter path")
        try:
            await self._running()
        except BaseException:  # also when cancelled: nobody leaves a block that was not entered
            self._stack.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the fork server and its children."""
        if self._server is not None:
            await _stop(self._server)
        self._stack.close()

    async def render(self, root: Path, requests: Sequence[RenderRequest]) -> list[Answer]:
        """Render every request from one exported tree; each answer is documents or the reason why there are none.

        Files that a child cannot decrypt, and says so, are opened here, and what needs them is rendered again.
        """
        asked = list(requests)
        answers = await self._render(root, asked)
        for _ in range(MOST_OPENINGS):
            locked = [index for index, answer in enumerate(answers) if isinstance(answer, Locked)]
            opened = await asyncio.gather(*(self._opened(asked[index], answers[index]) for index in locked))
            again = []
            for index, found in zip(locked, opened, strict=True):
                if isinstance(found, RenderRequest):
                    asked[index] = found
                    again.append(index)
                else:
                    answers[index] = found
            if not again:
                break
            for index, answer in zip(again, await self._render(root, [asked[index] for index in again]), strict=True):
                answers[index] = answer
        return [_settled(answer) for answer in answers]

    async def _opened(self, request: RenderRequest, locked: Answer | Locked) -> RenderRequest | TrueupError:
        """The request with keys of the files that are locked for it, or why there are none."""
        assert isinstance(locked, Locked)
        entries = request.given.entries(Reference("Secret", request.options.decrypt_secret)) or {}
        try:
            found = await self._opener.open(locked.locks, entries)
        except TrueupError as error:
            return error
        return replace(request, given=replace(request.given, opened=(*request.given.opened, *found.items())))

    async def _render(self, root: Path, requests: Sequence[RenderRequest]) -> list[Answer | Locked]:
        """Render every request once.

        Plain directories are one child's work, or one's for each core where they are many; kustomizations and charts go to several. When
        a child dies, the request it was at is to blame, and another child goes on with the rest.
        """
        plain: list[int] = []
        built: list[int] = []
        for index, request in enumerate(requests):
            (built if is_built(root, request) else plain).append(index)
        cores = os.cpu_count() or 1
        share = max(PLAIN_BATCH, -(-len(plain) // cores))
        batches = [plain[start : start + share] for start in range(0, len(plain), share)]
        batches += [built[start : start + BUILT_BATCH] for start in range(0, len(built), BUILT_BATCH)]
        answers: dict[int, Answer | Locked] = {}
        async with asyncio.TaskGroup() as group:
            for batch in batches:
                group.create_task(self._batch(root, requests, batch, answers))
        return [answers[index] for index in range(len(requests))]

    async def _batch(
        self, root: Path, requests: Sequence[RenderRequest], batch: Sequence[int], answers: dict[int, Answer | Locked]
    ) -> None:
        """Fill in the answers of a batch, with as many children as it takes."""
        done = 0
        while done < len(batch):
            try:
                async with self._children, self._child() as child:
                    self._send(child, root, [requests[index] for index in batch[done:]])
                    for index in batch[done:]:
                        answers[index] = await self._receive(child)
                        done += 1
            except RenderFailed as error:
                answers[batch[done]] = RenderFailed(f"{requests[batch[done]].application}: {error}")
                done += 1

    def _send(self, child: _Child, root: Path, requests: Sequence[RenderRequest]) -> None:
        order = encode_order(root, requests, memory_bytes=self._memory, cpu_seconds=int(self._timeout) + 1)
        child.writer.write(frame(order))

    async def _receive(self, child: _Child) -> Answer | Locked:
        """The next answer.

        Raises:
            RenderFailed: when the child died before it, or took too long.
        """
        try:
            async with asyncio.timeout(self._timeout):
                (size,) = HEADER.unpack(await child.reader.readexactly(HEADER.size))
                return decode_answer(await child.reader.readexactly(size))
        except TimeoutError as error:
            raise RenderFailed(
                f"rendering did not end within {self._timeout:g} s (TRUEUP_RENDER_TIMEOUT) and was killed"
            ) from error
        except (OSError, asyncio.IncompleteReadError) as error:
            limit = f"{self._memory >> 20} MiB of memory (TRUEUP_RENDER_MEMORY)"
            raise RenderFailed(f"the renderer died; did it run past its limits, {limit} or {self._timeout:g} s?") from error

    @contextlib.asynccontextmanager
    async def _child(self) -> AsyncIterator[_Child]:
        """A fresh child; killed with its whole group when the block is left.

        Raises:
            RenderFailed: when there is none to be had.
        """
        child = await self._connect()
        try:
            yield child
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.writer.close()
            await asyncio.to_thread(shutil.rmtree, f"{self._socket}.{child.pid}", ignore_errors=True)

    async def _connect(self) -> _Child:
        for _ in range(MOST_STARTS):
            server = await self._running()
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                async with asyncio.timeout(ANSWER_SECONDS):
                    reader, writer = await asyncio.open_unix_connection(self._socket)
                    (pid,) = HEADER.unpack(await reader.readexactly(HEADER.size))
                    return _Child(pid, reader, writer)
            await _stop(server)
        raise RenderFailed("the render server does not answer, though it was started anew")

    async def _running(self) -> asyncio.subprocess.Process:
        async with self._starting:
            if self._server is None or self._server.returncode is not None:
                Path(self._socket).unlink(missing_ok=True)
                self._server, self.confinement = await _start(self._socket, self._helm)
            return self._server


def _settled(answer: Answer | Locked) -> Answer:
    return RenderFailed(f"{answer.locks[0].file}: was opened, and is locked still") if isinstance(answer, Locked) else answer


async def _start(path: str, helm_path: Path | None) -> tuple[asyncio.subprocess.Process, Confinement]:
    argv = [sys.executable, "-P", "-m", "reconciler.render.child", path, binary() or "", helm.binary(helm_path) or ""]
    server = await spawn(argv, env={"PYTHONPATH": os.pathsep.join(sys.path)})
    assert server.stdout is not None
    try:
        async with asyncio.timeout(START_SECONDS):
            said = (await server.stdout.readline()).decode()
    except TimeoutError:
        said = ""
    except asyncio.CancelledError:
        await _stop(server)
        raise
    if not said.startswith("ready "):
        await _stop(server)
        raise RenderFailed("the render server did not start; its own words are on standard error")
    return server, Confinement.parse(said.removeprefix("ready "))


async def _stop(server: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    await server.wait()
