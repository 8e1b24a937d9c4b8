"""GitLab: commit statuses.

https://docs.gitlab.com/api/commits/#set-commit-pipeline-status
"""

from collections.abc import Awaitable, Mapping
from typing import Any
from urllib.parse import quote

import aiohttp

from jobs.forges.api import Api
from jobs.forges.forge import RECENT, Denied, Status, StatusState, as_documented, cut, path_of, short
from reconciler.model.declared import Repository

STATES = {
    StatusState.PENDING: "pending",
    StatusState.SUCCESS: "success",
    StatusState.FAILURE: "failed",
    StatusState.ERROR: "failed",
}

DESCRIPTION_LENGTH = 255
"""More is refused."""

PERMISSION = "the scope `api` and at least the role Developer in this project"


class GitLab:
    """GitLab's API."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._api = Api(session, PERMISSION, private_token)

    @as_documented
    async def post_status(self, repository: Repository, commit: str, status: Status, token: str) -> None:
        """Post a status on a commit; a status that is there already is as good."""
        body = {"state": STATES[status.state], "name": status.context, "description": cut(status.description, DESCRIPTION_LENGTH)}
        if status.target_url:
            body["target_url"] = status.target_url
        await settled(self._api.call("POST", repository, f"/projects/{project_of(repository)}/statuses/{commit}", token, body))

    @as_documented
    async def pending(self, repository: Repository, ref: str, context: str, token: str) -> list[str]:
        """Recent commits of a ref whose newest status of this context is pending."""
        path = f"/projects/{project_of(repository)}/repository/commits"
        commits = await self._api.call(
            "GET", repository, f"{path}?ref_name={quote(short(ref), safe='')}&per_page={RECENT}", token
        )
        return [commit["id"] for commit in commits if await self._is_pending(repository, commit["id"], context, token)]

    async def _is_pending(self, repository: Repository, commit: str, context: str, token: str) -> bool:
        path = f"/projects/{project_of(repository)}/repository/commits/{commit}/statuses?name={quote(context, safe='')}"
        statuses = await self._api.call("GET", repository, path, token)  # the newest of each name
        return any(status["name"] == context and status["status"] in ("pending", "running") for status in statuses)


async def settled(call: Awaitable[Any]) -> None:
    """Bring something into a state; one that has it already is as good.

    https://gitlab.com/gitlab-org/gitlab/-/merge_requests/198626
    """
    try:
        await call
    except Denied as error:
        if error.status != 400 or "cannot transition" not in str(error).lower():
            raise


def private_token(token: str) -> Mapping[str, str]:
    """A token as GitLab wants it."""
    return {"PRIVATE-TOKEN": token}


def project_of(repository: Repository) -> str:
    """A project as paths name it."""
    return quote(path_of(repository), safe="")
