"""GitLab: webhooks of a project, or of a group.

https://docs.gitlab.com/api/project_webhooks/, https://docs.gitlab.com/api/group_webhooks/
"""

from collections.abc import Mapping
from typing import Any

import aiohttp

from jobs.derive import Purpose
from jobs.forges.api import Api
from jobs.forges.forge import as_documented
from jobs.forges.gitlab import private_token, project_of
from jobs.forges.hooks import DECLARED_AT, Attempt, Hook, Place, Wish
from jobs.forges.lists import paged
from reconciler.model.declared import Repository

PERMISSIONS = {
    Place.REPOSITORY: "the scope `api` and the role Maintainer in this project",
    Place.OWNER: "the scope `api` and the role Owner in this group; webhooks of groups are a matter of GitLab Premium",
}

PAGE = 100

EVENTS = ("push_events", "tag_push_events", "merge_requests_events", "note_events")


class GitLabHooks:
    """GitLab's hooks."""

    def __init__(self, session: aiohttp.ClientSession, place: Place = Place.REPOSITORY) -> None:
        self._api = Api(session, PERMISSIONS[place], private_token, DECLARED_AT)
        self._kind = "projects" if place is Place.REPOSITORY else "groups"

    @as_documented
    async def hooks(self, repository: Repository, token: str) -> list[Hook]:
        """All hooks of a project."""
        lines = paged(lambda page: self._call("GET", repository, f"?per_page={PAGE}&page={page}", token), PAGE)
        return [_hook(line) async for line in lines]

    @as_documented
    async def create(self, repository: Repository, wish: Wish, token: str) -> Hook:
        """Make a hook."""
        return _hook(await self._call("POST", repository, "", token, _body(wish)))

    @as_documented
    async def update(self, repository: Repository, hook: Hook, wish: Wish, token: str) -> Hook:
        """Make a hook what it should be; events that it sends besides are left."""
        return _hook(await self._call("PUT", repository, f"/{hook.id}", token, _body(wish)))

    @as_documented
    async def remove(self, repository: Repository, hook: Hook, token: str) -> None:
        """Delete a hook; one that is gone is as good."""
        await self._api.delete(repository, self._path(repository, f"/{hook.id}"), token)

    @as_documented
    async def test(self, repository: Repository, hook: Hook, token: str) -> None:
        """Let GitLab send the newest commits; a hook that it gave up is used again when that is taken."""
        await self._call("POST", repository, f"/{hook.id}/test/push_events", token)

    @as_documented
    async def attempts(self, repository: Repository, hook: Hook, token: str) -> list[Attempt]:
        """The latest twenty lines of its log; they hold payloads. GitLab before 17.3 keeps none for us."""
        lines = await self._api.find(repository, self._path(repository, f"/{hook.id}/events?per_page=20"), token)
        return [_attempt(line) for line in lines or ()]

    @as_documented
    async def redeliver(self, repository: Repository, hook: Hook, attempt: Attempt, token: str) -> None:
        """Ask for a delivery again."""
        await self._call("POST", repository, f"/{hook.id}/events/{attempt.id}/resend", token)

    async def _call(self, method: str, repository: Repository, path: str, token: str, body: Any = None) -> Any:
        return await self._api.call(method, repository, self._path(repository, path), token, body)

    def _path(self, repository: Repository, path: str) -> str:
        return f"/{self._kind}/{project_of(repository)}/hooks{path}"


def _body(wish: Wish) -> dict[str, Any]:
    """GitLab before 19.0 takes no notice of the signing token."""
    return {
        "url": wish.address,
        "token": wish.secrets[Purpose.TOKEN],
        "signing_token": wish.secrets[Purpose.SIGNING],
        "enable_ssl_verification": True,
        "branch_filter_strategy": "all_branches",
        **dict.fromkeys(EVENTS, True),
    }


def _hook(line: Mapping[str, Any]) -> Hook:
    missing = [event for event in EVENTS if not line.get(event)]
    branches = str(line.get("push_events_branch_filter") or "")
    is_filtered = bool(branches) and line.get("branch_filter_strategy") != "all_branches"
    state = str(line.get("alert_status") or "executable")
    faults = (
        (f"does not send {', '.join(missing)}", bool(missing)),
        (f"only tells of branches like {branches[:50]}", is_filtered),
        ("does not verify certificates", not line.get("enable_ssl_verification", True)),
        ("has no secret", line.get("token_present") is False and line.get("signing_token_present") is not True),
    )
    return Hook(
        id=str(line["id"]),
        address=str(line.get("url", "")),
        events=tuple(event for event in EVENTS if line.get(event)),
        faults=tuple(words for words, is_so in faults if is_so),
        trouble="" if state == "executable" else f"GitLab has given it up ({state})",
    )


def _attempt(line: Mapping[str, Any]) -> Attempt:
    headers = line.get("request_headers") or {}
    status = str(line.get("response_status") or "")
    return Attempt(
        id=str(line["id"]),
        delivery=str(headers.get("Idempotency-Key") or headers.get("X-Gitlab-Event-UUID") or line["id"]),
        event=str(line.get("trigger", "")),
        code=int(status) if status.isdecimal() else 0,
        said=status[:200],
    )
