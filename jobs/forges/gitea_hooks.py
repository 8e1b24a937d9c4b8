"""Gitea and Forgejo: webhooks of a repository, or of an organisation. They keep a log of deliveries, and show it to people alone.

https://docs.gitea.com/api/#tag/repository/operation/repoCreateHook, https://codeberg.org/api/swagger
"""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

import aiohttp

from jobs.derive import Purpose
from jobs.forges.api import Api
from jobs.forges.forge import as_documented, path_of
from jobs.forges.gitea import LINES
from jobs.forges.hooks import DECLARED_AT, Hook, Wish
from jobs.forges.lists import paged
from reconciler.model.declared import Repository

EVENTS = ("push", "delete", "pull_request", "pull_request_sync", "pull_request_comment")
"""A pushed tag comes as a push; `pull_request` means all that happens to one, and is shown in parts."""


class GiteaOwnerHooks:
    """Hooks of an organisation, which cannot be tested through the API."""

    kind: ClassVar[str] = "orgs"
    permission: ClassVar[str] = "the scope `write:organization`, of an account that owns this organisation"

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._api = Api(session, self.permission, lambda token: {"Authorization": f"token {token}"}, DECLARED_AT)

    @as_documented
    async def hooks(self, repository: Repository, token: str) -> list[Hook]:
        """All hooks."""
        lines = paged(lambda page: self._call("GET", repository, f"?limit={LINES}&page={page}", token), LINES)
        return [_hook(line) async for line in lines]

    @as_documented
    async def create(self, repository: Repository, wish: Wish, token: str) -> Hook:
        """Make a hook."""
        body = {"type": str(repository.forge)} | _body(wish, EVENTS)
        return _hook(await self._call("POST", repository, "", token, body))

    @as_documented
    async def update(self, repository: Repository, hook: Hook, wish: Wish, token: str) -> Hook:
        """Make a hook what it should be; events that it sends besides are left."""
        body = _body(wish, sorted({*hook.events, *EVENTS}))
        return _hook(await self._call("PATCH", repository, f"/{hook.id}", token, body))

    @as_documented
    async def remove(self, repository: Repository, hook: Hook, token: str) -> None:
        """Delete a hook; one that is gone is as good."""
        await self._api.delete(repository, self._path(repository, f"/{hook.id}"), token)

    async def _call(self, method: str, repository: Repository, path: str, token: str, body: Any = None) -> Any:
        return await self._api.call(method, repository, self._path(repository, path), token, body)

    def _path(self, repository: Repository, path: str) -> str:
        return f"/{self.kind}/{quote(path_of(repository))}/hooks{path}"


class GiteaHooks(GiteaOwnerHooks):
    """Hooks of a repository."""

    kind: ClassVar[str] = "repos"
    permission: ClassVar[str] = "the scope `write:repository`, of an account that administers this repository"

    @as_documented
    async def test(self, repository: Repository, hook: Hook, token: str) -> None:
        """Let the newest commit be sent as a push; how that went is not said."""
        await self._call("POST", repository, f"/{hook.id}/tests", token)


def _body(wish: Wish, events: Any) -> dict[str, Any]:
    config = {"url": wish.address, "content_type": "json", "secret": wish.secrets[Purpose.HMAC]}
    return {"active": True, "events": list(events), "branch_filter": "*", "config": config}


def _hook(line: Mapping[str, Any]) -> Hook:
    config, events = line.get("config") or {}, tuple(line.get("events") or ())
    missing = [event for event in EVENTS if event not in events]
    branches = str(line.get("branch_filter") or "*")
    faults = (
        ("is switched off", not line.get("active", True)),
        (f"does not send {', '.join(missing)}", bool(missing)),
        (f"only tells of branches like {branches[:50]}", branches not in {"*", "**"}),
        ("does not send JSON", config.get("content_type") != "json"),
    )
    return Hook(
        id=str(line["id"]),
        address=str(config.get("url", "")),
        events=events,
        faults=tuple(words for words, is_so in faults if is_so),
    )
