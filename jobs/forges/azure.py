"""Azure DevOps Services and Server: statuses of commits, and of pull requests, at whose pages and policies commits' do not count.

https://learn.microsoft.com/en-us/rest/api/azure/devops/git/statuses/create, .../git/pull-request-statuses/create
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp

from jobs.forges.api import Api, basic
from jobs.forges.forge import RECENT, Denied, Status, StatusState, as_documented, cut, short, shows
from jobs.forges.lists import Line, paged
from jobs.planned import PLAN_SUFFIX
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

PAGE = 100

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
        for path, iteration in await self._pulls_at(repository, commit, status, token):
            await self._api.call("POST", repository, f"{path}/statuses?{VERSION}", token, body | {"iterationId": iteration})

    @as_documented
    async def has(self, repository: Repository, commit: str, status: Status, token: str) -> bool:
        """Whether a commit's newest status of this context is this one, and that of the pull requests whose plan it is."""
        told = _told(status)
        if not shows(await self._newest(repository, commit, status.context, token), told):
            return False
        for path, iteration in await self._pulls_at(repository, commit, status, token):
            lines = (await self._api.call("GET", repository, f"{path}/statuses?{VERSION}", token))["value"]
            ours = [line for line in lines if _is_of(line, status.context) and line.get("iterationId") == iteration]
            if not shows(max(ours, key=lambda line: int(line["id"]), default=None), told):
                return False
        return True

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
        return next((status for status in statuses if _is_of(status, context)), None)

    async def _pulls_at(self, repository: Repository, commit: str, status: Status, token: str) -> list[tuple[str, int]]:
        """Where the open pull requests are whose plan a status tells of, and which push of each brought the commit.

        None where the token may not read code: then the commit has the status alone.
        """
        if not status.context.endswith(PLAN_SUFFIX):
            return []
        found: list[tuple[str, int]] = []
        try:
            async for line in open_lines(self._api, repository, token):
                if head_of(line, "lastMergeSourceCommit") == commit:
                    path = f"{path_in(repository)}/pullrequests/{int(line['pullRequestId'])}"
                    pushes = (await self._api.call("GET", repository, f"{path}/iterations?{VERSION}", token))["value"]
                    brought = [int(push["id"]) for push in pushes if head_of(push, "sourceRefCommit") == commit]
                    found += [(path, max(brought))] if brought else []
        except Denied:
            return []
        return found


def open_lines(api: Api, repository: Repository, token: str) -> AsyncIterator[Line]:
    """The open pull requests as the API shows them, newest first, at most a thousand."""

    async def page(number: int) -> list[Line]:
        query = f"searchCriteria.status=active&$top={PAGE}&$skip={(number - 1) * PAGE}&{VERSION}"
        found: list[Line] = (await api.call("GET", repository, f"{path_in(repository)}/pullrequests?{query}", token))["value"]
        return found

    return paged(page, PAGE)


def head_of(line: Line, name: str) -> str:
    """A commit that the API may or may not tell; empty where it does not."""
    return str((line.get(name) or {}).get("commitId") or "")


def _is_of(line: Line, context: str) -> bool:
    return line["context"]["name"] == context and not line["context"].get("genre")


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
