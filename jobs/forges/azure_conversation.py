"""The API of pull requests, threads and permissions of Azure DevOps Services and Server.

https://learn.microsoft.com/en-us/rest/api/azure/devops/git/pull-requests, .../git/pull-request-threads,
.../security/access-control-lists/query, .../ims/identities/read-identities
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp

from jobs.forges.api import Api
from jobs.forges.azure import VERSION, head_of, location_of, login, open_lines, path_in
from jobs.forges.conversation import DECLARED_AT, Pull, is_edited
from jobs.forges.forge import Denied, as_documented
from jobs.forges.lists import LONGEST, Line
from jobs.orders import Standing
from reconciler.model.declared import Repository

PERMISSION = "the scope `Code (read & write)`, of an account that may contribute to pull requests of this repository"

LOOKING_UP = "the scopes `Identity (read)` and `Security (manage)`: who may command is asked of Azure DevOps"

GIT_REPOSITORIES = "2e9eb7ed-3c0a-47d4-87c1-0ffdd275fd87"
CONTRIBUTE, MANAGE_PERMISSIONS = 4, 8192
"""The security namespace of repositories, and two permissions in it.
https://learn.microsoft.com/en-us/azure/devops/organizations/security/namespace-reference#git-repositories"""

SERVICES, IDENTITIES = "dev.azure.com", "https://vssps.dev.azure.com"
"""Azure DevOps Services knows people at another address than repositories; a Server has both at one."""

_COMMENT = re.compile(r"([0-9]{1,10})/([0-9]{1,10})")
"""A comment's id: its thread's, and its own within that."""


class AzureConversation:
    """Pull requests of Azure Repos."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._api = Api(session, PERMISSION, login, DECLARED_AT)
        self._people = Api(session, LOOKING_UP, login, DECLARED_AT)

    @as_documented
    async def pull(self, repository: Repository, number: int, token: str) -> Pull:
        """One pull request."""
        return _pull(await self._call("GET", repository, f"/pullrequests/{number}?{VERSION}", token))

    @as_documented
    async def open_pulls(self, repository: Repository, token: str) -> list[Pull]:
        """Those that are open, newest first, at most a thousand."""
        return [_pull(line) async for line in open_lines(self._api, repository, token)]

    @as_documented
    async def find_comment(self, repository: Repository, number: int, marker: str, token: str) -> str:
        """The id of our comment that begins with *marker*; empty when there is none. All threads come at once."""
        threads = (await self._call("GET", repository, f"/pullrequests/{number}/threads?{VERSION}", token))["value"]
        for thread in threads[:LONGEST]:
            for comment in thread["comments"][:1]:
                if str(comment.get("content", "")).startswith(marker) and not comment.get("isDeleted"):
                    return _id(thread, comment)
        return ""

    @as_documented
    async def write_comment(self, repository: Repository, number: int, text: str, token: str) -> str:
        """Write a comment in a thread of its own, which is closed: it must hold up nobody who has to resolve all threads. Its id."""
        comment = {"parentCommentId": 0, "content": text, "commentType": "text"}
        body = {"comments": [comment], "status": "closed"}
        thread = await self._call("POST", repository, f"/pullrequests/{number}/threads?{VERSION}", token, body)
        return _id(thread, thread["comments"][0])

    @as_documented
    async def edit_comment(self, repository: Repository, number: int, comment: str, text: str, token: str) -> bool:
        """Make a comment another text; False when it is gone, or another's."""
        place = _place(number, comment)

        async def edit() -> None:
            edited = await self._call("PATCH", repository, f"{place}?{VERSION}", token, {"content": text})
            if edited.get("isDeleted"):  # deleted ones are kept, and shown to nobody
                raise Denied(f"{repository.name}: comment {comment} was deleted", 410)

        return bool(place) and await is_edited(edit())

    @as_documented
    async def standing(self, repository: Repository, person: str, token: str) -> Standing:
        """What somebody may do: who may contribute writes, who may manage permissions maintains; groups count, and what is denied.

        Of somebody who is not found for certain, and of a repository whose permissions are not told, nothing.
        """
        descriptor = await self._descriptor(repository, person, token)
        if not descriptor:
            return Standing.NONE
        found = await self._call("GET", repository, f"?{VERSION}", token)
        asked = {
            "token": f"repoV2/{found['project']['id']}/{found['id']}",
            "descriptors": descriptor,
            "includeExtendedInfo": "true",
        }
        path = f"{location_of(repository).collection}/_apis/accesscontrollists/{GIT_REPOSITORIES}?{urlencode(asked)}&{VERSION}"
        lists = (await self._people.call("GET", repository, path, token))["value"]
        entries = [entry for line in lists for entry in line["acesDictionary"].values() if entry["descriptor"] == descriptor]
        return _standing(entries[0].get("extendedInfo") or {}) if len(entries) == 1 else Standing.NONE

    @as_documented
    async def react(self, repository: Repository, number: int, comment: str, token: str, *, is_good: bool) -> None:
        """Like a comment that was obeyed; Azure DevOps has no other sign."""
        if is_good and (place := _place(number, comment)):
            await self._call("POST", repository, f"{place}/likes?{VERSION}", token)

    async def _descriptor(self, repository: Repository, person: str, token: str) -> str:
        """By what permissions know somebody; empty when it is not exactly one active account that is called so."""
        at = replace(repository, api=IDENTITIES) if urlsplit(repository.api).hostname == SERVICES else repository
        query = urlencode({"searchFilter": "General", "filterValue": person, "queryMembership": "None"})
        path = f"{location_of(repository).collection}/_apis/identities?{query}&{VERSION}"
        people = (await self._people.call("GET", at, path, token))["value"]
        found = {
            str(one["descriptor"])
            for one in people
            if one and one.get("isActive") is True and not one.get("isContainer") and person.casefold() in _names(one)
        }
        return found.pop() if len(found) == 1 else ""

    async def _call(self, method: str, repository: Repository, path: str, token: str, body: Any = None) -> Any:
        return await self._api.call(method, repository, path_in(repository) + path, token, body)


def _names(identity: Mapping[str, Any]) -> Iterator[str]:
    """What an account is called: not the name that it shows, which people choose themselves."""
    account, domain = (str(identity["properties"].get(name, {}).get("$value", "")).casefold() for name in ("Account", "Domain"))
    if account:  # else whoever an event does not name would be called so
        yield account
        yield f"{domain}\\{account}"


def _standing(info: Mapping[str, Any]) -> Standing:
    """From what is allowed by somebody's groups and inherited, and not denied."""
    allowed = int(info.get("effectiveAllow") or 0) & ~int(info.get("effectiveDeny") or 0)
    if not allowed & CONTRIBUTE:
        return Standing.NONE
    return Standing.MAINTAINS if allowed & MANAGE_PERMISSIONS else Standing.WRITES


def _id(thread: Line, comment: Line) -> str:
    return f"{int(thread['id'])}/{int(comment['id'])}"


def _place(number: int, comment: str) -> str:
    """Where a comment is beneath a repository; empty when that is the id of none."""
    found = _COMMENT.fullmatch(comment)
    return f"/pullrequests/{number}/threads/{found[1]}/comments/{found[2]}" if found else ""


def _pull(line: Line) -> Pull:
    """Its head is not told before it was merged on trial; a fork's commits are in the fork alone."""
    is_fork = line.get("forkSource") is not None
    return Pull(
        number=int(line["pullRequestId"]),
        commit=head_of(line, "lastMergeSourceCommit"),
        ref="" if is_fork else str(line["sourceRefName"]),
        base=str(line["targetRefName"]),
        is_fork=is_fork,
        is_open=line["status"] == "active",
    )
