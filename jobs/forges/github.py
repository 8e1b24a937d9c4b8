"""GitHub and GitHub Enterprise Server: commit statuses.

https://docs.github.com/en/rest/commits/statuses
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import aiohttp
import gidgethub
from gidgethub.abc import GitHubAPI

from jobs.forges.forge import ANSWER_SECONDS, RECENT, Refusal, Status, cut, path_of, short
from reconciler.errors import ForgeUnavailable, TrueupError
from reconciler.model.declared import Repository

PERMISSION = "the permission to write commit statuses (`statuses: write`, or the scope `repo:status`) on this repository"


class GitHub:
    """GitHub's API, through gidgethub."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def post_status(self, repository: Repository, commit: str, status: Status, token: str) -> None:
        """Post a status on a commit."""
        body = {"state": str(status.state), "context": status.context, "description": cut(status.description)}
        if status.target_url:
            body["target_url"] = status.target_url
        await self._call("POST", repository, f"/repos/{_path(repository)}/statuses/{commit}", token, body)

    async def pending(self, repository: Repository, ref: str, context: str, token: str) -> list[str]:
        """Recent commits of a ref whose newest status of this context is pending."""
        path = f"/repos/{_path(repository)}/commits"
        commits = await self._call("GET", repository, f"{path}?sha={quote(short(ref), safe='')}&per_page={RECENT}", token)
        return [commit["sha"] for commit in commits if await self._is_pending(repository, commit["sha"], context, token)]

    async def _is_pending(self, repository: Repository, commit: str, context: str, token: str) -> bool:
        path = f"/repos/{_path(repository)}/commits/{commit}/statuses?per_page=100"
        statuses = await self._call("GET", repository, path, token)  # newest first
        newest = next((status for status in statuses if status["context"] == context), None)
        return newest is not None and newest["state"] == "pending"

    async def _call(self, method: str, repository: Repository, path: str, token: str, body: Any = None) -> Any:
        api = _Api(self._session, token, repository.api)
        what = f"{repository.name}: {repository.api}{path.partition('?')[0]}"
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await (api.post(path, data=body) if method == "POST" else api.getitem(path))
        except (gidgethub.GitHubException, aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _translated(error, what) from error


class _Api(GitHubAPI):
    """gidgethub on our session; a redirect is an answer, since the token is for this host alone."""

    def __init__(self, session: aiohttp.ClientSession, token: str, base_url: str) -> None:
        self._session = session
        super().__init__("trueup", oauth_token=token, base_url=base_url)

    async def _request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[int, Mapping[str, str], bytes]:
        async with self._session.request(method, url, headers=headers, data=body, allow_redirects=False) as response:
            return response.status, response.headers, await response.read()

    async def sleep(self, seconds: float) -> None:
        """Asked for by gidgethub."""
        await asyncio.sleep(seconds)


def _path(repository: Repository) -> str:
    return quote(path_of(repository))


def _translated(error: Exception, what: str) -> TrueupError:
    if isinstance(error, gidgethub.HTTPException):
        refusal = Refusal(int(error.status_code), error.headers, str(error))
        return refusal.error(what, permission=PERMISSION, now=time.time())
    if isinstance(error, TimeoutError):
        return ForgeUnavailable(f"{what}: no answer within {ANSWER_SECONDS:g} s")
    return ForgeUnavailable(f"{what}: {str(error)[:200] or type(error).__name__}")
