"""The APIs of commit statuses of Gitea and Forgejo, Bitbucket Cloud and Data Center, and Azure DevOps, as they are documented.

Each refuses what the real one refuses: no login, a key or text that is too long, a build without a link.
"""

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from trueup.sandbox.forge import ForgeServer, PostedStatus

GITEA_LINES = 50
STATES = frozenset({"INPROGRESS", "SUCCESSFUL", "FAILED"})

Handler = Callable[[web.Request, str], Awaitable[web.Response]]


def add_routes(server: ForgeServer, router: web.UrlDispatcher) -> None:
    """Answer beneath the addresses that each forge has."""
    _Gitea(server).add_routes(router)
    _Bitbucket(server).add_routes(router)
    _DataCenter(server).add_routes(router)
    _Azure(server).add_routes(router)


def _token(request: web.Request, scheme: str) -> str:
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    return given if kind.lower() == scheme and given.strip() else ""


def _basic(request: web.Request) -> tuple[str, str]:
    name, _, password = base64.b64decode(_token(request, "basic")).decode().partition(":")
    return name, password


def _json(value: Any, status: int = 200) -> web.Response:
    return web.json_response(value, status=status)


@dataclass
class _Api:
    server: ForgeServer
    bodies: dict[tuple[str, str, str], Any] = field(default_factory=dict)
    """By repository, commit and context, as they were given last."""

    def repository(self, request: web.Request) -> str:
        return f"{request.match_info['owner']}/{request.match_info['name']}"

    def newest(self, request: web.Request) -> dict[str, PostedStatus]:
        """By context."""
        return {s.context: s for s in self.server.statuses(self.repository(request), request.match_info["sha"])}

    def keep(self, request: web.Request, status: PostedStatus, body: Any = None) -> None:
        self.bodies[self.repository(request), request.match_info["sha"], status.context] = body
        self.server.put(self.repository(request), request.match_info["sha"], status)

    def kept(self, request: web.Request, context: str) -> Any:
        return self.bodies.get((self.repository(request), request.match_info["sha"], context))

    def commits(self, request: web.Request) -> list[str]:
        return self.server.commits[self.repository(request).lower()]


class _Gitea(_Api):
    def add_routes(self, router: web.UrlDispatcher) -> None:
        base = "/api/v1/repos/{owner}/{name}"
        router.add_post(base + "/statuses/{sha}", self._post)
        router.add_get(base + "/commits", self._commits)
        router.add_get(base + "/commits/{sha}/statuses", self._list)

    async def _post(self, request: web.Request) -> web.Response:
        body, token = await request.json(), _token(request, "token")
        if not token:
            return _json({"message": "token is required"}, 401)
        if body["state"] not in ("pending", "success", "error", "failure", "warning"):
            return _json({"message": "invalid state"}, 422)
        self.keep(request, PostedStatus(body["state"], body["context"], body["description"], body["target_url"], token))
        return _json({"status": body["state"], "context": body["context"]}, 201)

    async def _commits(self, request: web.Request) -> web.Response:
        return _json([{"sha": sha} for sha in self.commits(request)[: int(request.query["limit"])]])

    async def _list(self, request: web.Request) -> web.Response:
        assert request.query["sort"] == "recentupdate"
        size, page = min(int(request.query["limit"]), GITEA_LINES), int(request.query["page"])
        found = self.server.statuses(self.repository(request), request.match_info["sha"])[::-1]
        return _json([s.shown(context="context", state="status") for s in found[(page - 1) * size : page * size]])


class _Bitbucket(_Api):
    def add_routes(self, router: web.UrlDispatcher) -> None:
        base = "/2.0/repositories/{owner}/{name}"
        router.add_post(base + "/commit/{sha}/statuses/build", self._post)
        router.add_get(base + "/commit/{sha}/statuses/build/{key}", self._get)
        router.add_get(base + "/commits", self._commits)

    async def _post(self, request: web.Request) -> web.Response:
        body, token = await request.json(), _token(request, "bearer")
        if _token(request, "basic"):
            token = ":".join(_basic(request))
        if not token:
            return _json({"type": "error", "error": {"message": "Token is invalid, expired, or not supported"}}, 401)
        wrong = [name for name in ("key", "state", "url") if not body.get(name)]
        if len(body["key"]) > 40:
            wrong.append("key: Ensure this value has at most 40 characters")
        if body["state"] not in STATES | {"STOPPED"}:
            wrong.append("state")
        if wrong:
            return _json({"type": "error", "error": {"message": "Bad request", "fields": wrong}}, 400)
        self.keep(request, PostedStatus(body["state"], body["key"], body["description"], body["url"], token), body)
        return _json(body, 201)

    async def _get(self, request: web.Request) -> web.Response:
        found = self.kept(request, request.match_info["key"])
        return _json(found) if found else _json({"type": "error"}, 404)

    async def _commits(self, request: web.Request) -> web.Response:
        return _json({"values": [{"hash": sha} for sha in self.commits(request)[: int(request.query["pagelen"])]]})


class _DataCenter(_Api):
    def add_routes(self, router: web.UrlDispatcher) -> None:
        base = "/rest/api/latest/projects/{owner}/repos/{name}"
        router.add_post(base + "/commits/{sha}/builds", self._post)
        router.add_get(base + "/commits/{sha}/builds", self._get)
        router.add_get(base + "/commits", self._commits)

    async def _post(self, request: web.Request) -> web.Response:
        body, token = await request.json(), _token(request, "bearer")
        if not token:
            return _json({"errors": [{"message": "You are not permitted to access this resource"}]}, 401)
        limits = {"key": 255, "name": 255, "description": 255, "url": 450}
        long = [name for name, limit in limits.items() if len(body.get(name, "")) > limit]
        if long or not body["url"] or body["state"] not in STATES | {"CANCELLED", "UNKNOWN"}:
            return _json({"errors": [{"context": name} for name in long]}, 400)
        self.keep(request, PostedStatus(body["state"], body["key"], body["description"], body["url"], token), body)
        return web.Response(status=204)

    async def _get(self, request: web.Request) -> web.Response:
        found = self.kept(request, request.query["key"])
        return _json(found) if found else _json({"errors": []}, 404)

    async def _commits(self, request: web.Request) -> web.Response:
        found = self.commits(request)[: int(request.query["limit"])]
        return _json({"values": [{"id": sha} for sha in found], "isLastPage": True})


def azure_guarded(handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Answer who is logged in and says the API's version; others as Azure DevOps does."""

    async def answer(request: web.Request) -> web.Response:
        name, token = _basic(request)
        if name or not token or token == "lapsed":
            return web.Response(text="<html>Sign in</html>", content_type="text/html", status=203)
        if request.query.get("api-version") != "7.1":
            return _json({"message": "No api-version was supplied"}, 400)
        return await handler(request, token)

    return answer


class _Azure(_Api):
    def add_routes(self, router: web.UrlDispatcher) -> None:
        base = "/{organisation}/{owner}/_apis/git/repositories/{name}"
        router.add_post(base + "/commits/{sha}/statuses", azure_guarded(self._post))
        router.add_get(base + "/commits/{sha}/statuses", azure_guarded(self._list))
        router.add_get(base + "/commits", azure_guarded(self._commits))

    async def _post(self, request: web.Request, token: str) -> web.Response:
        body = await request.json()
        if body["state"] not in ("pending", "succeeded", "failed", "error") or not body["context"]["name"]:
            return _json({"message": "TF401: a status needs a state and context.name"}, 400)
        context, link = body["context"]["name"], body.get("targetUrl", "")
        self.keep(request, PostedStatus(body["state"], context, body["description"], link, token))
        return _json(body, 201)

    async def _list(self, request: web.Request, _: str) -> web.Response:
        assert request.query["latestOnly"] == "true"
        newest = self.newest(request).values()
        found = [
            s.shown(context="", state="state", link="targetUrl") | {"context": {"name": s.context, "genre": None}} for s in newest
        ]
        return _json({"count": len(found), "value": found})

    async def _commits(self, request: web.Request, _: str) -> web.Response:
        found = self.commits(request)[: int(request.query["searchCriteria.$top"])]
        return _json({"count": len(found), "value": [{"commitId": sha} for sha in found]})
