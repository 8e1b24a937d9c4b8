"""GitHub and GitHub Enterprise Server: commit statuses.

https://docs.github.com/en/rest/commits/statuses
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import aiohttp
import gidgethub
from gidgethub.abc import GitHubAPI

from jobs.forges.forge import ANSWER_SECONDS, RECENT, Refusal, Status, as_documented, cut, path_of, read, short, shows
from jobs.forges.lists import Line, paged
from reconciler.errors import ForgeUnavailable, TrueupError
from reconciler.model.declared import Repository

PERMISSION = "the permission to write commit statuses (`statuses: write`, or the scope `repo:status`) on this repository"

LINES = 100
"""The most that GitHub gives at once."""


class GitHub:
    """GitHub's API, through gidgethub."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    @as_documented
    async def post_status(self, repository: Repository, commit: str, status: Status, token: str) -> None:
        """Post a status on a commit."""
        await self._call("POST", repository, f"/repos/{_path(repository)}/statuses/{commit}", token, _body(status))

    @as_documented
    async def has(self, repository: Repository, commit: str, status: Status, token: str) -> bool:
        """Whether a commit's newest status of this context is this one."""
        return shows(await self._newest(repository, commit, status.context, token), _body(status))

    @as_documented
    async def pending(self, repository: Repository, ref: str, context: str, token: str) -> list[str]:
        """Recent commits of a ref whose newest status of this context is pending."""
        path = f"/repos/{_path(repository)}/commits"
        commits = await self._call("GET", repository, f"{path}?sha={quote(short(ref), safe='')}&per_page={RECENT}", token)
        newest = [(commit["sha"], await self._newest(repository, commit["sha"], context, token)) for commit in commits]
        return [commit for commit, status in newest if status is not None and status["state"] == "pending"]

    async def _newest(self, repository: Repository, commit: str, context: str, token: str) -> Line | None:
        path = f"/repos/{_path(repository)}/commits/{commit}/statuses?per_page={LINES}"
        newest_first = paged(lambda page: self._call("GET", repository, f"{path}&page={page}", token), LINES)
        async for status in newest_first:
            if status["context"] == context:
                return status
        return None

    async def _call(self, method: str, repository: Repository, path: str, token: str, body: Any = None) -> Any:
        return await call(Request(self._session, repository, token, PERMISSION), method, path, body)


@dataclass(frozen=True, slots=True)
class Request:
    """On whose behalf something is asked."""

    session: aiohttp.ClientSession
    repository: Repository
    token: str = field(repr=False)
    permission: str
    """What the token needs, for messages."""
    declared_at: str = "spec.commitStatus.secretRef"
    """Which field names its Secret."""


async def call(request: Request, method: str, path: str, body: Any = None) -> Any:
    """The JSON of an answer; None where it has none.

    Raises:
        Stalled: when a person must mend something.
        ForgeUnavailable: when it may pass.
    """
    repository = request.repository
    api = _Api(request.session, request.token, repository.api)
    what = f"{repository.name}: {repository.api}{path.partition('?')[0]}"
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await _METHODS[method](api, path, body)
    except (gidgethub.GitHubException, aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise _translated(error, what, request) from error


class _Api(GitHubAPI):
    """gidgethub on our session; a redirect is an answer, since the token is for this host alone."""

    def __init__(self, session: aiohttp.ClientSession, token: str, base_url: str) -> None:
        self._session = session
        super().__init__("trueup", oauth_token=token, base_url=base_url)

    async def _request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[int, Mapping[str, str], bytes]:
        async with self._session.request(method, url, headers=headers, data=body, allow_redirects=False) as response:
            return response.status, response.headers, await read(response)

    async def sleep(self, seconds: float) -> None:
        """Asked for by gidgethub."""
        await asyncio.sleep(seconds)


_METHODS: Mapping[str, Callable[[_Api, str, Any], Awaitable[Any]]] = {
    "GET": lambda api, path, _: api.getitem(path),
    "POST": lambda api, path, body: api.post(path, data=body),
    "PATCH": lambda api, path, body: api.patch(path, data=body),
    "DELETE": lambda api, path, _: api.delete(path),
}


def _body(status: Status) -> Mapping[str, str]:
    body = {"state": str(status.state), "context": status.context, "description": cut(status.description)}
    return body | ({"target_url": status.target_url} if status.target_url else {})


def _path(repository: Repository) -> str:
    return quote(path_of(repository))


def _translated(error: Exception, what: str, request: Request) -> TrueupError:
    if isinstance(error, gidgethub.HTTPException):
        refusal = Refusal(int(error.status_code), error.headers, str(error))
        return refusal.error(what, permission=request.permission, now=time.time(), declared_at=request.declared_at)
    if isinstance(error, TimeoutError):
        return ForgeUnavailable(f"{what}: no answer within {ANSWER_SECONDS:g} s")
    return ForgeUnavailable(f"{what}: {str(error)[:200] or type(error).__name__}")
