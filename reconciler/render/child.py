"""The fork server and its children: `python -m reconciler.render.child SOCKET KUBECTL HELM`.

The server imports everything once, has no threads, and forks for each connection; a child costs milliseconds. A child has a process
group of its own, limits on memory, CPU and output, an empty environment, no other file than its connection, and no network where the
kernel lets an ordinary process leave it. It says its pid first, so that whoever asked can kill it. The server ends, and ends its
children, when its standard input is closed, which is when the worker is gone.
"""

import contextlib
import ctypes
import gc
import os
import resource
import select
import shutil
import signal
import socket
import sys
import tempfile
from pathlib import Path

from reconciler.errors import RenderFailed, TrueupError
from reconciler.render.choose import Tools, render
from reconciler.render.helm import ask_version as ask_helm
from reconciler.render.kustomize import ask_version
from reconciler.render.result import LIMIT_OUTPUT_BYTES, RenderRequest
from reconciler.render.tree import Tree
from reconciler.render.wire import HEADER, Answer, Order, decode_order, encode_answer, frame

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
"""https://man7.org/linux/man-pages/man2/unshare.2.html"""

REAP_SECONDS = 1.0
"""How soon children that ended are taken note of."""

STDIN = 0


def serve(path: str, tools: Tools) -> None:
    """Answer connections on a Unix socket until standard input, which the worker holds, is closed."""
    children: set[int] = set()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        _leave_network()
        gc.freeze()
        os.write(1, b"ready\n")
        while True:
            ready, _, _ = select.select([listener.fileno(), STDIN], [], [], REAP_SECONDS if children else None)
            children -= _ended()
            if STDIN in ready:
                break
            if listener.fileno() in ready:
                children.add(_fork(listener, tools))
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    shutil.rmtree(Path(path).parent, ignore_errors=True)  # the worker may have been killed


def _ended() -> set[int]:
    ended: set[int] = set()
    with contextlib.suppress(ChildProcessError):
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            ended.add(pid)
    return ended


def _fork(listener: socket.socket, tools: Tools) -> int:
    connection, _ = listener.accept()
    with connection:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                scratch = f"{listener.getsockname()}.{os.getpid()}"
                listener.close()
                _child(connection, tools, scratch)
                code = 0
            finally:
                os._exit(code)  # whatever happened, a child never goes on as a server
    return pid


def _child(connection: socket.socket, tools: Tools, scratch: str) -> None:
    """Answer one batch. What it writes, decrypted files among it, is beside the socket, where the worker removes it when we are killed."""
    os.setsid()
    Path(scratch).mkdir(mode=0o700)
    tempfile.tempdir = scratch
    connection.sendall(HEADER.pack(os.getpid()))
    with connection.makefile("rb") as stream:
        size = stream.read(HEADER.size)
        if len(size) < HEADER.size:
            return
        order = decode_order(stream.read(HEADER.unpack(size)[0]))
    _limit(order.memory_bytes)
    tree = Tree(order.root)
    for request in order.requests:
        _limit_cpu(order.cpu_seconds)
        connection.sendall(frame(_answer(tree, request, order, tools)))


def _answer(tree: Tree, request: RenderRequest, order: Order, tools: Tools) -> bytes:
    try:
        return encode_answer(request, render(tree, request, tools))
    except TrueupError as error:
        answer: Answer = error
    except MemoryError:
        answer = RenderFailed(
            f"{request.application}: needs more than {order.memory_bytes >> 20} MiB of memory to render; split it"
        )
    except Exception as error:  # noqa: BLE001 - the top of a request: a bug met by one application must not spoil the others
        answer = RenderFailed(f"{request.application}: the renderer failed: {type(error).__name__}: {error}")
    return encode_answer(request, answer)


def _limit(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_OUTPUT_BYTES, LIMIT_OUTPUT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_cpu(seconds: int) -> None:
    """So much more than what this process has used already; a program it starts counts from nothing."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, hard))


def _leave_network() -> None:
    """A network namespace with nothing in it, where that is permitted; the renderers refuse remote entries anyway."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET) != 0:
            libc.unshare(CLONE_NEWUSER | CLONE_NEWNET)


if __name__ == "__main__":
    kubectl, helm = sys.argv[2:4]
    serve(sys.argv[1], Tools(ask_version(kubectl) if kubectl else None, ask_helm(helm) if helm else None))
