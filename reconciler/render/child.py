"""The fork server and its children: `python -m reconciler.render.child SOCKET KUBECTL HELM`.

The server imports everything once, has no threads, and forks for each connection; a child costs milliseconds. A child has a process
group of its own, limits on memory, CPU and output, an empty environment, no other open file than its connection, and, once it has its
order, no other files than the tree and a directory of its own, and no network, as far as the kernel lets an ordinary process give them
up (`confine`). It says its pid first, so that whoever asked can kill it. The server says what is in force when it is ready; it ends,
and ends its children, when its standard input is closed, which is when the worker is gone.
"""

import contextlib
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
from reconciler.process import lower
from reconciler.render import landlock, mounts
from reconciler.render.choose import Tools, render
from reconciler.render.confine import ROOT_SUFFIX, Confinement, Grants, attempt, enforce
from reconciler.render.helm import ask_version as ask_helm
from reconciler.render.kustomize import ask_version
from reconciler.render.locks import Locked
from reconciler.render.result import LIMIT_OUTPUT_BYTES, RenderRequest
from reconciler.render.tree import Tree
from reconciler.render.wire import HEADER, Answer, Order, decode_order, encode_answer, encode_locked, frame

REAP_SECONDS = 1.0
"""How soon children that ended are taken note of."""

STDIN, STDOUT = 0, 1

M_ARENA_MAX = -8
"""Each thread's own arena takes 64 MiB of the address space that is limited: in one of 300 children Jsonnet's threads found none left.
https://man7.org/linux/man-pages/man3/mallopt.3.html"""


def serve(path: str, tools: Tools) -> None:
    """Answer connections on a Unix socket until standard input, which the worker holds, is closed."""
    children: set[int] = set()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        found = _possible(path, tools)
        gc.freeze()
        os.write(STDOUT, f"ready {found}\n".encode())
        while True:
            ready, _, _ = select.select([listener.fileno(), STDIN], [], [], REAP_SECONDS if children else None)
            children -= _ended()
            if STDIN in ready:
                break
            if listener.fileno() in ready:
                children.add(_fork(listener, tools, found))
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


def _fork(listener: socket.socket, tools: Tools, found: Confinement) -> int:
    connection, _ = listener.accept()
    with connection:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                path = listener.getsockname()
                listener.close()
                _child(connection, tools, path, found)
                code = 0
            finally:
                os._exit(code)  # whatever happened, a child never goes on as a server
    return pid


def _child(connection: socket.socket, tools: Tools, path: str, found: Confinement) -> None:
    """Answer one batch. What it writes, decrypted files among it, is beside the socket, where the worker removes it when we are killed."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, STDIN)  # a link to /dev/stdin would be read until the worker ends
    os.dup2(nothing, STDOUT)
    os.close(nothing)
    scratch = f"{path}.{os.getpid()}"
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
    enforce(_grants(path, str(tree.root), scratch, tools), found)
    for request in order.requests:
        _limit_cpu(order.cpu_seconds)
        connection.sendall(frame(_answer(tree, request, order, tools)))


def _answer(tree: Tree, request: RenderRequest, order: Order, tools: Tools) -> bytes:
    try:
        return encode_answer(request, render(tree, request, tools))
    except Locked as locked:
        return encode_locked(locked)
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
    landlock.LIBC.mallopt(M_ARENA_MAX, 1)
    lower(resource.RLIMIT_AS, memory_bytes)
    lower(resource.RLIMIT_FSIZE, LIMIT_OUTPUT_BYTES)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_cpu(seconds: int) -> None:
    """So much more than what this process has used already; a program it starts counts from nothing."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, hard))


def _possible(path: str, tools: Tools) -> Confinement:
    """Leave the network, and try in a process that ends then what else can be enforced."""
    has_namespace = False
    with contextlib.suppress(OSError):
        has_namespace = mounts.leave(mounts.NEWNET)
    scratch = f"{path}.trial"
    for directory in (scratch, path + ROOT_SUFFIX):
        Path(directory).mkdir(mode=0o700, exist_ok=True)
    _grants(path, scratch, scratch, tools).rights()  # finds out once what every child needs to know
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writing, str(attempt(_grants(path, scratch, scratch, tools), has_namespace=has_namespace)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as stream:  # noqa: PTH123 - a pipe
        said = stream.read()
    os.waitpid(pid, 0)
    return Confinement.parse(said.decode()) if said else Confinement(network="namespace" if has_namespace else "none")


def _grants(path: str, tree: str, scratch: str, tools: Tools) -> Grants:
    programs = tuple(tool.path for tool in (tools.kubectl, tools.helm) if tool is not None)
    return Grants(tree, scratch, programs, path + ROOT_SUFFIX)


if __name__ == "__main__":
    kubectl, helm = sys.argv[2:4]
    serve(sys.argv[1], Tools(ask_version(kubectl) if kubectl else None, ask_helm(helm) if helm else None))
