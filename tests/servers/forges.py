"""A forge on loopback, and repositories on it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from reconciler.model.declared import CommitStatusPolicy, Declarations, Forge, Name, Repository, SecretRef
from tests.servers import gitea_pulls, other_hooks
from tests.servers.azure_hooks import AzureHooks
from tests.servers.azure_pulls import AzurePulls
from tests.servers.bitbucket_pulls import BitbucketPulls
from tests.servers.forge_checks import ForgeChecks
from tests.servers.forge_deployments import ForgeDeployments
from tests.servers.other_forges import add_routes
from trueup.sandbox.forge import ForgeServer

TOKEN = "f0rge-canary"

APIS = {
    Forge.GITEA: "/api/v1",
    Forge.FORGEJO: "/api/v1",
    Forge.BITBUCKET: "/2.0",
    Forge.BITBUCKET_DC: "/rest/api/latest",
}
"""Where the APIs of forges begin, beneath the fake's address."""


def on_forge(api: str, forge: Forge = Forge.GITHUB, *, name: str = "shop", path: str = "", **status: Any) -> Repository:
    """The Repository acme/<name> of a forge, or one of another path, with commit statuses."""
    policy = CommitStatusPolicy(**({"secret": SecretRef("trueup", "forge")} | status))
    address = f"git.example/{path or f'acme/{name}'}"
    return Repository(Name("trueup", name), f"https://{address}", address, forge, api, status=policy)


def declared(*repositories: Repository) -> Declarations:
    return Declarations({repository.name: repository for repository in repositories})


@pytest.fixture
def forge_checks() -> ForgeChecks:
    return ForgeChecks()


@pytest.fixture
def azure_hooks() -> AzureHooks:
    return AzureHooks()


@pytest.fixture
def azure_pulls() -> AzurePulls:
    return AzurePulls()


@pytest.fixture
def bitbucket_pulls() -> BitbucketPulls:
    return BitbucketPulls()


@pytest.fixture
def forge_deployments() -> ForgeDeployments:
    return ForgeDeployments()


@pytest.fixture
async def forge_server(
    forge_checks: ForgeChecks,
    forge_deployments: ForgeDeployments,
    azure_pulls: AzurePulls,
    azure_hooks: AzureHooks,
    bitbucket_pulls: BitbucketPulls,
) -> AsyncIterator[ForgeServer]:
    azure = (azure_pulls.add_routes, azure_hooks.add_routes)
    more = (add_routes, gitea_pulls.add_routes, other_hooks.add_routes, bitbucket_pulls.add_routes, *azure)
    async with ForgeServer(*more, forge_checks.add_routes, forge_deployments.add_routes) as server:
        yield server
        if server.silent is not None:
            server.silent.set()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@dataclass
class Limited:
    """A middleware of a forge that allows so many requests within a time, as GitHub says it in headers; one more is refused."""

    limit: int
    reset: int
    """In seconds since 1970; it is not begun anew before a test is over."""
    names: str = "X-RateLimit"
    used: int = 0
    refused: int = 0

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.used += 1
        left = self.limit - self.used
        headers = {
            f"{self.names}-Limit": str(self.limit),
            f"{self.names}-Remaining": str(max(left, 0)),
            f"{self.names}-Reset": str(self.reset),
        }
        if left < 0:
            self.refused += 1
            return web.json_response({"message": "API rate limit exceeded"}, status=403, headers=headers)
        answer = await handler(request)
        answer.headers.update(headers)
        return answer
