"""A Git server over HTTP on loopback: git's own `http-backend` behind aiohttp. For the demo and for tests.

https://git-scm.com/docs/git-http-backend
"""

import asyncio
import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from aiohttp import web

ANSWER_SECONDS = 60.0
BODY_BYTES = 64 * 1024 * 1024

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
        bare = self._root / f"{repository}.git"
        if not bare.exists():
            bare.mkdir(parents=True)
            await self.git(bare, "init", "--quiet", "--bare", "--initial-branch", branch)
            await self.git(bare, "config", "uploadpack.allowAnySHA1InWant", "true")
            await self.git(bare, "config", "http.receivepack", "false")
        index = {"GIT_INDEX_FILE": str(bare / f"index.{branch.replace('/', '-')}")}
        parent = await self.git(bare, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}", check=False)
        await self.git(bare, "read-tree", parent or "--empty", env=index)
        for path, content in files.items():
            if content is None:
                removal = f"0 {'0' * 40}\t{path}\n".encode()
                await self.git(bare, "update-index", "--index-info", stdin=removal, env=index)
            else:
                blob = await self.git(bare, "hash-object", "-w", "--stdin", stdin=content.encode())
                await self.git(bare, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", env=index)
        tree = await self.git(bare, "write-tree", env=index)
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
        commit = await self.git(bare, *who, "commit-tree", tree, "-m", message, *(["-p", parent] if parent else []))
        await self.git(bare, "update-ref", f"refs/heads/{branch}", commit)
        return commit

    async def git(
        self, bare: Path, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None, check: bool = True
    ) -> str:
        """Run git in one of the repositories; what it printed.

        Raises:
            RuntimeError: when git failed, and *check* is on.
        """
        process = await asyncio.create_subprocess_exec(
            "git", "--git-dir", bare, *arguments, env={**IDENTITY, **(env or {})},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(ANSWER_SECONDS):
            output, errors = await process.communicate(stdin)
        if process.returncode and check:
            raise RuntimeError(f"git {' '.join(arguments)}: {errors.decode().strip()}")
        return output.decode().strip() if process.returncode == 0 else ""

    async def _serve(self, request: web.Request) -> web.Response:
        self.requests.append(f"{request.method} {request.path_qs}")
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
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": "127.0.0.1",
        }
        process = await asyncio.create_subprocess_exec(
            "git", "http-backend", env=environment,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(ANSWER_SECONDS):
            output, _ = await process.communicate(body)
        return _answer(output)


def _answer(output: bytes) -> web.Response:
    """A CGI answer: headers, an empty line, the body."""
    head, _, body = output.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
    status = int(headers.pop("Status", "200 OK").split(" ")[0])
    return web.Response(status=status, body=body, headers=headers)
