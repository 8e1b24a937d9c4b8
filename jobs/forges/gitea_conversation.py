"""The API of pull requests, comments and permissions of Gitea and Forgejo, which is GitHub's but for pages and roles.

https://docs.gitea.com/api/#tag/repository/operation/repoGetPullRequest, https://docs.gitea.com/api/#tag/issue/operation/issueGetComments,
https://docs.gitea.com/api/#tag/repository/operation/repoGetRepoPermissions; Forgejo has kept them: https://codeberg.org/api/swagger
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

import aiohttp

from jobs.forges.api import Api
from jobs.forges.conversation import COMMENTS, GONE, Pull
from jobs.forges.forge import Denied, as_documented, path_of
from jobs.forges.gitea import LINES
from jobs.orders import Standing
from reconciler.model.declared import Repository

PERMISSION = "the scopes `write:issue` and `read:repository`, of an account that administers this repository"
"""Others are not told what somebody may do."""
DECLARED_AT = "spec.pullRequests.secretRef (left out: of spec.commitStatus.secretRef)"


class GiteaConversation:
    """Pull requests of Gitea and Forgejo."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._api = Api(session, PERMISSION, lambda token: {"Authorization": f"token {token}"}, DECLARED_AT)

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
        """The id of our comment that begins with *marker*; empty when there is none. All comments come at once."""
        lines = await self._call("GET", repository, f"/issues/{number}/comments", token)
        return next((str(line["id"]) for line in lines[:COMMENTS] if str(line["body"]).startswith(marker)), "")

    @as_documented
    async def write_comment(self, repository: Repository, number: int, text: str, token: str) -> str:
        """Write a comment; its id."""
        return str((await self._call("POST", repository, f"/issues/{number}/comments", token, {"body": text}))["id"])

    @as_documented
    async def edit_comment(
        self,
        repository: Repository,
        number: int,  # noqa: ARG002 - the comments of a whole instance are numbered
        comment: str,
        text: str,
        token: str,
    ) -> bool:
        """Make a comment another text; False when it is gone, or another's."""
        try:
            await self._call("PATCH", repository, f"/issues/comments/{quote(comment)}", token, {"body": text})
        except Denied as error:
            if error.status in GONE:
                return False
            raise
        return True

    @as_documented
    async def standing(self, repository: Repository, person: str, token: str) -> Standing:
        """What somebody may do in the repository."""
        path = _path(repository, f"/collaborators/{quote(person, safe='')}/permission")
        answer = await self._api.find(repository, path, token)
        permission = answer["permission"] if answer else "none"
        if permission in ("admin", "owner"):
            return Standing.MAINTAINS
        return Standing.WRITES if permission == "write" else Standing.NONE

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

    async def _pages(self, repository: Repository, path: str, token: str) -> AsyncIterator[Mapping[str, Any]]:
        for page in range(1, COMMENTS // LINES + 1):
            lines = await self._call("GET", repository, f"{path}&limit={LINES}&page={page}", token)
            for line in lines:
                yield line
            if len(lines) < LINES:
                return

    async def _call(self, method: str, repository: Repository, path: str, token: str, body: Any = None) -> Any:
        return await self._api.call(method, repository, _path(repository, path), token, body)


def _path(repository: Repository, path: str) -> str:
    return f"/repos/{quote(path_of(repository))}{path}"


def _pull(line: Mapping[str, Any]) -> Pull:
    head, base = line["head"], line["base"]
    return Pull(
        number=int(line["number"]),
        commit=str(head["sha"]),
        ref=f"refs/pull/{int(line['number'])}/head",
        base=f"refs/heads/{base['ref']}",
        is_fork=head["repo"] is None or head["repo"]["full_name"] != base["repo"]["full_name"],
        is_open=line["state"] == "open",
    )
