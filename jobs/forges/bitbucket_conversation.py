"""The API of pull requests, comments and permissions of Bitbucket Cloud. It has no reactions: what was done is seen by what follows.

https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pullrequests/,
https://developer.atlassian.com/cloud/bitbucket/rest/api-group-workspaces/ (permissions of a repository)
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp

from jobs.forges.api import Api
from jobs.forges.conversation import DECLARED_AT, Pull, is_edited
from jobs.forges.forge import Denied, as_documented, path_of
from jobs.forges.lists import Line, paged_by_link
from jobs.orders import Standing
from reconciler.model.declared import Repository

PERMISSION = (
    "the scope `pullrequest:write` (`read:` and `write:pullrequest:bitbucket`, `read:repository:bitbucket` of an API token)"
)

LOOKING_UP = (
    "the scope `account` (`read:workspace:bitbucket` and `read:permission:bitbucket` of an API token), of an account that administers"
    " this repository: others are not told who may write to it"
)

PAGE, PULLS_PAGE = 100, 50
"""Of most lists, and the most that the list of pull requests takes."""

WRITERS = {"admin": Standing.MAINTAINS, "write": Standing.WRITES}

WHOLE = frozenset({40, 64})
"""Digits of a hash; pull requests tell twelve."""


class BitbucketConversation:
    """Pull requests of Bitbucket Cloud."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._api = Api(session, PERMISSION, declared_at=DECLARED_AT)
        self._people = Api(session, LOOKING_UP, declared_at=DECLARED_AT)

    @as_documented
    async def pull(self, repository: Repository, number: int, token: str) -> Pull:
        """One pull request."""
        return await self._whole(repository, await self._call("GET", repository, f"/pullrequests/{number}", token), token)

    @as_documented
    async def open_pulls(self, repository: Repository, token: str) -> list[Pull]:
        """Those that are open, newest first, at most a thousand."""
        query = urlencode({"state": "OPEN", "sort": "-created_on", "pagelen": PULLS_PAGE})
        lines = self._lines(repository, f"{_path(repository)}/pullrequests?{query}", token)
        return [await self._whole(repository, line, token) async for line in lines]

    @as_documented
    async def find_comment(self, repository: Repository, number: int, marker: str, token: str) -> str:
        """The id of our comment that begins with *marker*; empty when there is none."""
        path = f"{_path(repository)}/pullrequests/{number}/comments?pagelen={PAGE}"
        async for line in self._lines(repository, path, token):
            if str((line.get("content") or {}).get("raw")).startswith(marker) and not line.get("deleted"):
                return str(line["id"])
        return ""

    @as_documented
    async def write_comment(self, repository: Repository, number: int, text: str, token: str) -> str:
        """Write a comment; its id."""
        return str((await self._call("POST", repository, f"/pullrequests/{number}/comments", token, _content(text)))["id"])

    @as_documented
    async def edit_comment(self, repository: Repository, number: int, comment: str, text: str, token: str) -> bool:
        """Make a comment another text; False when it is gone, or another's."""
        path = f"/pullrequests/{number}/comments/{quote(comment, safe='')}"

        async def edit() -> None:
            edited = await self._call("PUT", repository, path, token, _content(text))
            if edited.get("deleted"):  # deleted ones are kept, and shown to nobody
                raise Denied(f"{repository.name}: comment {comment} was deleted", 410)

        return await is_edited(edit())

    @as_documented
    async def standing(self, repository: Repository, person: str, token: str) -> Standing:
        """What somebody may do, by way of groups and projects too; he is known by the last word, his uuid: `ada {0b1d…}`."""
        uuid = person.rpartition(" ")[2]
        workspace, _, name = path_of(repository).partition("/")
        query = urlencode({"q": 'permission>"read"', "pagelen": PAGE})
        path = f"/workspaces/{quote(workspace)}/permissions/repositories/{quote(name)}?{query}"
        async for line in paged_by_link(lambda path: self._people.call("GET", repository, path, token), path):
            if uuid and (line.get("user") or {}).get("uuid") == uuid:
                return WRITERS.get(line["permission"], Standing.NONE)
        return Standing.NONE

    async def react(self, repository: Repository, number: int, comment: str, token: str, *, is_good: bool) -> None:
        """Nothing: there are no reactions."""

    async def _whole(self, repository: Repository, line: Line, token: str) -> Pull:
        """A pull request with the whole hash of its head; of a fork there is none here, nor of a branch that is gone."""
        source, target = line["source"], line["destination"]
        is_fork = (source.get("repository") or {}).get("full_name") != target["repository"]["full_name"]
        head = "" if is_fork else str((source.get("commit") or {}).get("hash", ""))
        if head and len(head) not in WHOLE:
            found = await self._api.find(repository, f"{_path(repository)}/commit/{quote(head, safe='')}", token)
            head = str(found["hash"]) if found else ""
        return Pull(
            number=int(line["id"]),
            commit=head,
            ref="" if is_fork else f"refs/heads/{source['branch']['name']}",
            base=f"refs/heads/{target['branch']['name']}",
            is_fork=is_fork,
            is_open=line["state"] == "OPEN",
        )

    def _lines(self, repository: Repository, path: str, token: str) -> AsyncIterator[Line]:
        return paged_by_link(lambda path: self._api.call("GET", repository, path, token), path)

    async def _call(self, method: str, repository: Repository, path: str, token: str, body: Any = None) -> Any:
        return await self._api.call(method, repository, _path(repository) + path, token, body)


def _path(repository: Repository) -> str:
    return f"/repositories/{quote(path_of(repository))}"


def _content(text: str) -> Mapping[str, Any]:
    return {"content": {"raw": text}}
