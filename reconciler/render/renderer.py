"""The worker's side of rendering: keeps the fork server alive, sends batches, kills children at their deadline."""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import orjson

from reconciler.errors import RenderFailed, TrueupError
from reconciler.model.objects import RawDocument
from reconciler.render.child import PID, revive
from reconciler.render.choose import is_kustomization
from reconciler.render.result import Rendered, RenderRequest
from reconciler.settings import ReconcilerSettings

START_SECONDS = 20.0
KUSTOMIZE_BATCH = 25
"""Builds in one child, one after another; a build costs 60 ms."""

Answer = Rendered | TrueupError


class Renderer:
    """Renders directories of exported trees. An async context manager: the fork server lives as long as the block."""

    def __init__(self, settings: ReconcilerSettings) -> None:
        self._timeout = settings.render_timeout
        self._memory = settings.render_memory * 1024 * 1024
        self._server: asyncio.subprocess.Process | None = None
        self._starting = asyncio.Lock()
        self._children = asyncio.Semaphore(os.cpu_count() or 1)
        self._stack = contextlib.ExitStack()
        self._socket = ""
        self._is_closed = False

    async def __aenter__(self) -> Self:
        """Start the fork server."""
        directory = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="trueup-render-"))
        self._socket = f"{directory}/server"
        await self._ensure_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the fork server; its children end with their connections."""
        self._is_closed = True
        await self._stop_server()
        self._stack.close()

    async def render(self, root: Path, requests: Sequence[RenderRequest]) -> list[Answer]:
        """Render every request from one exported tree; each answer is documents or the reason why there are none.

        All plain directories are one child's work; kustomizations go to several. When a child dies, its requests are tried one by
        one, so that one of them spoils no other.
        """
        kustomizations = [r for r in requests if is_kustomization(root, r.path)]
        plain = [r for r in requests if r not in kustomizations] if kustomizations else list(requests)
        chunks = [kustomizations[i : i + KUSTOMIZE_BATCH] for i in range(0, len(kustomizations), KUSTOMIZE_BATCH)]
        batches = [batch for batch in (plain, *chunks) if batch]
        answers = await asyncio.gather(*(self._batch(root, batch) for batch in batches))
        found = {
            (request.application, request.path): answer
            for batch, told in zip(batches, answers, strict=True)
            for request, answer in zip(batch, told, strict=True)
        }
        return [found[request.application, request.path] for request in requests]

    async def _batch(self, root: Path, requests: Sequence[RenderRequest]) -> Sequence[Answer]:
        try:
            async with self._children:
                return await self._ask(root, requests)
        except RenderFailed as error:
            if len(requests) == 1:
                return [RenderFailed(f"{requests[0].application}: {error}")]
        return [(await self._batch(root, [request]))[0] for request in requests]

    async def _ask(self, root: Path, requests: Sequence[RenderRequest]) -> list[Answer]:
        """One child's work.

        Raises:
            RenderFailed: when the child died or was killed.
        """
        await self._ensure_server()
        deadline = self._timeout + 0.02 * len(requests)
        reader, writer = await asyncio.open_unix_connection(self._socket)
        pid = 0
        try:
            async with asyncio.timeout(deadline):
                (pid,) = PID.unpack(await reader.readexactly(PID.size))
                writer.write(self._order(root, requests, deadline))
                await writer.drain()
                writer.write_eof()
                answer = await reader.read()
        except TimeoutError as error:
            raise RenderFailed(f"did not end within {deadline:g} s and was killed") from error
        except (OSError, asyncio.IncompleteReadError) as error:
            raise RenderFailed("the renderer died") from error
        finally:
            if pid:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
            writer.close()
        if not answer:
            raise RenderFailed(f"ran past its limits ({self._memory >> 20} MiB of memory) and was killed")
        return [_decode(entry) for entry in orjson.loads(answer)]

    def _order(self, root: Path, requests: Sequence[RenderRequest], deadline: float) -> bytes:
        return orjson.dumps(
            {
                "root": os.path.realpath(root),
                "timeout_seconds": self._timeout,
                "memory_bytes": self._memory,
                "cpu_seconds": int(deadline) + 1,
                "requests": [
                    {
                        "application": str(request.application),
                        "path": request.path,
                        "include": request.options.include,
                        "exclude": request.options.exclude,
                    }
                    for request in requests
                ],
            }
        )

    async def _ensure_server(self) -> None:
        async with self._starting:
            if self._is_closed:
                raise RenderFailed("the renderer is closed")
            if self._server is not None and self._server.returncode is None:
                return
            Path(self._socket).unlink(missing_ok=True)
            self._server = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "reconciler.render.child", self._socket, env={"PYTHONPATH": os.pathsep.join(sys.path)},
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
            assert self._server.stdout is not None
            async with asyncio.timeout(START_SECONDS):
                if await self._server.stdout.readline() != b"ready\n":
                    raise RenderFailed("the render server did not start")

    async def _stop_server(self) -> None:
        if self._server is not None and self._server.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._server.pid, signal.SIGKILL)
            await self._server.wait()


def _decode(answer: dict[str, Any]) -> Answer:
    if "error" in answer:
        return revive(answer)
    documents = tuple(RawDocument(document, source) for source, document in answer["documents"])
    return Rendered(documents, frozenset(answer["read"]), frozenset(answer["probed"]), answer["tool"])
