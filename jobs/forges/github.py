"""GitHub and GitHub Enterprise Server: commit statuses.

https://docs.github.com/en/rest/commits/statuses; limits: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

import asyncio
from typing import Any

import aiohttp
import gidgethub
from gidgethub.aiohttp import GitHubAPI

from jobs.forges.forge import ANSWER_SECONDS, Status, cut, path_of
from reconciler.errors import ForgeUnavailable, Stalled, TrueupError
from reconciler.model.declared import Repository

RECENT = 20
"""Commits of a branch that are looked at for statuses left pending after Redis was lost."""

LIMITED_SECONDS = 60.0
"""GitHub asks for at least a minute when it does not say how long."""


class GitHub:
    """GitHub's API, through gidgethub."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def post_status(self, repository: Repository, commit: str, status: Status, token: str) -> None:
        """Post a status on a commit."""
        body = {"state": str(status.state), "context": status.context, "description": cut(status.description)}
        if status.target_url:
            body["target_url"] = status.target_url
        await self._call("POST", repository, f"/repos/{path_of(repository)}/statuses/{commit}", token, body)

    async def pending(self, repository: Repository, ref: str, context: str, token: str) -> list[str]:
        """Recent commits of a ref whose newest status of this context is pending."""
        branch = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
        path = f"/repos/{path_of(repository)}"
        commits = await self._call("GET", repository, f"{path}/commits?sha={branch}&per_page={RECENT}", token)
        found = []
        for commit in commits:
            statuses = await self._call("GET", repository, f"{path}/commits/{commit['sha']}/statuses?per_page=100", token)
            newest = next((status for status in statuses if status["context"] == context), None)
            if newest is not None and newest["state"] == "pending":
                found.append(str(commit["sha"]))
        return found

    async def _call(self, method: str, repository: Repository, path: str, token: str, body: Any = None) -> Any:
        api = GitHubAPI(self._session, "trueup", oauth_token=token, base_url=repository.api)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await (api.post(path, data=body) if method == "POST" else api.getitem(path))
        except (gidgethub.GitHubException, aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _translated(error, repository, path) from error


def _translated(error: Exception, repository: Repository, path: str) -> TrueupError:
    what = f"{repository.name}: {repository.api}{path.partition('?')[0]}"
    match error:
        case gidgethub.RateLimitExceeded():
            return ForgeUnavailable(f"{what}: rate limit reached", retry_seconds=LIMITED_SECONDS)
        case gidgethub.BadRequest() if int(error.status_code) in (401, 403, 404):
            return Stalled(f"{what}: {error}; the token needs the permission to write commit statuses")
        case gidgethub.BadRequest() if int(error.status_code) == 429:
            return ForgeUnavailable(f"{what}: asked for patience", retry_seconds=LIMITED_SECONDS)
        case gidgethub.BadRequest():
            return Stalled(f"{what}: {error}")
        case _:
            return ForgeUnavailable(f"{what}: {str(error) or type(error).__name__}")
