"""GitHub and GitHub Enterprise Server: webhooks of a repository, or of an organisation.

https://docs.github.com/en/rest/repos/webhooks, https://docs.github.com/en/rest/orgs/webhooks
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import aiohttp

from jobs.derive import Purpose
from jobs.forges.forge import as_documented, path_of
from jobs.forges.github import LINES, Request, call
from jobs.forges.hooks import DECLARED_AT, Attempt, Hook, Place, Wish
from jobs.forges.lists import paged
from reconciler.errors import Stalled
from reconciler.model.declared import Repository

PERMISSIONS = {
    Place.REPOSITORY: "the permission to write webhooks (`webhooks: write`, or the scope `admin:repo_hook`) on this repository",
    Place.OWNER: "the permission to write webhooks of this organisation (`organization_hooks: write`, or the scope `admin:org_hook`)"
    ", of one of its owners",
}

EVENTS = ("push", "pull_request", "issue_comment")


class GitHubHooks:
    """GitHub's hooks."""

    def __init__(self, session: aiohttp.ClientSession, place: Place = Place.REPOSITORY) -> None:
        self._session = session
        self._place = place

    @as_documented
    async def hooks(self, repository: Repository, token: str) -> list[Hook]:
        """All hooks of a repository."""
        lines = paged(lambda page: self._call("GET", repository, f"?per_page={LINES}&page={page}", token), LINES)
        return [_hook(line) async for line in lines if line.get("name", "web") == "web"]

    @as_documented
    async def create(self, repository: Repository, wish: Wish, token: str) -> Hook:
        """Make a hook."""
        body = {"name": "web", "active": True, "events": list(EVENTS), "config": _config(wish)}
        return _hook(await self._call("POST", repository, "", token, body))

    @as_documented
    async def update(self, repository: Repository, hook: Hook, wish: Wish, token: str) -> Hook:
        """Make a hook what it should be; events that it sends besides are left."""
        body = {"active": True, "events": sorted({*hook.events, *EVENTS}), "config": _config(wish)}
        return _hook(await self._call("PATCH", repository, f"/{hook.id}", token, body))

    @as_documented
    async def remove(self, repository: Repository, hook: Hook, token: str) -> None:
        """Delete a hook; one that is gone is as good."""
        try:
            await self._call("DELETE", repository, f"/{hook.id}", token)
        except Stalled:
            if any(other.id == hook.id for other in await self.hooks(repository, token)):
                raise

    @as_documented
    async def test(self, repository: Repository, hook: Hook, token: str) -> None:
        """Let the forge send a ping."""
        await self._call("POST", repository, f"/{hook.id}/pings", token)

    @as_documented
    async def attempts(self, repository: Repository, hook: Hook, token: str) -> list[Attempt]:
        """The latest hundred lines of its log."""
        lines = await self._call("GET", repository, f"/{hook.id}/deliveries?per_page={LINES}", token)
        return [_attempt(line) for line in lines]

    @as_documented
    async def redeliver(self, repository: Repository, hook: Hook, attempt: Attempt, token: str) -> None:
        """Ask for a delivery again."""
        await self._call("POST", repository, f"/{hook.id}/deliveries/{attempt.id}/attempts", token)

    async def _call(self, method: str, repository: Repository, path: str, token: str, body: Any = None) -> Any:
        request = Request(self._session, repository, token, PERMISSIONS[self._place], DECLARED_AT)
        kind = "repos" if self._place is Place.REPOSITORY else "orgs"
        return await call(request, method, f"/{kind}/{quote(path_of(repository))}/hooks{path}", body)


def _config(wish: Wish) -> dict[str, str]:
    return {"url": wish.address, "content_type": "json", "insecure_ssl": "0", "secret": wish.secrets[Purpose.HMAC]}


def _hook(line: Mapping[str, Any]) -> Hook:
    config, events = line.get("config") or {}, tuple(line.get("events") or ())
    missing = [] if "*" in events else [event for event in EVENTS if event not in events]
    faults = (
        ("is switched off", not line.get("active", True)),
        (f"does not send {', '.join(missing)}", bool(missing)),
        ("does not send JSON", config.get("content_type") != "json"),
        ("does not verify certificates", str(config.get("insecure_ssl", "0")) != "0"),
        ("has no secret", "secret" not in config),
    )
    return Hook(
        id=str(line["id"]),
        address=str(config.get("url", "")),
        events=events,
        faults=tuple(words for words, is_so in faults if is_so),
    )


def _attempt(line: Mapping[str, Any]) -> Attempt:
    return Attempt(
        id=str(line["id"]),
        delivery=str(line.get("guid", line["id"])),
        event=str(line.get("event", "")),
        code=int(line.get("status_code") or 0),
        said=str(line.get("status", ""))[:200],
        at=_moment(str(line.get("delivered_at", ""))),
    )


def _moment(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
