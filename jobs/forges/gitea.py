"""Gitea and Forgejo: commit statuses.

https://docs.gitea.com/api/#tag/repository/operation/repoCreateStatus; Forgejo has kept them: https://codeberg.org/api/swagger
"""

from collections.abc import Mapping
from urllib.parse import quote

import aiohttp

from jobs.forges.api import Api
from jobs.forges.forge import RECENT, Status, as_documented, cut, path_of, short, shows
from jobs.forges.lists import Line, paged
from reconciler.model.declared import Repository

PERMISSION = "the scope `write:repository`, of an account that may write to this repository"

DESCRIPTION_LENGTH = 255
"""No limit is documented; people read no more."""

LINES = 50
"""The most that an instance gives at once, unless its owner changed `MAX_RESPONSE_ITEMS`."""


class Gitea:
    """The API of Gitea and Forgejo, whose states are GitHub's."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._api = Api(session, PERMISSION, lambda token: {"Authorization": f"token {token}"})

    @as_documented
    async def post_status(self, repository: Repository, commit: str, status: Status, token: str) -> None:
        """Post a status on a commit."""
        path = f"/repos/{quote(path_of(repository))}/statuses/{commit}"
        await self._api.call("POST", repository, path, token, _body(status))

    @as_documented
    async def has(self, repository: Repository, commit: str, status: Status, token: str) -> bool:
        """Whether a commit's newest status of this context is this one."""
        newest = await self._newest(repository, commit, status.context, token)
        return newest is not None and shows({**newest, "state": newest["status"]}, _body(status))

    @as_documented
    async def pending(self, repository: Repository, ref: str, context: str, token: str) -> list[str]:
        """Recent commits of a ref whose newest status of this context is pending."""
        query = f"sha={quote(short(ref), safe='')}&limit={RECENT}&stat=false&verification=false&files=false"
        commits = await self._api.call("GET", repository, f"/repos/{quote(path_of(repository))}/commits?{query}", token)
        newest = [(commit["sha"], await self._newest(repository, commit["sha"], context, token)) for commit in commits]
        return [commit for commit, status in newest if status is not None and status["status"] == "pending"]

    async def _newest(self, repository: Repository, commit: str, context: str, token: str) -> Line | None:
        path = f"/repos/{quote(path_of(repository))}/commits/{commit}/statuses?sort=recentupdate&limit={LINES}"
        newest_first = paged(lambda page: self._api.call("GET", repository, f"{path}&page={page}", token), LINES)
        async for status in newest_first:
            if status["context"] == context:
                return status
        return None


def _body(status: Status) -> Mapping[str, str]:
    return {
        "state": str(status.state),
        "context": status.context,
        "description": cut(status.description, DESCRIPTION_LENGTH),
        "target_url": status.target_url,
    }
