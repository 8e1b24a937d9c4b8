"""GitLab: commit statuses.

https://docs.gitlab.com/api/commits/#set-commit-pipeline-status
"""

from typing import Any
from urllib.parse import quote

import aiohttp
import orjson

from jobs.forges.forge import ANSWER_SECONDS, Status, StatusState, cut, path_of
from reconciler.errors import ForgeUnavailable, Stalled
from reconciler.model.declared import Repository

STATES = {
    StatusState.PENDING: "pending",
    StatusState.SUCCESS: "success",
    StatusState.FAILURE: "failed",
    StatusState.ERROR: "failed",
}

RECENT = 20


class GitLab:
    """GitLab's API."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def post_status(self, repository: Repository, commit: str, status: Status, token: str) -> None:
        """Post a status on a commit; a status that is there already is as good."""
        body = {"state": STATES[status.state], "name": status.context, "description": cut(status.description)}
        if status.target_url:
            body["target_url"] = status.target_url
        path = f"/projects/{quote(path_of(repository), safe='')}/statuses/{commit}"
        await self._call("POST", repository, path, token, body)

    async def pending(self, repository: Repository, ref: str, context: str, token: str) -> list[str]:
        """Recent commits of a ref whose newest status of this context is pending."""
        name = quote(ref.removeprefix("refs/heads/").removeprefix("refs/tags/"), safe="")
        path = f"/projects/{quote(path_of(repository), safe='')}/repository/commits"
        commits = await self._call("GET", repository, f"{path}?ref_name={name}&per_page={RECENT}", token)
        found = []
        for commit in commits:
            query = f"?name={quote(context, safe='')}"
            statuses = await self._call("GET", repository, f"{path}/{commit['id']}/statuses{query}", token)
            if any(status["status"] in ("pending", "running") for status in statuses):
                found.append(str(commit["id"]))
        return found

    async def _call(self, method: str, repository: Repository, path: str, token: str, body: Any = None) -> Any:
        what = f"{repository.name}: {repository.api}{path.partition('?')[0]}"
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        try:
            async with self._session.request(
                method, repository.api + path, json=body, headers={"PRIVATE-TOKEN": token}, timeout=timeout
            ) as response:
                answer = await response.read()
                retry_after = response.headers.get("Retry-After", "")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ForgeUnavailable(f"{what}: {str(error) or type(error).__name__}") from error
        if response.status < 300:
            return orjson.loads(answer)
        text = answer.decode(errors="replace")[:300]
        if response.status == 400 and "Cannot transition status" in text:
            return None  # it has this state already: https://gitlab.com/gitlab-org/gitlab/-/merge_requests/198626
        if response.status == 429 or response.status >= 500:
            seconds = float(retry_after) if retry_after.isdigit() else None
            raise ForgeUnavailable(f"{what}: answered {response.status}", retry_seconds=seconds)
        raise Stalled(f"{what}: answered {response.status}: {text}; the token needs the scope `api` and the role Developer")
