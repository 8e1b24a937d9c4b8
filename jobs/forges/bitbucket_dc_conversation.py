"""The API of pull requests, comments, reactions and users of Bitbucket Data Center.

https://developer.atlassian.com/server/bitbucket/rest/, "Pull Requests" and, with filters by permission, "System Maintenance", users
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp

from jobs.forges.api import Api
from jobs.forges.bitbucket_dc import named_in, path_in
from jobs.forges.conversation import DECLARED_AT, GONE, Pull, is_edited
from jobs.forges.forge import Denied, as_documented
from jobs.forges.lists import Line, paged_by_start
from jobs.orders import Standing
from reconciler.errors import ForgeUnavailable
from reconciler.model.declared import Repository

PERMISSION = "the permission to write to this repository (an HTTP access token with `Repository write`)"

PAGE = 100

CONFLICT = 409
"""Somebody else changed it meanwhile; or, of a reaction, it is there."""

TRIES = 3
"""To edit a comment in the version that it is in."""

NO_REACTION = frozenset({400, 404, 405, CONFLICT})
"""How servers before 8.0, which have none, and those that have it already answer a reaction."""


class BitbucketDataCenterConversation:
    """Pull requests of Bitbucket Data Center."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._api = Api(session, PERMISSION, declared_at=DECLARED_AT)

    @as_documented
    async def pull(self, repository: Repository, number: int, token: str) -> Pull:
        """One pull request."""
        return _pull(await self._call("GET", repository, f"/pull-requests/{number}", token))

    @as_documented
    async def open_pulls(self, repository: Repository, token: str) -> list[Pull]:
        """Those that are open, newest first, at most a thousand."""
        lines = self._lines(repository, f"{path_in(repository)}/pull-requests?state=OPEN&order=NEWEST&limit={PAGE}", token)
        return [_pull(line) async for line in lines]

    @as_documented
    async def find_comment(self, repository: Repository, number: int, marker: str, token: str) -> str:
        """The id of our comment that begins with *marker*; empty when there is none. Comments are told among all that happened."""
        async for line in self._lines(repository, f"{path_in(repository)}/pull-requests/{number}/activities?limit={PAGE}", token):
            if line["action"] == "COMMENTED" and str(line["comment"].get("text")).startswith(marker):
                return str(line["comment"]["id"])
        return ""

    @as_documented
    async def write_comment(self, repository: Repository, number: int, text: str, token: str) -> str:
        """Write a comment; its id."""
        return str((await self._call("POST", repository, f"/pull-requests/{number}/comments", token, {"text": text}))["id"])

    @as_documented
    async def edit_comment(self, repository: Repository, number: int, comment: str, text: str, token: str) -> bool:
        """Make a comment another text, in the version that it is in; False when it is gone, or another's."""
        path = f"/pull-requests/{number}/comments/{quote(comment, safe='')}"
        for _ in range(TRIES):
            found = await self._api.find(repository, path_in(repository) + path, token)
            if found is None:
                return False
            body = {"text": text, "version": found["version"]}
            try:
                return await is_edited(self._call("PUT", repository, path, token, body), gone=GONE | {401})
            except Denied as error:
                if error.status != CONFLICT:
                    raise
        raise ForgeUnavailable(f"{repository.name}: comment {comment} is being changed by others")

    @as_documented
    async def standing(self, repository: Repository, person: str, token: str) -> Standing:
        """What somebody may do in the repository, by way of groups and projects too."""
        if not await self._has(repository, person, "REPO_WRITE", token):
            return Standing.NONE
        return Standing.MAINTAINS if await self._has(repository, person, "REPO_ADMIN", token) else Standing.WRITES

    @as_documented
    async def react(self, repository: Repository, number: int, comment: str, token: str, *, is_good: bool) -> None:
        """Show that a comment was read; servers that have no reactions show nothing."""
        beside = replace(repository, api=f"{repository.api.partition('/rest/')[0]}/rest/comment-likes/latest")
        name = "thumbsup" if is_good else "thumbsdown"
        path = f"{path_in(repository)}/pull-requests/{number}/comments/{quote(comment, safe='')}/reactions/{name}"
        try:
            await self._api.call("PUT", beside, path, token)
        except Denied as error:
            if error.status not in NO_REACTION:
                raise

    async def _has(self, repository: Repository, person: str, permission: str, token: str) -> bool:
        """Whether somebody has a permission; the filter finds everybody whose names begin like his."""
        project, name = named_in(repository)
        asked = {"permission": permission, "permission.projectKey": project, "permission.repositorySlug": name}
        async for line in self._lines(repository, f"/users?{urlencode({'filter': person, **asked, 'limit': PAGE})}", token):
            if str(line["name"]).casefold() == person.casefold():
                return bool(line.get("active", True))
        return False

    def _lines(self, repository: Repository, path: str, token: str) -> AsyncIterator[Line]:
        return paged_by_start(lambda start: self._api.call("GET", repository, f"{path}&start={start}", token), PAGE)

    async def _call(self, method: str, repository: Repository, path: str, token: str, body: Any = None) -> Any:
        return await self._api.call(method, repository, path_in(repository) + path, token, body)


def _pull(line: Line) -> Pull:
    source, target = line["fromRef"], line["toRef"]
    return Pull(
        number=int(line["id"]),
        commit=str(source["latestCommit"]),
        ref=f"refs/pull-requests/{int(line['id'])}/from",
        base=str(target["id"]),
        is_fork=(source.get("repository") or {}).get("id") != target["repository"]["id"],
        is_open=line["state"] == "OPEN",
    )
