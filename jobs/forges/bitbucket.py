"""Bitbucket Cloud: build statuses of commits.

https://developer.atlassian.com/cloud/bitbucket/rest/api-group-commit-statuses/
"""

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import aiohttp

from jobs.forges.api import Api
from jobs.forges.forge import RECENT, Status, StatusState, as_documented, cut, path_of, short, shows
from reconciler.model.declared import Repository

PERMISSION = "the scope `repository:write` (`write:repository:bitbucket` of an API token, with `username` beside it)"

STATES = {
    StatusState.PENDING: "INPROGRESS",
    StatusState.SUCCESS: "SUCCESSFUL",
    StatusState.FAILURE: "FAILED",
    StatusState.ERROR: "STOPPED",
}

KEY_LENGTH = 40
"""Of a status; longer ones are refused."""

DESCRIPTION_LENGTH = 255


class Bitbucket:
    """The API of Bitbucket Cloud; a status is written over one with the same key."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._api = Api(session, PERMISSION)

    @as_documented
    async def post_status(self, repository: Repository, commit: str, status: Status, token: str) -> None:
        """Post a status on a commit."""
        path = f"{_path(repository)}/commit/{commit}/statuses/build"
        await self._api.call("POST", repository, path, token, _body(repository, commit, status))

    @as_documented
    async def has(self, repository: Repository, commit: str, status: Status, token: str) -> bool:
        """Whether a commit's status of this context is this one."""
        return shows(await self._found(repository, commit, status.context, token), _body(repository, commit, status))

    @as_documented
    async def pending(self, repository: Repository, ref: str, context: str, token: str) -> list[str]:
        """Recent commits of a ref whose status of this context is in progress."""
        path = f"{_path(repository)}/commits?include={quote(short(ref), safe='')}&pagelen={RECENT}"
        commits = (await self._api.call("GET", repository, path, token))["values"]
        found = [(commit["hash"], await self._found(repository, commit["hash"], context, token)) for commit in commits]
        return [commit for commit, status in found if status is not None and status["state"] == STATES[StatusState.PENDING]]

    async def _found(self, repository: Repository, commit: str, context: str, token: str) -> Mapping[str, Any] | None:
        path = f"{_path(repository)}/commit/{commit}/statuses/build/{quote(key_of(context), safe='')}"
        found: Mapping[str, Any] | None = await self._api.find(repository, path, token)
        return found


def key_of(context: str) -> str:
    """What a status is called by; of a context that is too long, its beginning and a hash."""
    if len(context) <= KEY_LENGTH:
        return context
    digest = hashlib.sha256(context.encode()).hexdigest()[:16]
    return f"{context[: KEY_LENGTH - len(digest) - 1]}-{digest}"


def _body(repository: Repository, commit: str, status: Status) -> Mapping[str, str]:
    """A link is wanted: the commit's page, where nobody said how Trueup is reached."""
    return {
        "key": key_of(status.context),
        "state": STATES[status.state],
        "name": status.context,
        "description": cut(status.description, DESCRIPTION_LENGTH),
        "url": status.target_url or f"https://bitbucket.org/{quote(path_of(repository))}/commits/{commit}",
    }


def _path(repository: Repository) -> str:
    return f"/repositories/{quote(path_of(repository))}"
