"""The API of pull requests, comments and permissions of Gitea and Forgejo, which is GitHub's but for pages and roles.

https://docs.gitea.com/api/#tag/repository/operation/repoGetPullRequest, https://docs.gitea.com/api/#tag/issue/operation/issueGetComments,
https://docs.gitea.com/api/#tag/repository/operation/repoGetRepoPermissions; Forgejo has kept them: https://codeberg.org/api/swagger
"""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import aiohttp

from jobs.forges.api import Api
from jobs.forges.conversation import DECLARED_AT
from jobs.forges.forge import as_documented, path_of
from jobs.forges.gitea import LINES
from jobs.forges.github_conversation import GitHubConversation
from jobs.forges.lists import LONGEST, Line, paged
from jobs.orders import Standing
from reconciler.model.declared import Repository

PERMISSION = "the scopes `write:issue` and `read:repository`, of an account that administers this repository"
"""Others are not told what somebody may do."""


class GiteaConversation(GitHubConversation):
    """Pull requests of Gitea and Forgejo."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        super().__init__(session)
        self._api = Api(session, PERMISSION, lambda token: {"Authorization": f"token {token}"}, DECLARED_AT)

    @as_documented
    async def find_comment(self, repository: Repository, number: int, marker: str, token: str) -> str:
        """The id of our comment that begins with *marker*; empty when there is none. All comments come at once."""
        lines = await self._call("GET", repository, f"/issues/{number}/comments", token)
        return next((str(line["id"]) for line in lines[:LONGEST] if str(line["body"]).startswith(marker)), "")

    @as_documented
    async def standing(self, repository: Repository, person: str, token: str) -> Standing:
        """What somebody may do in the repository."""
        path = _path(repository, f"/collaborators/{quote(person, safe='')}/permission")
        answer = await self._api.find(repository, path, token)
        permission = answer["permission"] if answer else "none"
        if permission in ("admin", "owner"):
            return Standing.MAINTAINS
        return Standing.WRITES if permission == "write" else Standing.NONE

    def _pages(self, repository: Repository, path: str, token: str) -> AsyncIterator[Line]:
        return paged(lambda page: self._call("GET", repository, f"{path}&limit={LINES}&page={page}", token), LINES)

    async def _call(self, method: str, repository: Repository, path: str, token: str, body: Any = None) -> Any:
        return await self._api.call(method, repository, _path(repository, path), token, body)


def _path(repository: Repository, path: str) -> str:
    return f"/repos/{quote(path_of(repository))}{path}"
