"""GitLab: deployments of commits to environments, which are made by the first one.

https://docs.gitlab.com/api/deployments/
"""

import time
from typing import Any
from urllib.parse import quote

import aiohttp

from jobs.forges.api import parsed
from jobs.forges.forge import Refusal, Status, StatusState, as_documented, short
from jobs.forges.gitlab import ask, project_of
from reconciler.model.declared import Repository

PERMISSION = "the scope `api` and at least the role Developer in this project, which may deploy to this environment"

STATES = {StatusState.SUCCESS: "success", StatusState.FAILURE: "failed", StatusState.ERROR: "canceled"}

RECENT = 100
"""Deployments among which one is looked for; GitLab finds none by its commit."""


class GitLabDeployments:
    """GitLab's deployments; a new one is running."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    @as_documented
    async def create(self, repository: Repository, commit: str, ref: str, environment: str, token: str) -> str:
        """Begin a deployment of a commit; its id."""
        is_tag = ref.startswith("refs/tags/")
        body = {"sha": commit, "ref": short(ref), "tag": is_tag, "environment": environment, "status": "running"}
        return str(int((await self._call("POST", repository, "", token, body))["id"]))

    @as_documented
    async def finish(self, repository: Repository, deployment: str, status: Status, token: str) -> None:
        """Say how it went; one that has this state already is as good."""
        await self._call("PUT", repository, f"/{deployment}", token, {"status": STATES[status.state]})

    @as_documented
    async def find(self, repository: Repository, commit: str, environment: str, token: str) -> str:
        """The newest deployment of a commit to an environment; empty for none."""
        path = f"?environment={quote(environment, safe='')}&order_by=id&sort=desc&per_page={RECENT}"
        found = await self._call("GET", repository, path, token)
        return next((str(int(line["id"])) for line in found if line["sha"] == commit), "")

    async def _call(self, method: str, repository: Repository, path: str, token: str, body: Any = None) -> Any:
        path = f"/projects/{project_of(repository)}/deployments{path}"
        status, headers, answer = await ask(self._session, method, repository, path, token, body)
        what = f"{repository.name}: {repository.api}{path.partition('?')[0]}"
        if status < 300:
            return parsed(answer, what)
        said = answer.decode(errors="replace")[:300]
        if status == 400 and "cannot transition" in said.lower():
            return None
        raise Refusal(status, headers, said).error(what, permission=PERMISSION, now=time.time())
