"""Bitbucket Data Center: webhooks of a repository, or of a project. It shows the latest delivery of each, and sends none again.

https://developer.atlassian.com/server/bitbucket/rest/, "Repository" and "Project", webhooks
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp

from jobs.derive import Purpose
from jobs.forges.api import Api
from jobs.forges.bitbucket_dc import path_in
from jobs.forges.forge import as_documented, path_of
from jobs.forges.hooks import DECLARED_AT, Attempt, Hook, Place, Wish
from jobs.forges.lists import paged_by_start
from reconciler.model.declared import Forge, Repository

PERMISSIONS = {
    Place.REPOSITORY: "the permission to administer this repository (an HTTP access token with `Repository admin`)",
    Place.OWNER: "the permission to administer this project (an HTTP access token with `Project admin`)",
}

PAGE = 100

EVENTS = ("repo:refs_changed", "pr:opened", "pr:from_ref_updated", "pr:modified", "pr:comment:added")

OURS = f"/webhooks/{Forge.BITBUCKET_DC}/"
"""What stands in the address of hooks to a Trueup: only of these the latest delivery is asked for."""

_CODE = re.compile(r"\d{3}\b")


class BitbucketDataCenterHooks:
    """Bitbucket Data Center's hooks."""

    def __init__(self, session: aiohttp.ClientSession, place: Place = Place.REPOSITORY) -> None:
        self._api = Api(session, PERMISSIONS[place], declared_at=DECLARED_AT)
        self._place = place

    @as_documented
    async def hooks(self, repository: Repository, token: str) -> list[Hook]:
        """All hooks, with what became of the latest delivery of ours."""
        lines = paged_by_start(lambda start: self._call("GET", repository, f"?start={start}&limit={PAGE}", token), PAGE)
        return [await self._with_latest(repository, line, token) async for line in lines]

    @as_documented
    async def create(self, repository: Repository, wish: Wish, token: str) -> Hook:
        """Make a hook."""
        return _hook(await self._call("POST", repository, "", token, _body(wish, EVENTS)))

    @as_documented
    async def update(self, repository: Repository, hook: Hook, wish: Wish, token: str) -> Hook:
        """Make a hook what it should be; events that it sends besides are left."""
        body = _body(wish, sorted({*hook.events, *EVENTS}))
        return _hook(await self._call("PUT", repository, f"/{hook.id}", token, body))

    @as_documented
    async def remove(self, repository: Repository, hook: Hook, token: str) -> None:
        """Delete a hook; one that is gone is as good."""
        await self._api.delete(repository, self._path(repository, f"/{hook.id}"), token)

    @as_documented
    async def test(self, repository: Repository, hook: Hook, token: str) -> Attempt | None:
        """Let it try the address. It does so without a signature, so that 401 says that Trueup was reached; then the latest delivery counts."""
        query = urlencode({"url": hook.address, "webhookId": hook.id, "sslVerificationRequired": "true"})
        found = _attempt(await self._call("POST", repository, f"/test?{query}", token) or {})
        if found is None or found.code != 401:
            return found
        line = await self._call("GET", repository, f"/{hook.id}", token)
        latest = await self._latest(repository, line, token)
        return latest if latest is not None and latest.code == 401 else None

    async def _with_latest(self, repository: Repository, line: Mapping[str, Any], token: str) -> Hook:
        latest = await self._latest(repository, line, token) if OURS in str(line.get("url")) else None
        return _hook(line, "" if latest is None or latest.is_good else f"its latest delivery: {latest}")

    async def _latest(self, repository: Repository, line: Mapping[str, Any], token: str) -> Attempt | None:
        """None when there was none since the hook was changed."""
        latest = await self._call("GET", repository, f"/{line['id']}/latest", token)
        is_older = not latest or int(latest.get("start") or 0) < int(line.get("updatedDate") or 0)
        return None if is_older else _attempt(latest)

    async def _call(self, method: str, repository: Repository, path: str, token: str, body: Any = None) -> Any:
        return await self._api.call(method, repository, self._path(repository, path), token, body)

    def _path(self, repository: Repository, path: str) -> str:
        return f"{self._place_of(repository)}/webhooks{path}"

    def _place_of(self, repository: Repository) -> str:
        if self._place is Place.REPOSITORY:
            return path_in(repository)
        return f"/projects/{quote(path_of(repository).rpartition('/')[2])}"


def _body(wish: Wish, events: Iterable[str]) -> dict[str, Any]:
    return {
        "name": "Trueup",
        "url": wish.address,
        "active": True,
        "events": list(events),
        "configuration": {"secret": wish.secrets[Purpose.HMAC]},
        "sslVerificationRequired": True,
    }


def _hook(line: Mapping[str, Any], trouble: str = "") -> Hook:
    """Whether it has a secret is not judged: some versions do not show it at all."""
    events = tuple(line.get("events") or ())
    missing = [event for event in EVENTS if event not in events]
    faults = (
        ("is switched off", not line.get("active", True)),
        (f"does not send {', '.join(missing)}", bool(missing)),
        ("does not verify certificates", line.get("sslVerificationRequired") is False),
    )
    return Hook(
        id=str(line["id"]),
        address=str(line.get("url", "")),
        events=events,
        faults=tuple(words for words, is_so in faults if is_so),
        trouble=trouble,
    )


def _attempt(line: Mapping[str, Any]) -> Attempt | None:
    """How a delivery went; its result is a status, or words when there was no answer. None where nothing is said."""
    result = line.get("result") or line.get("response")
    if not result:
        return None
    said = str(result.get("description") or result.get("statusCode") or result.get("outcome") or "")
    code = _CODE.match(said)
    return Attempt(str(line.get("id", "")), "", str(line.get("event", "test")), int(code[0]) if code else 0, said[:200])
