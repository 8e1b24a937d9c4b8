"""GitLab's API of merge requests, notes and members.

https://docs.gitlab.com/api/merge_requests/, https://docs.gitlab.com/api/notes/, https://docs.gitlab.com/api/project_members/
"""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import aiohttp

from jobs.forges.api import Api
from jobs.forges.conversation import DECLARED_AT, Pull, is_edited
from jobs.forges.forge import as_documented
from jobs.forges.gitlab import private_token, project_of
from jobs.forges.lists import Line, paged
from jobs.orders import Standing
from reconciler.model.declared import Repository

PERMISSION = "the scope `api` and at least the role Reporter in this project"

DEVELOPER, MAINTAINER = 30, 40
"""https://docs.gitlab.com/api/access_requests/#valid-access-levels"""

PAGE = 100


class GitLabConversation:
    """GitLab's merge requests."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._api = Api(session, PERMISSION, private_token, DECLARED_AT)

    @as_documented
    async def pull(self, repository: Repository, number: int, token: str) -> Pull:
        """One merge request."""
        return _pull(await self._call("GET", repository, f"/merge_requests/{number}", token))

    @as_documented
    async def open_pulls(self, repository: Repository, token: str) -> list[Pull]:
        """Those that are open, newest first, at most a thousand."""
        return [_pull(line) async for line in self._pages(repository, "/merge_requests?state=opened", token)]

    @as_documented
    async def find_comment(self, repository: Repository, number: int, marker: str, token: str) -> str:
        """The id of our note that begins with *marker*; empty when there is none."""
        async for line in self._pages(repository, f"/merge_requests/{number}/notes?sort=asc", token):
            if str(line["body"]).startswith(marker):
                return str(line["id"])
        return ""

    @as_documented
    async def write_comment(self, repository: Repository, number: int, text: str, token: str) -> str:
        """Write a note; its id."""
        return str((await self._call("POST", repository, f"/merge_requests/{number}/notes", token, {"body": text}))["id"])

    @as_documented
    async def edit_comment(self, repository: Repository, number: int, comment: str, text: str, token: str) -> bool:
        """Make a note another text; False when it is gone, or another's."""
        path = f"/merge_requests/{number}/notes/{quote(comment)}"
        return await is_edited(self._call("PUT", repository, path, token, {"body": text}))

    @as_documented
    async def standing(self, repository: Repository, person: str, token: str) -> Standing:
        """What somebody may do: a Developer writes, a Maintainer maintains; by way of groups too."""
        found = await self._api.call("GET", repository, f"/users?username={quote(person, safe='')}", token)
        same = [user["id"] for user in found if str(user["username"]).lower() == person.lower()]
        member = await self._api.find(repository, _path(repository, f"/members/all/{int(same[0])}"), token) if same else None
        if member is None:
            return Standing.NONE
        level = int(member["access_level"]) if member.get("state", "active") == "active" else 0
        return Standing.MAINTAINS if level >= MAINTAINER else Standing.WRITES if level >= DEVELOPER else Standing.NONE

    @as_documented
    async def react(self, repository: Repository, number: int, comment: str, token: str, *, is_good: bool) -> None:
        """Show that a note was read."""
        path = f"/merge_requests/{number}/notes/{quote(comment)}/award_emoji"
        await self._call("POST", repository, path, token, {"name": "rocket" if is_good else "confused"})

    def _pages(self, repository: Repository, path: str, token: str) -> AsyncIterator[Line]:
        return paged(lambda page: self._call("GET", repository, f"{path}&per_page={PAGE}&page={page}", token), PAGE)

    async def _call(self, method: str, repository: Repository, path: str, token: str, body: Any = None) -> Any:
        return await self._api.call(method, repository, _path(repository, path), token, body)


def _path(repository: Repository, path: str) -> str:
    return f"/projects/{project_of(repository)}{path}"


def _pull(line: Line) -> Pull:
    return Pull(
        number=int(line["iid"]),
        commit=str(line["sha"]),
        ref=f"refs/merge-requests/{int(line['iid'])}/head",
        base=f"refs/heads/{line['target_branch']}",
        is_fork=line["source_project_id"] != line["target_project_id"],
        is_open=line["state"] == "opened",
    )
