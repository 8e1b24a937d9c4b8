"""Gitea and Forgejo: commit statuses.

https://docs.gitea.com/api/#tag/repository/operation/repoCreateStatus; Forgejo has kept them: https://codeberg.org/api/swagger
"""

from urllib.parse import quote

import aiohttp

from jobs.forges.api import Api
from jobs.forges.forge import PAGES, RECENT, Status, as_documented, cut, path_of, short
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
        description = cut(status.description, DESCRIPTION_LENGTH)
        body = {
            "state": str(status.state),
            "context": status.context,
            "description": description,
            "target_url": status.target_url,
        }
        await self._api.call("POST", repository, f"/repos/{quote(path_of(repository))}/statuses/{commit}", token, body)

    @as_documented
    async def pending(self, repository: Repository, ref: str, context: str, token: str) -> list[str]:
        """Recent commits of a ref whose newest status of this context is pending."""
        query = f"sha={quote(short(ref), safe='')}&limit={RECENT}&stat=false&verification=false&files=false"
        commits = await self._api.call("GET", repository, f"/repos/{quote(path_of(repository))}/commits?{query}", token)
        return [commit["sha"] for commit in commits if await self._is_pending(repository, commit["sha"], context, token)]

    async def _is_pending(self, repository: Repository, commit: str, context: str, token: str) -> bool:
        path = f"/repos/{quote(path_of(repository))}/commits/{commit}/statuses?sort=recentupdate&limit={LINES}"
        for page in range(1, PAGES + 1):
            statuses = await self._api.call("GET", repository, f"{path}&page={page}", token)  # newest first
            if newest := next((status for status in statuses if status["context"] == context), None):
                return bool(newest["status"] == "pending")
            if len(statuses) < LINES:
                break
        return False
