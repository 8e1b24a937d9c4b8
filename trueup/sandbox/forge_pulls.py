"""Pull requests of a forge on loopback: GitHub's and GitLab's API of them, their comments, reactions, and who may write."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

PAGE = 100


@dataclass(eq=False)
class StoredComment:
    """A comment as the forge keeps it."""

    id: int
    body: str
    author: str
    reactions: list[str] = field(default_factory=list)
    edits: int = 0


@dataclass(eq=False)
class StoredPull:
    """A pull request as the forge keeps it."""

    number: int
    commit: str
    source: str
    """The branch that it comes from."""
    base: str = "main"
    fork: str | None = ""
    """The repository that its commits come from; empty: the same; None: it is gone."""
    state: str = "open"
    comments: list[StoredComment] = field(default_factory=list)


class ForgePulls:
    """Pull requests by repository, in lower case, and what accounts may do there."""

    def __init__(self) -> None:
        self.stored: dict[str, dict[int, StoredPull]] = defaultdict(dict)
        self.permissions: dict[str, str] = {}
        """By account, in GitHub's words: admin, write, read; who is not here has none."""
        self.may_edit_others = False
        """Whether the token may edit what others wrote."""
        self.may_comment = True
        """Whether the token may write comments."""
        self._numbers = iter(range(1001, 1_000_000))

    def open(self, repository: str, pull: StoredPull) -> StoredPull:
        """Have a pull request, or another version of it."""
        known = self.stored[repository.lower()].get(pull.number)
        pull.comments = known.comments if known else pull.comments
        self.stored[repository.lower()][pull.number] = pull
        return pull

    def say(self, repository: str, number: int, author: str, body: str) -> StoredComment:
        """Write a comment as a person does."""
        comment = StoredComment(next(self._numbers), body, author)
        self.stored[repository.lower()][number].comments.append(comment)
        return comment

    def comments(self, repository: str, number: int) -> list[StoredComment]:
        """Those beneath a pull request, oldest first."""
        return self.stored[repository.lower()][number].comments

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Answer as GitHub and GitLab do."""
        github, gitlab = "/repos/{owner}/{name}", "/projects/{project}"
        router.add_get(github + "/pulls", self._list)
        router.add_get(github + "/pulls/{number}", self._get)
        router.add_get(github + "/issues/{number}/comments", self._comments)
        router.add_post(github + "/issues/{number}/comments", self._write)
        router.add_patch(github + "/issues/comments/{id}", self._edit)
        router.add_post(github + "/issues/comments/{id}/reactions", self._react)
        router.add_get(github + "/collaborators/{person}/permission", self._permission)
        router.add_get(gitlab + "/merge_requests", self._list)
        router.add_get(gitlab + "/merge_requests/{number}", self._get)
        router.add_get(gitlab + "/merge_requests/{number}/notes", self._comments)
        router.add_post(gitlab + "/merge_requests/{number}/notes", self._write)
        router.add_put(gitlab + "/merge_requests/{number}/notes/{id}", self._edit)
        router.add_post(gitlab + "/merge_requests/{number}/notes/{id}/award_emoji", self._react)
        router.add_get("/users", self._users)
        router.add_get(gitlab + "/members/all/{id}", self._member)

    async def _list(self, request: web.Request) -> web.Response:
        wanted = "open" if request.query.get("state") in ("open", "opened") else ""
        found = [pull for pull in self.stored[_repository(request)].values() if wanted in ("", pull.state)]
        lines = [_shown(request, pull) for pull in sorted(found, key=lambda pull: -pull.number)]
        return web.json_response(_page(request, lines))

    async def _get(self, request: web.Request) -> web.Response:
        pull = self._pull(request)
        return web.json_response(_shown(request, pull)) if pull else _missing()

    async def _comments(self, request: web.Request) -> web.Response:
        pull = self._pull(request)
        if pull is None:
            return _missing()
        return web.json_response(_page(request, [_comment(comment) for comment in pull.comments]))

    async def _write(self, request: web.Request) -> web.Response:
        pull, body = self._pull(request), (await request.json())["body"]
        if pull is None:
            return _missing()
        if not self.may_comment:
            return web.json_response({"message": "Resource not accessible by personal access token"}, status=403)
        if len(body) > 65_536:
            return web.json_response({"message": "Body is too long (maximum is 65536 characters)"}, status=422)
        comment = StoredComment(next(self._numbers), body, "trueup[bot]")
        pull.comments.append(comment)
        return web.json_response(_comment(comment), status=201)

    async def _edit(self, request: web.Request) -> web.Response:
        comment = self._find(request)
        if comment is None:
            return _missing()
        if comment.author != "trueup[bot]" and not self.may_edit_others:
            return web.json_response({"message": "Must have admin rights to Repository."}, status=403)
        comment.body, comment.edits = (await request.json())["body"], comment.edits + 1
        return web.json_response(_comment(comment))

    async def _react(self, request: web.Request) -> web.Response:
        comment, body = self._find(request), await request.json()
        if comment is None:
            return _missing()
        comment.reactions.append(body.get("content") or body["name"])
        return web.json_response({}, status=201)

    async def _permission(self, request: web.Request) -> web.Response:
        permission = self.permissions.get(request.match_info["person"], "none")
        return web.json_response({"permission": permission, "user": {"login": request.match_info["person"]}})

    async def _users(self, request: web.Request) -> web.Response:
        names = [name for name in self.permissions if name == request.query["username"]]
        return web.json_response([{"id": list(self.permissions).index(name) + 1, "username": name} for name in names])

    async def _member(self, request: web.Request) -> web.Response:
        name = list(self.permissions)[int(request.match_info["id"]) - 1]
        level = {"admin": 50, "write": 30, "read": 20}.get(self.permissions[name])
        return web.json_response({"username": name, "access_level": level, "state": "active"}) if level else _missing()

    def _pull(self, request: web.Request) -> StoredPull | None:
        return self.stored[_repository(request)].get(int(request.match_info["number"]))

    def _find(self, request: web.Request) -> StoredComment | None:
        comments = (comment for pull in self.stored[_repository(request)].values() for comment in pull.comments)
        return next((comment for comment in comments if str(comment.id) == request.match_info["id"]), None)


def _repository(request: web.Request) -> str:
    match = request.match_info
    return (match["project"] if "project" in match else f"{match['owner']}/{match['name']}").lower()


def _page(request: web.Request, lines: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    page, size = int(request.query.get("page", "1")), int(request.query.get("per_page", "30"))
    return lines[(page - 1) * size : page * size]


def _shown(request: web.Request, pull: StoredPull) -> Mapping[str, Any]:
    ours = _repository(request)
    if "project" in request.match_info:
        source = {"": 1, None: None}.get(pull.fork, 2)
        return {
            "iid": pull.number, "sha": pull.commit, "source_branch": pull.source, "target_branch": pull.base,
            "source_project_id": source, "target_project_id": 1, "state": {"open": "opened"}.get(pull.state, pull.state),
        }  # fmt: skip
    head = None if pull.fork is None else {"full_name": pull.fork or ours}
    return {
        "number": pull.number,
        "state": pull.state,
        "head": {"sha": pull.commit, "ref": pull.source, "repo": head},
        "base": {"ref": pull.base, "repo": {"full_name": ours}},
    }


def _comment(comment: StoredComment) -> Mapping[str, Any]:
    return {"id": comment.id, "body": comment.body, "user": {"login": comment.author}}


def _missing() -> web.Response:
    return web.json_response({"message": "Not Found"}, status=404)
