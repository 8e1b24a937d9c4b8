"""Bitbucket Data Center, from 7.4: builds of commits.

https://developer.atlassian.com/server/bitbucket/how-tos/updating-build-status-for-commits/
"""

from urllib.parse import quote

import aiohttp

from jobs.forges.api import Api
from jobs.forges.forge import RECENT, Status, StatusState, as_documented, cut, path_of
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
        """Post a build on a commit. A link is wanted: the commit's page, where nobody said how Trueup is reached."""
        body = {
            "key": status.context,
            "state": STATES[status.state],
            "name": status.context,
            "description": cut(status.description, DESCRIPTION_LENGTH),
            "url": status.target_url or f"{repository.api.partition('/rest/')[0]}{path_in(repository)}/commits/{commit}",
        }
        await self._api.call("POST", repository, f"{path_in(repository)}/commits/{commit}/builds", token, body)

    @as_documented
    async def pending(self, repository: Repository, ref: str, context: str, token: str) -> list[str]:
        """Recent commits of a ref whose build of this context is in progress."""
        path = f"{path_in(repository)}/commits?until={quote(ref, safe='')}&limit={RECENT}"
        commits = (await self._api.call("GET", repository, path, token))["values"]
        return [commit["id"] for commit in commits if await self._is_pending(repository, commit["id"], context, token)]

    async def _is_pending(self, repository: Repository, commit: str, context: str, token: str) -> bool:
        path = f"{path_in(repository)}/commits/{commit}/builds?key={quote(context, safe='')}"
        build = await self._api.find(repository, path, token)
        return build is not None and build["state"] == STATES[StatusState.PENDING]


def path_in(repository: Repository) -> str:
    """Projects and repositories, from `scm/project/repository`, as https addresses have it, or `project/repository`."""
    project, _, name = path_of(repository).removeprefix("scm/").rpartition("/")
    if not project:
        raise Stalled(f"{repository.name}: spec.url names no project: https://bitbucket.example/scm/project/repository.git")
    return f"/projects/{quote(project.rpartition('/')[2])}/repos/{quote(name)}"
