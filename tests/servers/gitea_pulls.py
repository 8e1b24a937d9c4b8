"""The API of pull requests of Gitea and Forgejo, as it is documented: comments come all at once, pages hold fifty."""

from aiohttp import web

from trueup.sandbox.forge import ForgeServer
from trueup.sandbox.forge_pulls import ForgePulls, _comment, _missing, _repository, _shown

LINES = 50


def add_routes(server: ForgeServer, router: web.UrlDispatcher) -> None:
    """Answer beneath Gitea's addresses."""
    base, own, api = "/api/v1/repos/{owner}/{name}", server.pulls, _Gitea(server.pulls)
    router.add_get(base + "/pulls", api.list_pulls)
    router.add_get(base + "/pulls/{number}", own._get)
    router.add_get(base + "/issues/{number}/comments", api.comments)
    router.add_post(base + "/issues/{number}/comments", own._write)
    router.add_patch(base + "/issues/comments/{id}", own._edit)
    router.add_post(base + "/issues/comments/{id}/reactions", own._react)
    router.add_get(base + "/collaborators/{person}/permission", api.permission)


class _Gitea:
    def __init__(self, pulls: ForgePulls) -> None:
        self._pulls = pulls

    async def list_pulls(self, request: web.Request) -> web.Response:
        assert request.query["state"] == "open"
        size, page = min(int(request.query["limit"]), LINES), int(request.query["page"])
        found = sorted(self._pulls.stored[_repository(request)].values(), key=lambda pull: -pull.number)
        lines = [_shown(request, pull) for pull in found if pull.state == "open"]
        return web.json_response(lines[(page - 1) * size : page * size])

    async def comments(self, request: web.Request) -> web.Response:
        pull = self._pulls._pull(request)
        return web.json_response([_comment(comment) for comment in pull.comments]) if pull else _missing()

    async def permission(self, request: web.Request) -> web.Response:
        """Of somebody who is not there, 404; the owner of a repository is told as such."""
        name = request.match_info["person"]
        if name not in self._pulls.permissions:
            return _missing()
        permission = self._pulls.permissions[name]
        return web.json_response({"permission": permission, "role_name": permission, "user": {"login": name}})
