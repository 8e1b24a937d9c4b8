"""Which forges are told of deployments, and by what."""

from collections.abc import Mapping
from typing import Protocol

import aiohttp

from jobs.forges.forge import Status
from jobs.forges.github_deployments import GitHubDeployments
from jobs.forges.gitlab_deployments import GitLabDeployments
from reconciler.model.declared import Forge, Repository


class Deployer(Protocol):
    """One forge's API of deployments; every call raises as those of `forge.Forge` do."""

    async def create(self, repository: Repository, commit: str, ref: str, environment: str, token: str) -> str:
        """Begin a deployment of a commit; its id."""

    async def finish(self, repository: Repository, deployment: str, status: Status, token: str) -> None:
        """Say how it went."""

    async def is_finished(self, repository: Repository, deployment: str, status: Status, token: str) -> bool:
        """Whether it is said already how a deployment went; asked when the answer to that was lost."""

    async def find(self, repository: Repository, commit: str, environment: str, token: str) -> str:
        """The newest deployment of a commit to an environment; empty for none."""


def deployers(session: aiohttp.ClientSession) -> Mapping[Forge, Deployer]:
    """A client of every forge that has deployments."""
    return {Forge.GITHUB: GitHubDeployments(session), Forge.GITLAB: GitLabDeployments(session)}
