"""GitHub: deployments of commits to environments.

https://docs.github.com/en/rest/deployments/deployments
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import aiohttp

from jobs.forges.forge import Status, StatusState, as_documented, cut, path_of, shows
from jobs.forges.github import Request, call
from reconciler.model.declared import Repository

PERMISSION = "the permission to write deployments (`deployments: write`, or the scope `repo_deployment`) on this repository"

STATES = {StatusState.SUCCESS: "success", StatusState.FAILURE: "failure", StatusState.ERROR: "inactive"}


class GitHubDeployments:
    """GitHub's deployments; a new one is pending."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    @as_documented
    async def create(self, repository: Repository, commit: str, ref: str, environment: str, token: str) -> str:  # noqa: ARG002 - as of every forge
        """Begin a deployment of a commit; its id."""
        body = {"ref": commit, "environment": environment, "auto_merge": False, "required_contexts": []}
        return str(int((await self._call("POST", repository, "", token, body))["id"]))

    @as_documented
    async def finish(self, repository: Repository, deployment: str, status: Status, token: str) -> None:
        """Say how it went; what was live in the environment before becomes inactive."""
        await self._call("POST", repository, f"/{deployment}/statuses", token, _body(status))

    @as_documented
    async def is_finished(self, repository: Repository, deployment: str, status: Status, token: str) -> bool:
        """Whether its newest status says so."""
        found = await self._call("GET", repository, f"/{deployment}/statuses?per_page=1", token)  # newest first
        return bool(found) and shows(found[0], _body(status))

    @as_documented
    async def find(self, repository: Repository, commit: str, environment: str, token: str) -> str:
        """The newest deployment of a commit to an environment; empty for none."""
        path = f"?sha={commit}&environment={quote(environment, safe='')}&per_page=1"  # newest first
        found = await self._call("GET", repository, path, token)
        return str(int(found[0]["id"])) if found else ""

    async def _call(self, method: str, repository: Repository, path: str, token: str, body: Any = None) -> Any:
        request = Request(self._session, repository, token, PERMISSION)
        return await call(request, method, f"/repos/{quote(path_of(repository))}/deployments{path}", body)


def _body(status: Status) -> Mapping[str, str]:
    body = {"state": STATES[status.state], "description": cut(status.description)}
    return body | ({"log_url": status.target_url} if status.target_url else {})
