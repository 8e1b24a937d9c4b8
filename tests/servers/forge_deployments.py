"""Deployments on a forge on loopback: GitHub's and GitLab's API of them."""

from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from trueup.sandbox.forge import ForgeServer

GITHUB = frozenset({"error", "failure", "inactive", "in_progress", "queued", "pending", "success"})
GITLAB = frozenset({"created", "running", "success", "failed", "canceled"})


@dataclass(eq=False)
class Deployment:
    """A deployment as the forge keeps it."""

    id: int
    commit: str
    environment: str
    states: list[str] = field(default_factory=list)
    """Oldest first; one a write."""
    body: dict[str, Any] = field(default_factory=dict)
    """Of the write that made it."""
    last: dict[str, Any] = field(default_factory=dict)
    """Of the last write."""


class ForgeDeployments:
    """Add `add_routes` to a `ForgeServer`."""

    def __init__(self) -> None:
        self.all: list[Deployment] = []

    def add_routes(self, _: ForgeServer, router: web.UrlDispatcher) -> None:
        """Answer as GitHub and GitLab do."""
        github, gitlab = "/repos/{owner}/{name}/deployments", "/projects/{project}/deployments"
        router.add_post(github, self._github_create)
        router.add_post(github + "/{id}/statuses", self._github_status)
        router.add_get(github + "/{id}/statuses", self._github_statuses)
        router.add_get(github, self._github_list)
        router.add_post(gitlab, self._gitlab_create)
        router.add_put(gitlab + "/{id}", self._gitlab_update)
        router.add_get(gitlab, self._gitlab_list)

    def _of(self, request: web.Request) -> Deployment | None:
        return next((found for found in self.all if str(found.id) == request.match_info["id"]), None)

    def _made(self, commit: str, environment: str, state: str, body: dict[str, Any]) -> Deployment:
        made = Deployment(len(self.all) + 1, commit, environment, [state], body, body)
        self.all.append(made)
        return made

    async def _github_create(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body["auto_merge"] or body["required_contexts"] != []:
            return web.json_response({"message": "Conflict: Commit status checks failed"}, status=409)
        made = self._made(body["ref"], body["environment"], "pending", body)
        return web.json_response({"id": made.id, "sha": made.commit}, status=201)

    async def _github_status(self, request: web.Request) -> web.Response:
        body, found = await request.json(), self._of(request)
        if found is None:
            return web.json_response({"message": "Not Found"}, status=404)
        if body["state"] not in GITHUB or len(body.get("description", "")) > 140:
            return web.json_response({"message": "Validation Failed"}, status=422)
        found.states.append(body["state"])
        found.last = body
        return web.json_response({"id": 1, "state": body["state"]}, status=201)

    async def _github_statuses(self, request: web.Request) -> web.Response:
        found = self._of(request)
        if found is None:
            return web.json_response({"message": "Not Found"}, status=404)
        return web.json_response([found.last] if len(found.states) > 1 else [])

    async def _github_list(self, request: web.Request) -> web.Response:
        query = request.query
        found = [d for d in self.all[::-1] if d.commit == query["sha"] and d.environment == query["environment"]]
        return web.json_response([{"id": d.id, "sha": d.commit} for d in found[: int(query["per_page"])]])

    async def _gitlab_create(self, request: web.Request) -> web.Response:
        body = await request.json()
        if not body.get("ref") or body["status"] not in GITLAB or not isinstance(body["tag"], bool):
            return web.json_response({"error": "ref is missing"}, status=400)
        made = self._made(body["sha"], body["environment"], body["status"], body)
        return web.json_response({"id": made.id, "sha": made.commit, "status": body["status"]}, status=201)

    async def _gitlab_update(self, request: web.Request) -> web.Response:
        body, found = await request.json(), self._of(request)
        if found is None:
            return web.json_response({"message": "404 Not found"}, status=404)
        if body["status"] == found.states[-1]:
            message = {"status": [f'cannot transition via "{body["status"]}"']}
            return web.json_response({"message": message}, status=400)
        found.states.append(body["status"])
        found.last = body
        return web.json_response({"id": found.id, "status": body["status"]})

    async def _gitlab_list(self, request: web.Request) -> web.Response:
        query = request.query
        assert (query["order_by"], query["sort"]) == ("id", "desc")
        found = [d for d in self.all[::-1] if d.environment == query["environment"]]
        return web.json_response([{"id": d.id, "sha": d.commit} for d in found[: int(query["per_page"])]])
