"""A Git server over HTTP on loopback: git's own `http-backend` behind aiohttp. For the demo and for tests.

https://git-scm.com/docs/git-http-backend
"""

import base64
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Self

from aiohttp import web

from reconciler.process import Limits, run

BODY_BYTES = 64 * 1024 * 1024
LIMITS = Limits(timeout_seconds=60.0, output_bytes=512 * 1024 * 1024)

IDENTITY = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "PATH": os.environ.get("PATH", os.defpath)}


class GitServer:
    """Bare repositories under a directory, served as `http://127.0.0.1:port/owner/name.git`.

    Args:
        root: where the repositories are kept.
        login: `user:password` that every request must carry; empty: none.
    """

    def __init__(self, root: Path, *, login: str = "") -> None:
        self._root = root
        self._login = base64.b64encode(login.encode()).decode() if login else ""
        self._runner: web.AppRunner | None = None
        self.port = 0
        self.requests: list[str] = []
        """Method, path and query of every request."""
        self.speaks_v2 = True
        """Off: the protocol of servers before git 2.18, which give out only what refs are at."""
        self.instead: Callable[[web.Request], Awaitable[web.StreamResponse | None]] | None = None
        """Asked first; what it returns is the answer. A server that misbehaves is made of this."""

    async def __aenter__(self) -> Self:
        """Serve on loopback."""
        self._root.mkdir(parents=True, exist_ok=True)
        app = web.Application(client_max_size=BODY_BYTES)
        app.router.add_route("*", "/{path:.+}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop serving; the repositories stay."""
        if self._runner:
            await self._runner.cleanup()

    def url(self, repository: str) -> str:
        """The address of `owner/name`."""
        return f"http://127.0.0.1:{self.port}/{repository}.git"

    async def commit(self, repository: str, files: Mapping[str, str | None], *, message: str, branch: str = "main") -> str:
        """Write files (None removes one) as one commit on top of a branch, which may be new; the commit's hash."""
        bare = await self.create(repository, branch=branch)
        parent = await self.git(bare, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}", check=False)
        await self.git(bare, "fast-import", "--quiet", "--date-format=now", stdin=_stream(files, message, branch, parent))
        return await self.git(bare, "rev-parse", f"refs/heads/{branch}")

    async def create(self, repository: str, *, branch: str = "main") -> Path:
        """An empty repository `owner/name`, unless it is there; its directory."""
        bare = self.path(repository)
        if not bare.exists():
            bare.mkdir(parents=True)
            await self.git(bare, "init", "--quiet", "--bare", "--initial-branch", branch)
            await self.git(bare, "config", "uploadpack.allowAnySHA1InWant", "true")
            await self.git(bare, "config", "http.receivepack", "false")
        return bare

    def path(self, repository: str) -> Path:
        """The bare repository of `owner/name`."""
        return self._root / f"{repository}.git"

    async def git(
        self, bare: Path, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None, check: bool = True
    ) -> str:
        """Run git in one of the repositories; what it printed.

        Raises:
            RuntimeError: when git failed, and *check* is on.
        """
        completed = await run(["git", "--git-dir", bare, *arguments], limits=LIMITS, env={**IDENTITY, **(env or {})}, stdin=stdin)
        if completed.code and check:
            raise RuntimeError(f"git {' '.join(arguments)}: {completed.message}")
        return completed.stdout.decode().strip() if completed.code == 0 else ""

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path_qs}")
        if self.instead is not None and (answer := await self.instead(request)) is not None:
            return answer
        if self._login and request.headers.get("Authorization", "") != f"Basic {self._login}":
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="git"'})
        body = await request.read()
        environment = {
            **IDENTITY,
            "GIT_PROJECT_ROOT": str(self._root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query_string,
            "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", "") if self.speaks_v2 else "",
            "REMOTE_ADDR": "127.0.0.1",
        }
        completed = await run(["git", "http-backend"], limits=LIMITS, env=environment, stdin=body)
        return _answer(completed.stdout)


def _stream(files: Mapping[str, str | None], message: str, branch: str, parent: str) -> bytes:
    """One commit, as git fast-import reads it (https://git-scm.com/docs/git-fast-import)."""
    lines = [f"commit refs/heads/{branch}\ncommitter Ada <ada@example.com> now\n".encode(), _data(message)]
    lines += [f"from {parent}\n".encode()] if parent else []
    for path, content in files.items():
        name = _quoted(path)
        lines.append(f"D {name}\n".encode() if content is None else f"M 100644 inline {name}\n".encode() + _data(content))
    return b"".join(lines)


def _quoted(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _data(text: str) -> bytes:
    raw = text.encode()
    return b"data %d\n%b\n" % (len(raw), raw)


def _answer(output: bytes) -> web.Response:
    """A CGI answer: headers, an empty line, the body."""
    head, _, body = output.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
    status = int(headers.pop("Status", "200 OK").split(" ")[0])
    return web.Response(status=status, body=body, headers=headers)
