"""A Git LFS server on loopback: the batch API beneath a repository's address, and a store of files, which may be another one's."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, Self

from aiohttp import web

Instead = Callable[[web.Request], Awaitable[web.StreamResponse | None]]


def pointer(content: bytes, *, size: int | None = None) -> str:
    """What stands in Git for a file."""
    oid = hashlib.sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content) if size is None else size}\n"


class LfsServer:
    """Serves `POST …/info/lfs/objects/batch` and `GET /store/{oid}`; mounted by `instead` of a Git server, or on its own."""

    def __init__(self, authorization: str = "", *, store: "LfsServer | None" = None) -> None:
        """Authorization: what the batch API wants; store: where files are instead of here."""
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        """Method, path and headers."""
        self.header: dict[str, Any] = {}
        """What the server gives for the store."""
        self.instead: Instead | None = None
        self._authorization = authorization
        self._store = store

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def add(self, content: bytes, *, kept: bytes | None = None) -> str:
        """Keep a file, or another one in its place; its pointer."""
        store = self._store or self
        store.files[hashlib.sha256(content).hexdigest()] = content if kept is None else kept
        return pointer(content)

    def count(self, method: str) -> int:
        return sum(1 for one, _, _ in self.requests if one == method)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        return await self.answer(request) or web.Response(status=404)

    async def answer(self, request: web.Request) -> web.StreamResponse | None:
        """The answer to a request; None when it is for nobody here."""
        if not (request.path.endswith("/info/lfs/objects/batch") or request.path.startswith("/store/")):
            return None
        self.requests.append((request.method, request.path, dict(request.headers)))
        if self.instead is not None and (answer := await self.instead(request)) is not None:
            return answer
        if request.method == "GET":
            content = self.files.get(request.path.removeprefix("/store/"))
            return web.Response(status=404) if content is None else web.Response(body=content)
        if self._authorization and request.headers.get("Authorization") != self._authorization:
            return web.json_response({"message": "no"}, status=401)
        return await self._batch(request)

    async def _batch(self, request: web.Request) -> web.Response:
        assert request.headers["Content-Type"] == request.headers["Accept"] == "application/vnd.git-lfs+json"
        asked = await request.json()
        assert asked["operation"] == "download"
        base = self._store.url if self._store else f"http://{request.host}"
        files = (self._store or self).files
        found = []
        for entry in asked["objects"]:
            said = {"oid": entry["oid"], "size": entry["size"]}
            if entry["oid"] in files:
                said["actions"] = {"download": {"href": f"{base}/store/{entry['oid']}", "header": self.header}}
            else:
                said["error"] = {"code": 404, "message": "Object does not exist"}
            found.append(said)
        return web.json_response({"transfer": "basic", "objects": found}, content_type="application/vnd.git-lfs+json")
