"""The fork server and its children: `python -m reconciler.render.child SOCKET`.

The server imports everything once, has no threads, and forks for each connection; a child costs milliseconds. It has a process
group of its own, limits on memory and CPU, an empty environment, no other file than its connection, and no network where the
kernel lets an ordinary process leave it. It says its pid first, so that whoever asked can kill it.
"""

import contextlib
import ctypes
import os
import resource
import signal
import socket
import struct
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import orjson

from reconciler import errors
from reconciler.errors import TrueupError
from reconciler.model.declared import Name, RenderOptions
from reconciler.render.choose import render
from reconciler.render.result import Rendered, RenderRequest

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
"""https://man7.org/linux/man-pages/man2/unshare.2.html"""

PID = struct.Struct("!I")


def serve(path: str) -> None:
    """Accept connections on a Unix socket until standard input, which the worker holds, is closed."""
    signal.signal(signal.SIGCHLD, _reap)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        os.write(1, b"ready\n")
        while True:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _child(connection)
            connection.close()


def _reap(_: int, __: FrameType | None) -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _child(connection: socket.socket) -> None:
    """Answer one batch and end; never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    _leave_network()
    connection.sendall(PID.pack(os.getpid()))
    with connection.makefile("rb") as stream:
        order = orjson.loads(stream.read())
    _limit(order["memory_bytes"], order["cpu_seconds"])
    try:
        answers = [_answer(Path(order["root"]), request, order["timeout_seconds"]) for request in order["requests"]]
        connection.sendall(orjson.dumps(answers))
    except MemoryError:
        os._exit(137)
    os._exit(0)


def _answer(root: Path, request: dict[str, Any], timeout_seconds: float) -> dict[str, Any]:
    options = RenderOptions(tuple(request["include"]), tuple(request["exclude"]))
    try:
        rendered = render(root, RenderRequest(Name.parse(request["application"]), request["path"], options), timeout_seconds)
    except TrueupError as error:
        return {"error": type(error).__name__, "message": str(error)}
    return _encode(rendered)


def _encode(rendered: Rendered) -> dict[str, Any]:
    return {
        "documents": [(raw.source, raw.document) for raw in rendered.documents],
        "read": sorted(rendered.read),
        "probed": sorted(rendered.probed),
        "tool": rendered.tool,
    }


def revive(answer: dict[str, Any]) -> TrueupError:
    """The error that a child told of."""
    kind: type[TrueupError] = getattr(errors, answer["error"], errors.RenderFailed)
    return kind(answer["message"])


def _limit(memory_bytes: int, cpu_seconds: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _leave_network() -> None:
    """A network namespace with nothing in it, where that is permitted; the renderers refuse remote entries anyway."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET) != 0:
            libc.unshare(CLONE_NEWUSER | CLONE_NEWNET)


if __name__ == "__main__":
    serve(sys.argv[1])
