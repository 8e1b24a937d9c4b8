"""Bitbucket Cloud: webhooks of a repository, or of a workspace. Its API neither tests them nor shows what became of deliveries.

https://developer.atlassian.com/cloud/bitbucket/rest/api-group-repositories/, .../api-group-workspaces/
"""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import aiohttp

from jobs.derive import Purpose
from jobs.forges.api import Api
from jobs.forges.forge import as_documented, path_of
from jobs.forges.hooks import DECLARED_AT, Hook, Place, Wish
from jobs.forges.lists import paged_by_link
from reconciler.model.declared import Repository

SCOPES = "the scope `webhook` (`read:`, `write:` and `delete:webhook:bitbucket` of an API token, with `username` beside it)"

PERMISSIONS = {
    Place.REPOSITORY: f"{SCOPES}, of an account that administers this repository",
    Place.OWNER: f"{SCOPES}, of an account that administers this workspace",
}

EVENTS = ("repo:push", "pullrequest:created", "pullrequest:updated", "pullrequest:comment_created")


class BitbucketHooks:
    """Bitbucket Cloud's hooks."""

    def __init__(self, session: aiohttp.ClientSession, place: Place = Place.REPOSITORY) -> None:
        self._api = Api(session, PERMISSIONS[place], declared_at=DECLARED_AT)
        self._kind = "repositories" if place is Place.REPOSITORY else "workspaces"

    @as_documented
    async def hooks(self, repository: Repository, token: str) -> list[Hook]:
        """All hooks."""
        lines = paged_by_link(lambda path: self._call("GET", repository, path, token), "?pagelen=100")
        return [_hook(line) async for line in lines]

    @as_documented
    async def create(self, repository: Repository, wish: Wish, token: str) -> Hook:
        """Make a hook."""
        return _hook(await self._call("POST", repository, "", token, _body(wish, EVENTS)))

    @as_documented
    async def update(self, repository: Repository, hook: Hook, wish: Wish, token: str) -> Hook:
        """Make a hook what it should be; events that it sends besides are left."""
        body = _body(wish, sorted({*hook.events, *EVENTS}))
        return _hook(await self._call("PUT", repository, f"/{quote(hook.id, safe='')}", token, body))

    @as_documented
    async def remove(self, repository: Repository, hook: Hook, token: str) -> None:
        """Delete a hook; one that is gone is as good."""
        await self._api.delete(repository, self._path(repository, f"/{quote(hook.id, safe='')}"), token)

    async def _call(self, method: str, repository: Repository, path: str, token: str, body: Any = None) -> Any:
        return await self._api.call(method, repository, self._path(repository, path), token, body)

    def _path(self, repository: Repository, path: str) -> str:
        return f"/{self._kind}/{quote(path_of(repository))}/hooks{path}"


def _body(wish: Wish, events: Iterable[str]) -> dict[str, Any]:
    return {
        "description": "Trueup",
        "url": wish.address,
        "active": True,
        "secret": wish.secrets[Purpose.HMAC],
        "events": list(events),
        "skip_cert_verification": False,
    }


def _hook(line: Mapping[str, Any]) -> Hook:
    events = tuple(line.get("events") or ())
    missing = [event for event in EVENTS if event not in events]
    faults = (
        ("is switched off", not line.get("active", True)),
        (f"does not send {', '.join(missing)}", bool(missing)),
        ("does not verify certificates", bool(line.get("skip_cert_verification"))),
        ("has no secret", line.get("secret_set") is False),
    )
    return Hook(
        id=str(line["uuid"]),
        address=str(line.get("url", "")),
        events=events,
        faults=tuple(words for words, is_so in faults if is_so),
    )
