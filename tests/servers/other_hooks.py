"""The APIs of webhooks of Gitea and Forgejo, Bitbucket Cloud and Data Center, as they are documented, beside GitHub's and GitLab's.

Each refuses what the real one refuses, keeps secrets to itself, and sends a test as the real one does, to where the hook points.
"""

import hashlib
import hmac
import json
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import aiohttp
from aiohttp import web

from trueup.sandbox.forge import ForgeServer
from trueup.sandbox.forge_hooks import StoredHook

Handler = Callable[[web.Request], Awaitable[web.Response]]

NOBODY = "http://nobody.invalid"
PUSH = {"ref": "refs/heads/main", "before": "0" * 40, "after": "e" * 40, "repository": {"clone_url": NOBODY}}
GITEA_PARTS = ["pull_request", "pull_request_assign", "pull_request_sync", "pull_request_comment"]


def add_routes(server: ForgeServer, router: web.UrlDispatcher) -> None:
    """Answer beneath the addresses that each forge has."""
    _Gitea(server).add_routes(router)
    _Bitbucket(server).add_routes(router)
    _DataCenter(server).add_routes(router)


@dataclass
class _Api(ABC):
    server: ForgeServer
    numbers: Any = field(default_factory=lambda: count(1))

    def add(self, router: web.UrlDispatcher, path: str, change: str) -> None:
        """The five calls that all have, by the method that changes."""
        router.add_get(path, self.guarded(self.list))
        router.add_post(path, self.guarded(self.create))
        router.add_route(change, path + "/{id:[^/]+}", self.guarded(self.update))
        router.add_delete(path + "/{id:[^/]+}", self.guarded(self.delete))

    def guarded(self, handler: Handler) -> Handler:
        async def answer(request: web.Request) -> web.Response:
            if not request.headers.get("Authorization"):
                return web.json_response({"message": "token is required"}, status=401)
            if not self.server.hooks.may_write:
                return web.json_response({"message": "no rights"}, status=403)
            if "id" in request.match_info and self.found(request) is None:
                return web.json_response({"message": "Not Found"}, status=404)
            return await handler(request)

        return answer

    def of(self, request: web.Request) -> list[StoredHook]:
        parts = request.match_info
        return self.server.hooks.stored["/".join(filter(None, (parts["owner"], parts.get("name"))))]

    def found(self, request: web.Request) -> StoredHook | None:
        wanted = request.match_info["id"].strip("{}")
        return next((hook for hook in self.of(request) if str(hook.id) == wanted), None)

    def hook(self, request: web.Request) -> StoredHook:
        found = self.found(request)
        assert found is not None
        return found

    @abstractmethod
    async def list(self, request: web.Request) -> web.Response:
        """All hooks of a repository, as this forge pages them."""

    @abstractmethod
    def write(self, hook: StoredHook, body: dict[str, Any]) -> None:
        """Take a body into a hook, or refuse it, as this forge does."""

    async def create(self, request: web.Request) -> web.Response:
        hook = StoredHook(next(self.numbers), {})
        self.write(hook, await request.json())
        self.of(request).append(hook)
        return web.json_response(hook.settings, status=201)

    async def update(self, request: web.Request) -> web.Response:
        hook = self.hook(request)
        self.write(hook, await request.json())
        return web.json_response(hook.settings)

    async def delete(self, request: web.Request) -> web.Response:
        self.of(request).remove(self.hook(request))
        return web.Response(status=204)

    async def send(self, url: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        """Status and words of an answer."""
        if self.server.hooks.is_down:
            return 0, "Connect timed out"
        try:
            async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as response:
                return response.status, str(response.status)
        except aiohttp.ClientError:
            return 0, "Connection refused"


class _Gitea(_Api):
    def add_routes(self, router: web.UrlDispatcher) -> None:
        self.add(router, "/api/v1/repos/{owner}/{name}/hooks", "PATCH")
        self.add(router, "/api/v1/orgs/{owner}/hooks", "PATCH")
        router.add_post("/api/v1/repos/{owner}/{name}/hooks/{id}/tests", self.guarded(self.test))

    async def list(self, request: web.Request) -> web.Response:
        size, page = min(int(request.query["limit"]), 50), int(request.query["page"])
        return web.json_response([hook.settings for hook in self.of(request)[(page - 1) * size : page * size]])

    async def create(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body.get("type") not in {"gitea", "forgejo"} or not {"url", "content_type"} <= body["config"].keys():
            return web.json_response({"message": "Missing config option"}, status=422)
        return await super().create(request)

    def write(self, hook: StoredHook, body: dict[str, Any]) -> None:
        events, config = body["events"], dict(body["config"])
        shown = [*(event for event in events if event not in GITEA_PARTS), *(GITEA_PARTS if "pull_request" in events else [])]
        if secret := config.pop("secret", ""):
            hook.secrets = {"secret": secret}
        more = {"active": body.get("active", False), "branch_filter": body.get("branch_filter", "")}
        hook.settings |= {"id": hook.id, "type": body.get("type", "gitea"), "events": shown, "config": config} | more

    async def test(self, request: web.Request) -> web.Response:
        hook, body = self.hook(request), json.dumps(PUSH).encode()
        signature = hmac.new(hook.secrets["secret"].encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-Gitea-Event": "push", "X-Gitea-Delivery": secrets.token_hex(8), "X-Gitea-Signature": signature}
        code, _ = await self.send(hook.settings["config"]["url"], headers | {"Content-Type": "application/json"}, body)
        hook.log.insert(0, {"response_status": code})
        return web.Response(status=204)


class _Bitbucket(_Api):
    def add_routes(self, router: web.UrlDispatcher) -> None:
        self.add(router, "/2.0/repositories/{owner}/{name}/hooks", "PUT")
        self.add(router, "/2.0/workspaces/{owner}/hooks", "PUT")

    async def list(self, request: web.Request) -> web.Response:
        size, page, hooks = int(request.query["pagelen"]), int(request.query.get("page", 1)), self.of(request)
        answer: dict[str, Any] = {"values": [hook.settings for hook in hooks[(page - 1) * size : page * size]], "page": page}
        if len(hooks) > page * size:
            answer["next"] = str(request.url.update_query(page=page + 1))
        return web.json_response(answer)

    def write(self, hook: StoredHook, body: dict[str, Any]) -> None:
        if secret := body.pop("secret", ""):
            hook.secrets = {"secret": secret}
        hook.settings |= body | {"uuid": f"{{{hook.id}}}", "secret_set": bool(hook.secrets)}


class _DataCenter(_Api):
    """A log holds, newest first, what deliveries came to."""

    def add_routes(self, router: web.UrlDispatcher) -> None:
        for path in ("/projects/{owner}/repos/{name}/webhooks", "/projects/{owner}/webhooks"):
            router.add_post("/rest/api/latest" + path + "/test", self.guarded(self.test))
            self.add(router, "/rest/api/latest" + path, "PUT")
            router.add_get("/rest/api/latest" + path + "/{id}", self.guarded(self.get))
            router.add_get("/rest/api/latest" + path + "/{id}/latest", self.guarded(self.latest))

    async def list(self, request: web.Request) -> web.Response:
        start, limit, hooks = int(request.query["start"]), int(request.query["limit"]), self.of(request)
        answer = {"values": [hook.settings for hook in hooks[start : start + limit]], "isLastPage": len(hooks) <= start + limit}
        return web.json_response(answer | {"start": start, "nextPageStart": start + limit})

    async def get(self, request: web.Request) -> web.Response:
        return web.json_response(self.hook(request).settings)

    def write(self, hook: StoredHook, body: dict[str, Any]) -> None:
        hook.secrets = {"secret": body.pop("configuration")["secret"]}
        hook.settings |= body | {"id": hook.id, "updatedDate": int(time.time() * 1000)}

    async def latest(self, request: web.Request) -> web.Response:
        log = self.hook(request).log
        return web.json_response(log[0]) if log else web.Response(status=204)

    async def test(self, request: web.Request) -> web.Response:
        """Unsigned, as it is."""
        code, said = await self.send(request.query["url"], {"X-Event-Key": "diagnostics:ping"}, b'{"test": true}')
        outcome = "ERROR" if not code else "SUCCESS" if code < 300 else "FAILURE"
        return web.json_response({"request": {"url": request.query["url"]}, "result": {"description": said, "outcome": outcome}})
