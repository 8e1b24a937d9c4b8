"""GitHub's API of pull requests, comments and permissions.

https://docs.github.com/en/rest/pulls/pulls, https://docs.github.com/en/rest/issues/comments,
https://docs.github.com/en/rest/collaborators/collaborators#get-repository-permissions-for-a-user
"""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import aiohttp

from jobs.forges.conversation import DECLARED_AT, Pull, is_edited
from jobs.forges.forge import as_documented, path_of
from jobs.forges.github import LINES, Request, call
from jobs.forges.lists import Line, paged
from jobs.orders import Standing
from reconciler.model.declared import Repository

PERMISSION = "the permission to write pull requests (`pull_requests: write`, or the scope `repo`) on this repository"


class GitHubConversation:
    """GitHub's pull requests."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    @as_documented
    async def pull(self, repository: Repository, number: int, token: str) -> Pull:
        """One pull request."""
        return _pull(await self._call("GET", repository, f"/pulls/{number}", token))

    @as_documented
    async def open_pulls(self, repository: Repository, token: str) -> list[Pull]:
        """Those that are open, newest first, at most a thousand."""
        return [_pull(line) async for line in self._pages(repository, "/pulls?state=open", token)]

    @as_documented
    async def find_comment(self, repository: Repository, number: int, marker: str, token: str) -> str:
        """The id of our comment that begins with *marker*; empty when there is none."""
        async for line in self._pages(repository, f"/issues/{number}/comments?", token):
            if str(line["body"]).startswith(marker):
                return str(line["id"])
        return ""

    @as_documented
    async def write_comment(self, repository: Repository, number: int, text: str, token: str) -> str:
        """Write a comment; its id."""
        return str((await self._call("POST", repository, f"/issues/{number}/comments", token, {"body": text}))["id"])

    @as_documented
    async def edit_comment(
        self,
        repository: Repository,
        number: int,  # noqa: ARG002 - comments are numbered beyond one pull request
        comment: str,
        text: str,
        token: str,
    ) -> bool:
        """Make a comment another text; False when it is gone, or another's."""
        return await is_edited(self._call("PATCH", repository, f"/issues/comments/{quote(comment)}", token, {"body": text}))

    @as_documented
    async def standing(self, repository: Repository, person: str, token: str) -> Standing:
        """What somebody may do in the repository."""
        answer = await self._call("GET", repository, f"/collaborators/{quote(person, safe='')}/permission", token)
        if answer["permission"] == "admin" or answer.get("role_name") == "maintain":
            return Standing.MAINTAINS
        return Standing.WRITES if answer["permission"] == "write" else Standing.NONE

    @as_documented
    async def react(
        self,
        repository: Repository,
        number: int,  # noqa: ARG002 - as above
        comment: str,
        token: str,
        *,
        is_good: bool,
    ) -> None:
        """Show that a comment was read."""
        body = {"content": "rocket" if is_good else "confused"}
        await self._call("POST", repository, f"/issues/comments/{quote(comment)}/reactions", token, body)

    def _pages(self, repository: Repository, path: str, token: str) -> AsyncIterator[Line]:
        return paged(lambda page: self._call("GET", repository, f"{path}&per_page={LINES}&page={page}", token), LINES)

    async def _call(self, method: str, repository: Repository, path: str, token: str, body: Any = None) -> Any:
        request = Request(self._session, repository, token, PERMISSION, DECLARED_AT)
        return await call(request, method, f"/repos/{quote(path_of(repository))}{path}", body)


def _pull(line: Line) -> Pull:
    head, base = line["head"], line["base"]
    return Pull(
        number=int(line["number"]),
        commit=str(head["sha"]),
        ref=f"refs/pull/{int(line['number'])}/head",
        base=f"refs/heads/{base['ref']}",
        is_fork=head["repo"] is None or head["repo"]["full_name"] != base["repo"]["full_name"],
        is_open=line["state"] == "open",
    )
