"""Bitbucket Data Center, from 7.4: builds of commits.

https://developer.atlassian.com/server/bitbucket/how-tos/updating-build-status-for-commits/
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import aiohttp

from jobs.forges.api import Api
from jobs.forges.forge import RECENT, Status, StatusState, as_documented, cut, path_of, shows
from reconciler.errors import Stalled
from reconciler.model.declared import Repository

PERMISSION = "the permission to write to this repository (an HTTP access token with `Repository write`)"

STATES = {
    StatusState.PENDING: "INPROGRESS",
    StatusState.SUCCESS: "SUCCESSFUL",
    StatusState.FAILURE: "FAILED",
    StatusState.ERROR: "CANCELLED",
}

DESCRIPTION_LENGTH = 255


class BitbucketDataCenter:
    """The API of Bitbucket Data Center; a build is written over one with the same key."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._api = Api(session, PERMISSION)

    @as_documented
    async def post_status(self, repository: Repository, commit: str, status: Status, token: str) -> None:
        """Post a build on a commit."""
        path = f"{path_in(repository)}/commits/{commit}/builds"
        await self._api.call("POST", repository, path, token, _body(repository, commit, status))

    @as_documented
    async def has(self, repository: Repository, commit: str, status: Status, token: str) -> bool:
        """Whether a commit's build of this context is this one."""
        return shows(await self._found(repository, commit, status.context, token), _body(repository, commit, status))

    @as_documented
    async def pending(self, repository: Repository, ref: str, context: str, token: str) -> list[str]:
        """Recent commits of a ref whose build of this context is in progress."""
        path = f"{path_in(repository)}/commits?until={quote(ref, safe='')}&limit={RECENT}"
        commits = (await self._api.call("GET", repository, path, token))["values"]
        found = [(commit["id"], await self._found(repository, commit["id"], context, token)) for commit in commits]
        return [commit for commit, build in found if build is not None and build["state"] == STATES[StatusState.PENDING]]

    async def _found(self, repository: Repository, commit: str, context: str, token: str) -> Mapping[str, Any] | None:
        path = f"{path_in(repository)}/commits/{commit}/builds?key={quote(context, safe='')}"
        found: Mapping[str, Any] | None = await self._api.find(repository, path, token)
        return found


def named_in(repository: Repository) -> tuple[str, str]:
    """Project and name, from `scm/project/repository`, as https addresses have it, or `project/repository`."""
    project, _, name = path_of(repository).removeprefix("scm/").rpartition("/")
    if not project:
        raise Stalled(f"{repository.name}: spec.url names no project: https://bitbucket.example/scm/project/repository.git")
    return project.rpartition("/")[2], name


def path_in(repository: Repository) -> str:
    """Where the API has a repository."""
    project, name = named_in(repository)
    return f"/projects/{quote(project)}/repos/{quote(name)}"


def _body(repository: Repository, commit: str, status: Status) -> Mapping[str, str]:
    """A link is wanted: the commit's page, where nobody said how Trueup is reached."""
    return {
        "key": status.context,
        "state": STATES[status.state],
        "name": status.context,
        "description": cut(status.description, DESCRIPTION_LENGTH),
        "url": status.target_url or f"{repository.api.partition('/rest/')[0]}{path_in(repository)}/commits/{commit}",
    }
