"""Azure DevOps: service hooks of a repository, or of a project. What is one hook elsewhere is a subscription for each event here.

The password of a subscription is never shown. Whether it is the newest is known by who wrote it, and by how the latest delivery ended.

https://learn.microsoft.com/en-us/rest/api/azure/devops/hooks/, https://learn.microsoft.com/en-us/azure/devops/service-hooks/events
"""

import asyncio
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import aiohttp

from jobs.derive import Purpose
from jobs.forges import hooks as room
from jobs.forges.api import Api
from jobs.forges.azure import VERSION, location_of, login, path_in
from jobs.forges.forge import Denied, as_documented, path_of
from jobs.forges.hooks import DECLARED_AT, Attempt, Hook, Place, Wish
from jobs.forges.lists import Line
from reconciler.errors import Stalled
from reconciler.model.declared import Forge, Repository

SCOPES = "the scope `Code (read)`, of an account that may edit subscriptions of this project, as its administrators may"

EVENTS = {
    "git.push": "1.0",
    "git.pullrequest.created": "1.0",
    "git.pullrequest.updated": "1.0",
    "ms.vss-code.git-pullrequest-comment-event": "2.0",
}
"""With the version of what they tell; before 2.0 a comment does not tell its pull request. What is merged is told as a push."""

FILTERS = ("branch", "pushedBy", "pullrequestCreatedBy", "pullrequestReviewersContains", "notificationType")

STATUSES = {
    "disabledByUser": "is switched off",
    "disabledBySystem": "was given up by Azure DevOps after failures",
    "onProbation": "is on probation after failures",
    "disabledByInactiveIdentity": "is switched off, since who made it is gone",
}
"""Why a subscription sends nothing, or not all: https://learn.microsoft.com/en-us/azure/devops/service-hooks/troubleshoot"""

OURS = f"/webhooks/{Forge.AZURE}/"
"""What stands in the address of hooks to a Trueup: only of these the latest deliveries are asked for."""

LATEST = 3
"""Deliveries of each subscription that are looked through for the latest; each is told with all that was sent."""

_CODE = re.compile(r"(?:Status Code:? *|\()([1-5][0-9]{2})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Target:
    """Whose events are sent, by the ids that Azure DevOps has for it."""

    project: str
    repository: str
    """Empty: all of the project."""


class AzureHooks:
    """Service hooks of Azure DevOps."""

    def __init__(self, session: aiohttp.ClientSession, place: Place = Place.REPOSITORY) -> None:
        self._api = Api(session, SCOPES, login, DECLARED_AT)
        self._place = place

    @as_documented
    async def hooks(self, repository: Repository, token: str) -> list[Hook]:
        """All hooks of the project that send by HTTP, with what became of the latest deliveries of ours."""
        target = await self._target(repository, token)
        query = f"publisherId=tfs&consumerId=webHooks&consumerActionId=httpRequest&{VERSION}"
        lines = [
            line
            for line in (await self._call("GET", repository, f"/subscriptions?{query}", token))["value"]
            if line["eventType"] in EVENTS and _of(line, "publisher", "projectId").lower() == target.project.lower()
        ]
        latest = await self._latest(repository, [line for line in lines if _is_ours(line, target)], token)
        return [_hook(group, target, latest) for group in _grouped(lines)]

    @as_documented
    async def create(self, repository: Repository, wish: Wish, token: str) -> Hook:
        """Make a hook: a subscription for each event."""
        return await self._written(repository, {}, wish, token)

    @as_documented
    async def update(self, repository: Repository, hook: Hook, wish: Wish, token: str) -> Hook:
        """Make a hook what it should be, and switch it on."""
        return await self._written(repository, _subscriptions(hook), wish, token)

    @as_documented
    async def remove(self, repository: Repository, hook: Hook, token: str) -> None:
        """Delete a hook; one that is gone is as good."""
        for subscription in _subscriptions(hook).values():
            await self._api.delete(repository, self._path(repository, f"/subscriptions/{subscription}?{VERSION}"), token)

    @as_documented
    async def test(self, repository: Repository, hook: Hook, token: str) -> Attempt | None:
        """Let it try the address. It does so without a password, so that 401 says that Trueup was reached; then the latest delivery counts."""
        sent = await self._sent(repository, hook, token)
        if sent is not None and sent.code != 401:
            return sent
        paths = [f"/subscriptions/{subscription}?{VERSION}" for subscription in _subscriptions(hook).values()]
        lines = [await self._call("GET", repository, path, token) for path in paths]
        ended = _worst((await self._latest(repository, lines, token)).values())
        is_over = sent is not None and ended is not None and not ended.is_good and ended.code != 401
        return None if is_over else ended

    async def _sent(self, repository: Repository, hook: Hook, token: str) -> Attempt | None:
        """How a test went that belongs to no subscription, whose password nobody could give it; None where that is not told in time."""
        consumer = {"consumerId": "webHooks", "consumerActionId": "httpRequest", "consumerInputs": {"url": hook.address}}
        body = {"details": {"publisherId": "tfs", "eventType": "git.push", **consumer}}
        try:
            line = await self._call("POST", repository, f"/testnotifications?{VERSION}", token, body)
            deadline = time.monotonic() + room.TEST_SECONDS
            while line["status"] != "completed" and time.monotonic() < deadline:
                await asyncio.sleep(room.TEST_PAUSE_SECONDS)
                path = f"/subscriptions/{line['subscriptionId']}/notifications/{line['id']}?{VERSION}"
                line = await self._call("GET", repository, path, token)
        except Denied:  # not every account, and not every Server, may send one
            return None
        return _attempt(line)

    async def _written(self, repository: Repository, known: Mapping[str, str], wish: Wish, token: str) -> Hook:
        target = await self._target(repository, token)
        lines = []
        for event in EVENTS:
            method, path = ("PUT", f"/{known[event]}") if event in known else ("POST", "")
            body = _body(event, target, wish)
            lines.append(await self._call(method, repository, f"/subscriptions{path}?{VERSION}", token, body))
        return _hook(lines, target, {})

    async def _target(self, repository: Repository, token: str) -> _Target:
        if self._place is Place.OWNER:
            collection, project = _project_of(repository)
            found = await self._api.call("GET", repository, f"{collection}/_apis/projects/{project}?{VERSION}", token)
            return _Target(str(found["id"]), "")
        found = await self._api.call("GET", repository, f"{path_in(repository)}?{VERSION}", token)
        return _Target(str(found["project"]["id"]), str(found["id"]))

    async def _latest(self, repository: Repository, lines: Sequence[Line], token: str) -> Mapping[str, Attempt]:
        """How the latest delivery of each subscription ended, where there was one since it was written."""
        if not lines:
            return {}
        written = {str(line["id"]): _moment(line.get("modifiedDate")) for line in lines}
        asked = {"status": "completed", "maxResultsPerSubscription": LATEST, "includeDetails": True}
        body = {"subscriptionIds": list(written), **asked}
        found = (await self._call("POST", repository, f"/notificationsquery?{VERSION}", token, body))["results"]
        latest: dict[str, Attempt] = {}
        for line in sorted(found, key=lambda line: _moment(line["createdDate"])):
            name, attempt = str(line["subscriptionId"]), _attempt(line)
            if attempt is not None and _moment(line["createdDate"]) > written.get(name, 0.0):
                latest[name] = attempt
        return latest

    async def _call(self, method: str, repository: Repository, path: str, token: str, body: Any = None) -> Any:
        return await self._api.call(method, repository, self._path(repository, path), token, body)

    def _path(self, repository: Repository, path: str) -> str:
        is_one = self._place is Place.REPOSITORY
        collection = location_of(repository).collection if is_one else _project_of(repository)[0]
        return f"{collection}/_apis/hooks{path}"


def _project_of(repository: Repository) -> tuple[str, str]:
    """The collection and the project that a scope means.

    Raises:
        Stalled: when it is an organisation: each of its projects has hooks of its own.
    """
    *collection, project = path_of(repository).split("/")
    if not collection:
        raise Stalled(f"{repository.name}: a service hook is of a project: --scope {repository.scope}/PROJECT")
    return "".join(f"/{quote(part)}" for part in collection), quote(project)


def _is_ours(line: Line, target: _Target) -> bool:
    """Whether a subscription may be of the hook that is looked for: a project may have hundreds of others."""
    return OURS in _of(line, "consumer", "url") and _of(line, "publisher", "repository").lower() == target.repository.lower()


def _grouped(lines: Iterable[Line]) -> list[list[Line]]:
    """The subscriptions that are a hook together: to one address, and one of each event; doubles are a second hook."""
    groups: dict[tuple[str, int], list[Line]] = defaultdict(list)
    seen: Counter[tuple[str, str]] = Counter()
    for line in lines:
        address, event = _of(line, "consumer", "url"), line["eventType"]
        groups[address, seen[address, event]].append(line)
        seen[address, event] += 1
    return list(groups.values())


def _subscriptions(hook: Hook) -> dict[str, str]:
    """The subscriptions that a hook consists of, by event."""
    return dict(zip(hook.events, hook.id.split(","), strict=True))


def _body(event: str, target: _Target, wish: Wish) -> dict[str, Any]:
    return {
        "publisherId": "tfs",
        "eventType": event,
        "resourceVersion": EVENTS[event],
        "consumerId": "webHooks",
        "consumerActionId": "httpRequest",
        "status": "enabled",
        "publisherInputs": {"projectId": target.project, "repository": target.repository},
        "consumerInputs": {
            "url": wish.address,
            "basicAuthUsername": "trueup",
            "basicAuthPassword": wish.secrets[Purpose.TOKEN],
            "acceptUntrustedCerts": "false",
            "resourceDetailsToSend": "all",
            "messagesToSend": "none",
            "detailedMessagesToSend": "none",
        },
    }


def _hook(lines: Sequence[Line], target: _Target, latest: Mapping[str, Attempt]) -> Hook:
    events = tuple(line["eventType"] for line in lines)
    missing = [event for event in EVENTS if event not in events]
    faults = [f"does not send {', '.join(missing)}"] if missing else []
    faults += [fault for line in lines for fault in _faults(line, target)]
    ended = _worst(latest[line["id"]] for line in lines if line["id"] in latest)
    return Hook(
        id=",".join(str(line["id"]) for line in lines),
        address=_of(lines[0], "consumer", "url"),
        events=events,
        faults=tuple(dict.fromkeys(faults)),
        trouble="" if ended is None or ended.is_good else f"its latest delivery: {ended}",
    )


def _faults(line: Line, target: _Target) -> Iterator[str]:
    """What of a subscription is not as it should be."""
    status = str(line.get("status", "enabled"))
    if status != "enabled":
        yield STATUSES.get(status, f"is {status[:50]}")
    if _of(line, "publisher", "repository").lower() != target.repository.lower():
        yield "is not of this repository alone" if target.repository else "is of one repository alone"
    for name in FILTERS:
        if value := _of(line, "publisher", name):
            yield f"only tells of some: {name} {value[:50]}"
    version = str(line.get("resourceVersion") or "latest")
    if version < EVENTS[line["eventType"]] or _of(line, "consumer", "resourceDetailsToSend").lower() not in {"", "all"}:
        yield "does not send all details"
    if _of(line, "consumer", "acceptUntrustedCerts").lower() == "true":
        yield "does not verify certificates"
    if not _of(line, "consumer", "basicAuthPassword"):
        yield "has no secret"


def _of(line: Line, side: str, name: str) -> str:
    """An input of a subscription's publisher or consumer; empty where it has none."""
    return str((line.get(f"{side}Inputs") or {}).get(name) or "")


def _attempt(line: Line) -> Attempt | None:
    """How a delivery ended; None where that is not said, or it was not sent."""
    if line["result"] == "succeeded":
        return Attempt(str(line["id"]), str(line["eventId"]), "", 200, "")
    if line["result"] != "failed":
        return None
    details = line.get("details") or {}
    said = str(details.get("errorMessage") or "")
    code = _CODE.search(said) or _CODE.search(str(details.get("response") or ""))
    return Attempt(str(line["id"]), str(line["eventId"]), "", int(code[1]) if code else 0, said[:200])


def _worst(attempts: Iterable[Attempt]) -> Attempt | None:
    """One that failed before one that did not: each subscription has a password of its own."""
    return min(attempts, key=lambda attempt: attempt.is_good, default=None)


def _moment(text: Any) -> float:
    """Seconds since the epoch; 0 where there is no time."""
    return datetime.fromisoformat(text).timestamp() if text else 0.0
