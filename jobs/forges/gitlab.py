"""GitLab: commit statuses.

https://docs.gitlab.com/api/commits/#set-commit-pipeline-status
"""

from collections.abc import Awaitable, Mapping
from typing import Any
from urllib.parse import quote

import aiohttp

from jobs.forges.api import Api
from jobs.forges.forge import RECENT, Denied, Status, StatusState, as_documented, cut, path_of, short, shows
from reconciler.model.declared import Repository

STATES = {
    StatusState.PENDING: "pending",
    StatusState.SUCCESS: "success",
    StatusState.FAILURE: "failed",
    StatusState.ERROR: "failed",
}

RUNNING = "running"

DESCRIPTION_LENGTH = 255
"""More is refused."""

PERMISSION = "the scope `api` and at least the role Developer in this project"


class GitLab:
    """GitLab's API."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._api = Api(session, PERMISSION, private_token)

    @as_documented
    async def post_status(self, repository: Repository, commit: str, status: Status, token: str) -> None:
        """Post a status on a commit; a state that is there already is as good.

        GitLab takes no new words for a state that a commit is in: one that waits for something else now is `running` instead.
        """
        path, body = f"/projects/{project_of(repository)}/statuses/{commit}", _body(status)
        is_news = await settled(self._api.call("POST", repository, path, token, body))
        if not is_news and status.state is StatusState.PENDING and not await self.has(repository, commit, status, token):
            await settled(self._api.call("POST", repository, path, token, {**body, "state": RUNNING}))

    @as_documented
    async def has(self, repository: Repository, commit: str, status: Status, token: str) -> bool:
        """Whether a commit's newest status of this context is this one."""
        return shows(await self._newest(repository, commit, status.context, token), _body(status))

    @as_documented
    async def pending(self, repository: Repository, ref: str, context: str, token: str) -> list[str]:
        """Recent commits of a ref whose newest status of this context is pending."""
        path = f"/projects/{project_of(repository)}/repository/commits"
        commits = await self._api.call(
            "GET", repository, f"{path}?ref_name={quote(short(ref), safe='')}&per_page={RECENT}", token
        )
        newest = [(commit["id"], await self._newest(repository, commit["id"], context, token)) for commit in commits]
        return [commit for commit, status in newest if status is not None and status["state"] == STATES[StatusState.PENDING]]

    async def _newest(self, repository: Repository, commit: str, context: str, token: str) -> Mapping[str, Any] | None:
        path = f"/projects/{project_of(repository)}/repository/commits/{commit}/statuses?name={quote(context, safe='')}"
        statuses = await self._api.call("GET", repository, path, token)  # the newest of each name
        newest = next((status for status in statuses if status["name"] == context), None)
        if newest is None:
            return None
        state = STATES[StatusState.PENDING] if newest["status"] == RUNNING else newest["status"]
        return {**newest, "state": state}


def _body(status: Status) -> Mapping[str, str]:
    description = cut(status.description, DESCRIPTION_LENGTH)
    body = {"state": STATES[status.state], "name": status.context, "description": description}
    return body | ({"target_url": status.target_url} if status.target_url else {})


async def settled(call: Awaitable[Any]) -> bool:
    """Bring something into a state; one that has it already is as good: False then.

    https://gitlab.com/gitlab-org/gitlab/-/merge_requests/198626
    """
    try:
        await call
    except Denied as error:
        if error.status != 400 or "cannot transition" not in str(error).lower():
            raise
        return False
    return True


def private_token(token: str) -> Mapping[str, str]:
    """A token as GitLab wants it."""
    return {"PRIVATE-TOKEN": token}


def project_of(repository: Repository) -> str:
    """A project as paths name it."""
    return quote(path_of(repository), safe="")
