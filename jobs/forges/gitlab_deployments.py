"""GitLab: deployments of commits to environments, which are made by the first one.

https://docs.gitlab.com/api/deployments/
"""

from typing import Any
from urllib.parse import quote

import aiohttp

from jobs.forges.api import Api
from jobs.forges.forge import Status, StatusState, as_documented, short
from jobs.forges.gitlab import private_token, project_of, settled
from reconciler.model.declared import Repository

PERMISSION = "the scope `api` and at least the role Developer in this project, which may deploy to this environment"

STATES = {StatusState.SUCCESS: "success", StatusState.FAILURE: "failed", StatusState.ERROR: "canceled"}

RECENT = 100
"""Deployments among which one is looked for; GitLab finds none by its commit."""


class GitLabDeployments:
    """GitLab's deployments; a new one is running."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._api = Api(session, PERMISSION, private_token)

    @as_documented
    async def create(self, repository: Repository, commit: str, ref: str, environment: str, token: str) -> str:
        """Begin a deployment of a commit; its id."""
        is_tag = ref.startswith("refs/tags/")
        body = {"sha": commit, "ref": short(ref), "tag": is_tag, "environment": environment, "status": "running"}
        return str(int((await self._call("POST", repository, "", token, body))["id"]))

    @as_documented
    async def finish(self, repository: Repository, deployment: str, status: Status, token: str) -> None:
        """Say how it went; one that has this state already is as good."""
        await settled(self._call("PUT", repository, f"/{deployment}", token, {"status": STATES[status.state]}))

    async def is_finished(self, repository: Repository, deployment: str, status: Status, token: str) -> bool:  # noqa: ARG002 - as of every forge
        """Never so for all we know: to finish it twice is as good."""
        return False

    @as_documented
    async def find(self, repository: Repository, commit: str, environment: str, token: str) -> str:
        """The newest deployment of a commit to an environment; empty for none."""
        path = f"?environment={quote(environment, safe='')}&order_by=id&sort=desc&per_page={RECENT}"
        found = await self._call("GET", repository, path, token)
        return next((str(int(line["id"])) for line in found if line["sha"] == commit), "")

    async def _call(self, method: str, repository: Repository, path: str, token: str, body: Any = None) -> Any:
        return await self._api.call(method, repository, f"/projects/{project_of(repository)}/deployments{path}", token, body)
