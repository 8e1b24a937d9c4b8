"""The API of pull requests, threads, people and permissions of Azure DevOps, as it is documented. Every comment here has its own thread.

Left out: groups. What they come to for somebody is what the real one tells of him.
"""

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.servers.other_forges import azure_guarded
from trueup.sandbox.forge import ForgeServer
from trueup.sandbox.forge_pulls import ForgePulls, StoredComment, StoredPull, _missing, _repository

GIT_REPOSITORIES = "2e9eb7ed-3c0a-47d4-87c1-0ffdd275fd87"
TOKEN = "repoV2/6ce954b1-ce1f-45d1-b94d-e6bf2464ba2c/278d5cd2-584d-4b63-824a-2ba458937249"
READ, CONTRIBUTE, MANAGE, COMMENT = 2, 4, 8192, 16384
BITS = {"admin": READ | CONTRIBUTE | MANAGE | COMMENT, "write": READ | CONTRIBUTE | COMMENT, "read": READ | COMMENT, "none": 0}


@dataclass
class Person:
    """An account of an organisation, or a group."""

    account: str
    shown: str = "Ada L."
    """Chosen by the person."""
    domain: str = "f3a1c2d4-0000-4000-8000-7d2b6c1e9a55"
    allow: int = BITS["write"]
    deny: int = 0
    is_active: bool = True
    is_group: bool = False

    @property
    def descriptor(self) -> str:
        kind = "TeamFoundation.Identity" if self.is_group else "IdentityModel.Claims.ClaimsIdentity"
        return f"Microsoft.{kind};{self.domain}\\{self.account}"

    @property
    def names(self) -> set[str]:
        return {name.casefold() for name in (self.account, f"{self.domain}\\{self.account}", self.shown)}

    @property
    def identity(self) -> dict[str, Any]:
        properties = {"SchemaClassName": "User", "Domain": self.domain, "Account": self.account}
        return {
            "id": "7b6d8f2a-55c3-4a21-9f0e-1d2c3b4a5968", "descriptor": self.descriptor, "providerDisplayName": self.shown,
            "isActive": self.is_active, "members": [], "memberOf": [], "memberIds": [], "resourceVersion": 2, "metaTypeId": 0,
            "properties": {name: {"$type": "System.String", "$value": value} for name, value in properties.items()},
            **({"isContainer": True} if self.is_group else {}),
        }  # fmt: skip

    @property
    def entry(self) -> dict[str, Any]:
        """What it is allowed: nothing of its own, all by its groups."""
        info = {"effectiveAllow": self.allow, "effectiveDeny": self.deny, "inheritedAllow": self.allow}
        return {
            "descriptor": self.descriptor,
            "allow": 0,
            "deny": 0,
            "extendedInfo": {n: bits for n, bits in info.items() if bits},
        }


class AzurePulls:
    """Answers beneath Azure DevOps' addresses."""

    def __init__(self) -> None:
        self.people: list[Person] = []
        """Beside those who have permissions at every forge."""
        self.statuses: list[dict[str, Any]] = []
        """Of pull requests, oldest first."""
        self.may_read = True
        """Whether the token may read code."""
        self._pulls = ForgePulls()

    def add_routes(self, server: ForgeServer, router: web.UrlDispatcher) -> None:
        """Answer from what a forge has."""
        self._pulls = server.pulls
        base, collection = "/{organisation}/{owner}/_apis/git/repositories/{name}", "/{organisation}/_apis"
        pull = base + "/pullrequests/{number}"
        comment = pull + "/threads/{thread}/comments/{id}"
        router.add_get(base, azure_guarded(self._described))
        router.add_get(base + "/pullrequests", azure_guarded(self._list))
        router.add_get(pull, azure_guarded(self._get))
        router.add_get(pull + "/iterations", azure_guarded(self._iterations))
        router.add_get(pull + "/statuses", azure_guarded(self._statuses))
        router.add_post(pull + "/statuses", azure_guarded(self._tell))
        router.add_get(pull + "/threads", azure_guarded(self._threads))
        router.add_post(pull + "/threads", azure_guarded(self._write))
        router.add_patch(comment, azure_guarded(self._edit))
        router.add_post(comment + "/likes", azure_guarded(self._like))
        router.add_get(collection + "/identities", azure_guarded(self._identities))
        router.add_get(collection + "/accesscontrollists/{namespace}", azure_guarded(self._permissions))

    async def _described(self, request: web.Request, _: str) -> web.Response:
        _, project, repository = TOKEN.split("/")
        return web.json_response({"id": repository, "name": request.match_info["name"], "project": {"id": project}})

    async def _list(self, request: web.Request, _: str) -> web.Response:
        assert request.query["searchCriteria.status"] == "active"
        if not self.may_read:
            return web.json_response(
                {"message": "TF401019: the repository does not exist or you have no permissions"}, status=404
            )
        size, start = int(request.query["$top"]), int(request.query["$skip"])
        found = sorted(self._pulls.stored[_repository(request)].values(), key=lambda pull: -pull.number)
        return _lines([_shown(pull) for pull in found if pull.state == "open"][start : start + size])

    async def _get(self, request: web.Request, _: str) -> web.Response:
        pull = self._pulls._pull(request)
        return web.json_response(_shown(pull)) if pull else _missing()

    async def _iterations(self, request: web.Request, _: str) -> web.Response:
        """Every push is one: here the head is the second."""
        pull = self._pulls._pull(request)
        heads = ["0" * 40, pull.commit] if pull else []
        return _lines([{"id": number, "sourceRefCommit": {"commitId": head}} for number, head in enumerate(heads, 1)])

    async def _statuses(self, request: web.Request, _: str) -> web.Response:
        return _lines([status for status in self.statuses if status["number"] == int(request.match_info["number"])])

    async def _tell(self, request: web.Request, _: str) -> web.Response:
        body = await request.json()
        if body["state"] not in {"notApplicable", "pending", "succeeded", "failed", "error"} or not body["context"]["name"]:
            return web.json_response({"message": "a status needs a state and context.name"}, status=400)
        status = body | {"id": len(self.statuses) + 1, "number": int(request.match_info["number"])}
        self.statuses.append(status)
        return web.json_response(status)

    async def _threads(self, request: web.Request, _: str) -> web.Response:
        pull = self._pulls._pull(request)
        return _lines([_thread(comment) for comment in pull.comments]) if pull else _missing()

    async def _write(self, request: web.Request, _: str) -> web.Response:
        body, pull = await request.json(), self._pulls._pull(request)
        if pull is None:
            return _missing()
        if not self._pulls.may_comment:
            return web.json_response({"message": "TF401027: You need the Git 'PullRequestContribute' permission"}, status=403)
        (written,) = body["comments"]
        if (written["parentCommentId"], written["commentType"], body["status"]) != (0, "text", "closed"):
            return web.json_response({"message": "not the thread of a new comment that holds up nobody"}, status=400)
        comment = StoredComment(next(self._pulls._numbers), written["content"], "trueup")
        pull.comments.append(comment)
        return web.json_response(_thread(comment))

    async def _edit(self, request: web.Request, _: str) -> web.Response:
        comment = self._comment(request)
        if comment is None:
            return _missing()
        if comment.author != "trueup":
            return web.json_response({"message": "Only the author of a comment can edit it"}, status=403)
        if comment.body:
            comment.body, comment.edits = (await request.json())["content"], comment.edits + 1
        return web.json_response(_told(comment))

    async def _like(self, request: web.Request, _: str) -> web.Response:
        comment = self._comment(request)
        if comment is None:
            return _missing()
        comment.reactions.append("like")
        return web.Response()

    async def _identities(self, request: web.Request, _: str) -> web.Response:
        """Whoever has such an account, or such a name to show."""
        assert request.query["searchFilter"] == "General"
        wanted = request.query["filterValue"].casefold()
        return _lines([person.identity for person in self._people if wanted in person.names])

    async def _permissions(self, request: web.Request, _: str) -> web.Response:
        assert request.query["includeExtendedInfo"] == "true"
        if (request.match_info["namespace"], request.query["token"]) != (GIT_REPOSITORIES, TOKEN):
            return _lines([])
        entries = {p.descriptor: p.entry for p in self._people if p.descriptor == request.query["descriptors"]}
        return _lines([{"inheritPermissions": True, "token": TOKEN, "acesDictionary": entries, "includeExtendedInfo": True}])

    @property
    def _people(self) -> list[Person]:
        known = [Person(name, allow=BITS[permission]) for name, permission in self._pulls.permissions.items()]
        return known + self.people

    def _comment(self, request: web.Request) -> StoredComment | None:
        pull = self._pulls._pull(request)
        found = pull.comments if pull and request.match_info["id"] == "1" else []
        return next((comment for comment in found if str(comment.id) == request.match_info["thread"]), None)


def _lines(lines: list[dict[str, Any]]) -> web.Response:
    return web.json_response({"count": len(lines), "value": lines})


def _shown(pull: StoredPull) -> dict[str, Any]:
    fork = {} if pull.fork == "" else {"forkSource": {"name": f"refs/heads/{pull.source}", "repository": {"name": pull.fork}}}
    return {
        "pullRequestId": pull.number, "status": {"open": "active", "closed": "abandoned"}[pull.state],
        "sourceRefName": f"refs/heads/{pull.source}", "targetRefName": f"refs/heads/{pull.base}", "mergeStatus": "succeeded",
        "lastMergeSourceCommit": {"commitId": pull.commit}, **fork,
    }  # fmt: skip


def _thread(comment: StoredComment) -> dict[str, Any]:
    return {"id": comment.id, "comments": [_told(comment)], "status": "closed", "isDeleted": not comment.body}


def _told(comment: StoredComment) -> dict[str, Any]:
    """What was deleted keeps its place, and has no words."""
    words = {"content": comment.body} if comment.body else {"isDeleted": True}
    return {"id": 1, "parentCommentId": 0, "author": {"uniqueName": comment.author}, "commentType": "text"} | words
