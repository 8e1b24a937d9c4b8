"""Azure DevOps Services and Server: statuses of commits.

https://learn.microsoft.com/en-us/rest/api/azure/devops/git/statuses/create
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp

from jobs.forges.api import Api, basic
from jobs.forges.forge import RECENT, Status, StatusState, as_documented, cut, short, shows
from reconciler.errors import Stalled
from reconciler.model.declared import Repository

PERMISSION = "the scope `Code (status)` (vso.code_status), of an account that may contribute to this repository"

STATES = {
    StatusState.PENDING: "pending",
    StatusState.SUCCESS: "succeeded",
    StatusState.FAILURE: "failed",
    StatusState.ERROR: "error",
}

VERSION = "api-version=7.1"

DESCRIPTION_LENGTH = 255
"""No limit is documented; people read no more."""


def login(token: str) -> Mapping[str, str]:
    """A personal access token as it is sent."""
    return basic(f":{token}")


class Azure:
    """The API of Azure DevOps, with a personal access token."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._api = Api(session, PERMISSION, login)

    @as_documented
    async def post_status(self, repository: Repository, commit: str, status: Status, token: str) -> None:
        """Post a status on a commit."""
        body = {**_told(status), "context": {"name": status.context, "genre": ""}}
        await self._api.call("POST", repository, f"{path_in(repository)}/commits/{commit}/statuses?{VERSION}", token, body)

    @as_documented
    async def has(self, repository: Repository, commit: str, status: Status, token: str) -> bool:
        """Whether a commit's newest status of this context is this one."""
        return shows(await self._newest(repository, commit, status.context, token), _told(status))

    @as_documented
    async def pending(self, repository: Repository, ref: str, context: str, token: str) -> list[str]:
        """Recent commits of a ref whose newest status of this context is pending."""
        kind = "tag" if ref.startswith("refs/tags/") else "branch"
        version = f"searchCriteria.itemVersion.version={quote(short(ref), safe='')}&searchCriteria.itemVersion.versionType={kind}"
        path = f"{path_in(repository)}/commits?{version}&searchCriteria.$top={RECENT}&{VERSION}"
        commits = (await self._api.call("GET", repository, path, token))["value"]
        newest = [(commit["commitId"], await self._newest(repository, commit["commitId"], context, token)) for commit in commits]
        return [commit for commit, status in newest if status is not None and status["state"] == STATES[StatusState.PENDING]]

    async def _newest(self, repository: Repository, commit: str, context: str, token: str) -> Mapping[str, Any] | None:
        path = f"{path_in(repository)}/commits/{commit}/statuses?latestOnly=true&{VERSION}"
        statuses = (await self._api.call("GET", repository, path, token))["value"]
        ours = (status for status in statuses if status["context"]["name"] == context and not status["context"].get("genre"))
        return next(ours, None)


def _told(status: Status) -> Mapping[str, str]:
    told = {"state": STATES[status.state], "description": cut(status.description, DESCRIPTION_LENGTH)}
    return told | ({"targetUrl": status.target_url} if status.target_url else {})


def path_in(repository: Repository) -> str:
    """Where the API has a repository."""
    at = location_of(repository)
    return f"{at.collection}/{quote(at.project)}/_apis/git/repositories/{quote(at.name)}"


@dataclass(frozen=True, slots=True)
class Location:
    """A repository of Azure DevOps."""

    collection: str
    """The path of its organisation, or of the Server's collection: `/acme`."""
    project: str
    name: str


def location_of(repository: Repository) -> Location:
    """Where a repository is.

    Addresses are `organisation/project/_git/repository`, `organisation/_git/repository` where both are called the same, without the
    organisation beneath `organisation.visualstudio.com`, and `v3/organisation/project/repository` by SSH.

    Raises:
        Stalled: when its address is none of Azure DevOps.
    """
    host, _, path = repository.scope.partition("/")
    before, is_http, name = f"/{path}".rpartition("/_git/")
    parts = [part for part in before.split("/") if part]
    if not is_http:
        *parts, name = path.removeprefix("v3/").split("/")
    elif len(parts) < (1 if host.endswith(".visualstudio.com") else 2):
        parts.append(name)
    if not parts or not name:
        raise Stalled(
            f"{repository.name}: spec.url is no address of Azure DevOps: https://dev.azure.com/acme/project/_git/repository"
        )
    *before_project, project = parts
    return Location("".join(f"/{quote(part)}" for part in before_project), project, name)
