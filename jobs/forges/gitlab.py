"""GitLab: commit statuses.

https://docs.gitlab.com/api/commits/#set-commit-pipeline-status
"""

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import aiohttp

from jobs.forges import api
from jobs.forges.api import parsed
from jobs.forges.forge import RECENT, Refusal, Status, StatusState, as_documented, cut, path_of, short
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
        self._session = session

    @as_documented
    async def post_status(self, repository: Repository, commit: str, status: Status, token: str) -> None:
        """Post a status on a commit; a status that is there already is as good."""
        body = {"state": STATES[status.state], "name": status.context, "description": cut(status.description, DESCRIPTION_LENGTH)}
        if status.target_url:
            body["target_url"] = status.target_url
        await self._call("POST", repository, f"/projects/{project_of(repository)}/statuses/{commit}", token, body)

    @as_documented
    async def pending(self, repository: Repository, ref: str, context: str, token: str) -> list[str]:
        """Recent commits of a ref whose newest status of this context is pending."""
        path = f"/projects/{project_of(repository)}/repository/commits"
        commits = await self._call("GET", repository, f"{path}?ref_name={quote(short(ref), safe='')}&per_page={RECENT}", token)
        return [commit["id"] for commit in commits if await self._is_pending(repository, commit["id"], context, token)]

    async def _is_pending(self, repository: Repository, commit: str, context: str, token: str) -> bool:
        path = f"/projects/{project_of(repository)}/repository/commits/{commit}/statuses?name={quote(context, safe='')}"
        statuses = await self._call("GET", repository, path, token)  # the newest of each name
        return any(status["name"] == context and status["status"] in ("pending", "running") for status in statuses)

    async def _call(self, method: str, repository: Repository, path: str, token: str, body: Any = None) -> Any:
        status, headers, answer = await ask(self._session, method, repository, path, token, body)
        what = f"{repository.name}: {repository.api}{path.partition('?')[0]}"
        if status < 300:
            return parsed(answer, what)
        said = answer.decode(errors="replace")[:300]
        if status == 400 and "Cannot transition status" in said:
            return None  # it has this state already: https://gitlab.com/gitlab-org/gitlab/-/merge_requests/198626
        raise Refusal(status, headers, said).error(what, permission=PERMISSION, now=time.time())


async def ask(  # noqa: PLR0913, PLR0917 - one request
    session: aiohttp.ClientSession, method: str, repository: Repository, path: str, token: str, body: Any = None
) -> tuple[int, Mapping[str, str], bytes]:
    """Status, headers and body of an answer.

    Raises:
        ForgeUnavailable: when there is none in time.
    """
    return await api.ask(session, method, repository, path, {"PRIVATE-TOKEN": token}, body)


def project_of(repository: Repository) -> str:
    """A project as paths name it."""
    return quote(path_of(repository), safe="")
