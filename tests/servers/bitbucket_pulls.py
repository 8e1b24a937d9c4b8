"""The APIs of pull requests, comments and permissions of Bitbucket Cloud and Data Center, as they are documented.

Left out: groups. What they come to for somebody is what the real ones tell of him.
"""

import abc
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

from aiohttp import web

from trueup.sandbox.forge import ForgeServer
from trueup.sandbox.forge_pulls import ForgePulls, StoredComment, StoredPull, _repository

Handler = Callable[[web.Request], Awaitable[web.Response]]

OURS = "trueup"
LONGEST = 32_767
CLOUD_PAGE, CLOUD_PULLS_PAGE = 100, 50
SHORT = 12
"""Digits of a hash that pull requests of Cloud tell."""
ACTIVE = True
"""Whether accounts of Data Center are."""


def uuid_of(name: str) -> str:
    """By what Bitbucket Cloud knows somebody."""
    return f"{{{name.encode().hex()}}}"


class BitbucketPulls:
    """Answers beneath the addresses of both."""

    def __init__(self) -> None:
        self.edited_meanwhile = 0
        """How often somebody else is quicker than who edits a comment of Data Center."""
        self.has_reactions = True
        """Whether Data Center is one of 8.0 or newer."""
        self.may_look_up = True
        """Whether the token is of an administrator, who is told what others may do."""
        self.pulls = ForgePulls()

    def add_routes(self, server: ForgeServer, router: web.UrlDispatcher) -> None:
        """Answer from what a forge has."""
        self.pulls = server.pulls
        for place in (_Cloud(self), _DataCenter(self)):
            place.add_routes(router)


class _Place(abc.ABC):
    def __init__(self, known: BitbucketPulls) -> None:
        self.known = known

    @property
    def pulls(self) -> ForgePulls:
        return self.known.pulls

    @abc.abstractmethod
    def refused(self, status: int, words: str) -> web.Response: ...

    def guarded(self, handler: Handler) -> Handler:
        """Answer who has a token, of pull requests and comments that there are."""

        async def answer(request: web.Request) -> web.Response:
            if not request.headers.get("Authorization"):
                return self.refused(401, "no token")
            if "number" in request.match_info and self.pulls._pull(request) is None:
                return self.refused(404, "no such pull request")
            if "id" in request.match_info and self.pulls._find(request) is None:
                return self.refused(404, "no such comment")
            return await handler(request)

        return answer

    def pull(self, request: web.Request) -> StoredPull:
        found = self.pulls._pull(request)
        assert found is not None
        return found

    def comment(self, request: web.Request) -> StoredComment:
        found = self.pulls._find(request)
        assert found is not None
        return found

    def open_pulls(self, request: web.Request) -> list[StoredPull]:
        found = sorted(self.pulls.stored[_repository(request)].values(), key=lambda pull: -pull.number)
        return [pull for pull in found if pull.state == "open"]

    def said(self, request: web.Request, text: str) -> StoredComment:
        comment = StoredComment(next(self.pulls._numbers), text, OURS)
        self.pull(request).comments.append(comment)
        return comment

    def people(self, *permissions: str) -> Iterator[tuple[str, str]]:
        return ((name, has) for name, has in self.pulls.permissions.items() if has in permissions)


class _Cloud(_Place):
    def add_routes(self, router: web.UrlDispatcher) -> None:
        base = "/2.0/repositories/{owner}/{name}"
        comment = base + "/pullrequests/{number}/comments"
        router.add_get(base + "/pullrequests", self.guarded(self._list))
        router.add_get(base + "/pullrequests/{number}", self.guarded(self._get))
        router.add_get(base + "/commit/{sha}", self.guarded(self._commit))
        router.add_get(comment, self.guarded(self._comments))
        router.add_post(comment, self.guarded(self._write))
        router.add_put(comment + "/{id}", self.guarded(self._edit))
        router.add_get("/2.0/workspaces/{owner}/permissions/repositories/{name}", self.guarded(self._permissions))

    def refused(self, status: int, words: str) -> web.Response:
        return web.json_response({"type": "error", "error": {"message": words}}, status=status)

    async def _list(self, request: web.Request) -> web.Response:
        assert (request.query["state"], request.query["sort"]) == ("OPEN", "-created_on")
        if int(request.query["pagelen"]) > CLOUD_PULLS_PAGE:
            return self.refused(400, "Invalid pagelen")
        return self._page(request, [_shown_in_cloud(request, pull) for pull in self.open_pulls(request)])

    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response(_shown_in_cloud(request, self.pull(request)))

    async def _commit(self, request: web.Request) -> web.Response:
        """Of the commits of this repository, by any beginning of their hashes."""
        here = [pull.commit for pull in self.pulls.stored[_repository(request)].values() if pull.fork == ""]
        found = next((sha for sha in here if sha.startswith(request.match_info["sha"])), "")
        return web.json_response({"type": "commit", "hash": found}) if found else self.refused(404, "Commit not found")

    async def _comments(self, request: web.Request) -> web.Response:
        return self._page(request, [_told_in_cloud(comment) for comment in self.pull(request).comments])

    async def _write(self, request: web.Request) -> web.Response:
        text = (await request.json())["content"]["raw"]
        if not self.pulls.may_comment:
            return self.refused(403, "Your credentials lack one or more required privilege scopes.")
        if len(text) > LONGEST:
            return self.refused(400, "Bad Request")
        return web.json_response(_told_in_cloud(self.said(request, text)), status=201)

    async def _edit(self, request: web.Request) -> web.Response:
        comment = self.comment(request)
        if comment.author != OURS:
            return self.refused(403, "You don't have permission to edit this comment.")
        if comment.body:
            comment.body, comment.edits = (await request.json())["content"]["raw"], comment.edits + 1
        return web.json_response(_told_in_cloud(comment))

    async def _permissions(self, request: web.Request) -> web.Response:
        if not self.known.may_look_up:
            return self.refused(403, "You must have admin access to this repository.")
        wanted = ("admin", "write") if request.query.get("q") == 'permission>"read"' else ("admin", "write", "read")
        lines = [
            {"type": "repository_permission", "permission": has, "user": {"uuid": uuid_of(name), "nickname": name}}
            for name, has in self.people(*wanted)
        ]
        return self._page(request, lines)

    def _page(self, request: web.Request, lines: Sequence[Any]) -> web.Response:
        """A page, and a link to the next one that nobody can guess."""
        size, start = min(int(request.query["pagelen"]), CLOUD_PAGE), int(request.query.get("after", "0"), 16)
        answer: dict[str, Any] = {"pagelen": size, "values": lines[start : start + size]}
        if len(lines) > start + size:
            answer["next"] = str(request.url.with_host("elsewhere.invalid").update_query(after=f"{start + size:x}"))
        return web.json_response(answer)


class _DataCenter(_Place):
    def add_routes(self, router: web.UrlDispatcher) -> None:
        pull = "/projects/{owner}/repos/{name}/pull-requests"
        base = "/rest/api/latest" + pull
        comment = base + "/{number}/comments"
        router.add_get(base, self.guarded(self._list))
        router.add_get(base + "/{number}", self.guarded(self._get))
        router.add_get(base + "/{number}/activities", self.guarded(self._activities))
        router.add_post(comment, self.guarded(self._write))
        router.add_get(comment + "/{id}", self.guarded(self._comment))
        router.add_put(comment + "/{id}", self.guarded(self._edit))
        reactions = "/rest/comment-likes/latest" + pull + "/{number}/comments/{id}/reactions/{emoticon}"
        router.add_put(reactions, self.guarded(self._react))
        router.add_get("/rest/api/latest/users", self.guarded(self._users))

    def refused(self, status: int, words: str) -> web.Response:
        return web.json_response({"errors": [{"context": None, "message": words, "exceptionName": None}]}, status=status)

    async def _list(self, request: web.Request) -> web.Response:
        assert (request.query["state"], request.query["order"]) == ("OPEN", "NEWEST")
        return self._page(request, [_shown_in_center(pull) for pull in self.open_pulls(request)])

    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response(_shown_in_center(self.pull(request)))

    async def _activities(self, request: web.Request) -> web.Response:
        """All that happened, newest first."""
        said = [
            {"id": comment.id, "action": "COMMENTED", "commentAction": "ADDED", "comment": _told_in_center(comment)}
            for comment in self.pull(request).comments[::-1]
        ]
        return self._page(request, [{"id": 2, "action": "RESCOPED"}, *said, {"id": 1, "action": "OPENED"}])

    async def _write(self, request: web.Request) -> web.Response:
        text = (await request.json())["text"]
        if not self.pulls.may_comment:
            return self.refused(401, "You are not permitted to access this resource")
        if not text or len(text) > LONGEST:
            return self.refused(400, "Please enter a non-empty value less than 32768 characters")
        return web.json_response(_told_in_center(self.said(request, text)), status=201)

    async def _comment(self, request: web.Request) -> web.Response:
        return web.json_response(_told_in_center(self.comment(request)))

    async def _edit(self, request: web.Request) -> web.Response:
        comment, body = self.comment(request), await request.json()
        if comment.author != OURS:
            return self.refused(401, "You are not permitted to access this resource")
        if self.known.edited_meanwhile > 0:
            self.known.edited_meanwhile -= 1
            comment.edits += 1
        if body.get("version") != comment.edits:
            return self.refused(409, "You are attempting to modify a comment based on out-of-date information.")
        comment.body, comment.edits = body["text"], comment.edits + 1
        return web.json_response(_told_in_center(comment))

    async def _react(self, request: web.Request) -> web.Response:
        name, comment = request.match_info["emoticon"], self.comment(request)
        if not self.known.has_reactions:
            return self.refused(404, "null for uri")
        if name not in ("thumbsup", "thumbsdown", "heart", "smile", "laughing"):
            return self.refused(400, "no such emoticon")
        comment.reactions.append(name)
        return web.json_response({"emoticon": {"shortcut": name}, "comment": {"id": comment.id}})

    async def _users(self, request: web.Request) -> web.Response:
        """Whose names begin like the filter, and who have the permission; `active` says whether they may log in."""
        asked = request.query
        assert {"permission.projectKey", "permission.repositorySlug"} <= asked.keys()
        wanted = {"REPO_WRITE": ("admin", "write"), "REPO_ADMIN": ("admin",)}[asked["permission"]]
        names = [name for name, _ in self.people(*wanted) if name.lower().startswith(asked["filter"].lower())]
        return self._page(request, [{"name": name, "displayName": name, "active": ACTIVE, "type": "NORMAL"} for name in names])

    def _page(self, request: web.Request, lines: Sequence[Any]) -> web.Response:
        start, limit = int(request.query["start"]), int(request.query["limit"])
        is_last = len(lines) <= start + limit
        answer = {"values": lines[start : start + limit], "start": start, "limit": limit, "isLastPage": is_last}
        return web.json_response(answer | {"nextPageStart": None if is_last else start + limit})


def _shown_in_cloud(request: web.Request, pull: StoredPull) -> dict[str, Any]:
    ours = _repository(request)
    source = None if pull.fork is None else {"full_name": pull.fork or ours}
    return {
        "type": "pullrequest", "id": pull.number, "state": {"open": "OPEN"}.get(pull.state, "DECLINED"),
        "source": {"branch": {"name": pull.source}, "commit": {"hash": pull.commit[:SHORT]}, "repository": source},
        "destination": {"branch": {"name": pull.base}, "commit": {"hash": "b" * SHORT}, "repository": {"full_name": ours}},
    }  # fmt: skip


def _told_in_cloud(comment: StoredComment) -> dict[str, Any]:
    """What was deleted keeps its place, and has no words."""
    return {"id": comment.id, "content": {"raw": comment.body, "markup": "markdown"}, "deleted": not comment.body}


def _shown_in_center(pull: StoredPull) -> dict[str, Any]:
    source = None if pull.fork is None else {"id": 99 if pull.fork else 84}
    return {
        "id": pull.number, "version": 3, "state": {"open": "OPEN"}.get(pull.state, "DECLINED"),
        "fromRef": {"id": f"refs/heads/{pull.source}", "latestCommit": pull.commit, "repository": source},
        "toRef": {"id": f"refs/heads/{pull.base}", "latestCommit": "b" * 40, "repository": {"id": 84}},
    }  # fmt: skip


def _told_in_center(comment: StoredComment) -> dict[str, Any]:
    return {"id": comment.id, "version": comment.edits, "text": comment.body, "author": {"name": comment.author}}
