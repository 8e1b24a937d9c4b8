"""A forge's API on loopback, as far as commit statuses and webhooks go: GitHub's and GitLab's. For the demo and for tests."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from trueup.sandbox.forge_hooks import ForgeHooks
from trueup.sandbox.forge_pulls import ForgePulls


@dataclass(frozen=True, slots=True)
class PostedStatus:
    """One status as it was posted."""

    state: str
    context: str
    description: str
    target_url: str
    token: str

    def shown(self, *, context: str, state: str, link: str = "target_url") -> dict[str, str | None]:
        """As a list of statuses has it, by the names that a forge has for its fields."""
        return {context: self.context, state: self.state, "description": self.description, link: self.target_url or None}


class ForgeServer:
    """Remembers every status; `failures` holds answers that are given instead, one a request."""

    def __init__(self, *more: Callable[["ForgeServer", web.UrlDispatcher], None]) -> None:
        self._more = more
        """Who adds routes of other forges."""
        self._runner: web.AppRunner | None = None
        self._statuses: dict[tuple[str, str], list[PostedStatus]] = defaultdict(list)
        self.commits: dict[str, list[str]] = defaultdict(list)
        """Commits of a repository, newest first, as its list of commits shows them."""
        self.failures: list[tuple[int, dict[str, str]]] = []
        """Status and headers of the next answers."""
        self.errors: list[Mapping[str, str]] = []
        """GitHub's, beside the message."""
        self.message = "not now"
        """What those answers say."""
        self.silent: asyncio.Event | None = None
        """While it is there and not set, requests are not answered."""
        self.seconds = 0.0
        """How long each answer takes."""
        self.late: asyncio.Event | None = None
        """While it is there and not set, requests are done, and not answered."""
        self.losing = 0
        """Of so many of the next writes the answer is lost: they are taken, and the connection is cut."""
        self.requests: list[str] = []
        """Method and raw path of every request."""
        self.middlewares: list[Middleware] = []
        """Who looks at requests first; added before the server is opened."""
        self.port = 0
        self.hooks = ForgeHooks()
        self.pulls = ForgePulls()

    async def __aenter__(self) -> Self:
        """Serve on loopback."""
        app = web.Application(middlewares=[*self.middlewares, self._misbehave])
        app.router.add_post("/repos/{owner}/{name}/statuses/{sha}", self._github)
        app.router.add_get("/repos/{owner}/{name}/commits", self._github_commits)
        app.router.add_get("/repos/{owner}/{name}/commits/{sha}/statuses", self._github_statuses)
        app.router.add_post("/projects/{project}/statuses/{sha}", self._gitlab)
        app.router.add_get("/projects/{project}/repository/commits", self._gitlab_commits)
        app.router.add_get("/projects/{project}/repository/commits/{sha}/statuses", self._gitlab_statuses)
        self.hooks.add_routes(app.router)
        self.pulls.add_routes(app.router)
        for add in self._more:
            add(self, app.router)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop serving."""
        await self.hooks.close()
        if self._runner:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The base address of the API."""
        return f"http://127.0.0.1:{self.port}"

    def statuses(self, repository: str, commit: str) -> list[PostedStatus]:
        """What was posted on a commit, oldest first."""
        return list(self._statuses[repository.lower(), commit])

    async def _github(self, request: web.Request) -> web.Response:
        body = await request.json()
        token = request.headers.get("Authorization", "").rpartition(" ")[2]
        repository = f"{request.match_info['owner']}/{request.match_info['name']}"
        self._put((repository, request.match_info["sha"]), body, body["context"], token)
        return web.json_response({"state": body["state"]}, status=201)

    async def _gitlab(self, request: web.Request) -> web.Response:
        body = await request.json()
        sha, token = request.match_info["sha"], request.headers.get("PRIVATE-TOKEN", "")
        known = [s for s in self.statuses(request.match_info["project"], sha) if s.context == body["name"]]
        if known and (known[-1].state == body["state"] or (known[-1].state, body["state"]) == ("running", "pending")):
            message = f"Cannot transition status via :enqueue from :{known[-1].state}"
            return web.json_response({"message": message}, status=400)
        self._put((request.match_info["project"], sha), body, body["name"], token)
        return web.json_response({"status": body["state"]}, status=201)

    async def _github_commits(self, request: web.Request) -> web.Response:
        repository = f"{request.match_info['owner']}/{request.match_info['name']}"
        return web.json_response([{"sha": sha} for sha in self.commits[repository.lower()]])

    async def _github_statuses(self, request: web.Request) -> web.Response:
        repository = f"{request.match_info['owner']}/{request.match_info['name']}"
        found = self.statuses(repository, request.match_info["sha"])[::-1]
        size, page = min(int(request.query.get("per_page", 30)), 100), int(request.query.get("page", 1))
        return web.json_response([s.shown(context="context", state="state") for s in found[(page - 1) * size : page * size]])

    async def _gitlab_commits(self, request: web.Request) -> web.Response:
        return web.json_response([{"id": sha} for sha in self.commits[request.match_info["project"].lower()]])

    async def _gitlab_statuses(self, request: web.Request) -> web.Response:
        found = self.statuses(request.match_info["project"], request.match_info["sha"])
        newest = {s.context: s for s in found if s.context == request.query.get("name", s.context)}
        return web.json_response([s.shown(context="name", state="status") for s in newest.values()])

    def put(self, repository: str, commit: str, status: PostedStatus) -> None:
        """Keep a status."""
        self._statuses[repository.lower(), commit].append(status)

    def _put(self, about: tuple[str, str], body: dict[str, str], context: str, token: str) -> None:
        self.put(*about, PostedStatus(body["state"], context, body.get("description", ""), body.get("target_url", ""), token))

    @web.middleware
    async def _misbehave(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.raw_path}")
        if self.silent is not None:
            await self.silent.wait()
        if self.failures:
            status, headers = self.failures.pop(0)
            said: dict[str, Any] = {"message": self.message} | ({"errors": self.errors} if self.errors else {})
            return web.json_response(said, status=status, headers=headers)
        answer = await handler(request)
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if self.late is not None:
            await self.late.wait()
        if self.losing and request.method != "GET" and request.transport is not None:
            self.losing -= 1
            request.transport.abort()
        return answer
