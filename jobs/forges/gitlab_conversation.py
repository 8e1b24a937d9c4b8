"""GitLab's API of merge requests, notes and members.

https://docs.gitlab.com/api/merge_requests/, https://docs.gitlab.com/api/notes/, https://docs.gitlab.com/api/project_members/
"""

import time
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

import aiohttp

from jobs.forges.api import parsed
from jobs.forges.conversation import COMMENTS, GONE, Pull
from jobs.forges.forge import PAGES, Denied, Refusal, as_documented
from jobs.forges.gitlab import ask, project_of
from jobs.orders import Standing
from reconciler.model.declared import Repository

PERMISSION = "the scope `api` and at least the role Reporter in this project"
DECLARED_AT = "spec.pullRequests.secretRef (left out: of spec.commitStatus.secretRef)"

DEVELOPER, MAINTAINER = 30, 40
"""https://docs.gitlab.com/api/access_requests/#valid-access-levels"""

PAGE = 100


class GitLabConversation:
    """GitLab's merge requests."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

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
        try:
            path = f"/merge_requests/{number}/notes/{quote(comment)}"
            await self._call("PUT", repository, path, token, {"body": text})
        except Denied as error:
            if error.status in GONE:
                return False
            raise
        return True

    @as_documented
    async def standing(self, repository: Repository, person: str, token: str) -> Standing:
        """What somebody may do: a Developer writes, a Maintainer maintains; by way of groups too."""
        found = await self._ask("GET", repository, f"/users?username={quote(person, safe='')}", token)
        same = [user["id"] for user in found if str(user["username"]).lower() == person.lower()]
        if not same:
            return Standing.NONE
        try:
            member = await self._call("GET", repository, f"/members/all/{int(same[0])}", token)
        except Denied as error:
            if error.status == 404:
                return Standing.NONE
            raise
        level = int(member["access_level"]) if member.get("state", "active") == "active" else 0
        return Standing.MAINTAINS if level >= MAINTAINER else Standing.WRITES if level >= DEVELOPER else Standing.NONE

    @as_documented
    async def react(self, repository: Repository, number: int, comment: str, token: str, *, is_good: bool) -> None:
        """Show that a note was read."""
        path = f"/merge_requests/{number}/notes/{quote(comment)}/award_emoji"
        await self._call("POST", repository, path, token, {"name": "rocket" if is_good else "confused"})

    async def _pages(self, repository: Repository, path: str, token: str) -> AsyncIterator[Mapping[str, Any]]:
        for page in range(1, PAGES + 1):
            lines = await self._call("GET", repository, f"{path}&per_page={PAGE}&page={page}", token)
            for line in lines:
                yield line
            if len(lines) < PAGE or page * PAGE >= COMMENTS:
                return

    async def _call(self, method: str, repository: Repository, path: str, token: str, body: Any = None) -> Any:
        return await self._ask(method, repository, f"/projects/{project_of(repository)}{path}", token, body)

    async def _ask(self, method: str, repository: Repository, path: str, token: str, body: Any = None) -> Any:
        status, headers, answer = await ask(self._session, method, repository, path, token, body)
        what = f"{repository.name}: {repository.api}{path.partition('?')[0]}"
        if status < 300:
            return parsed(answer, what)
        said = answer.decode(errors="replace")[:300]
        raise Refusal(status, headers, said).error(what, permission=PERMISSION, now=time.time(), declared_at=DECLARED_AT)


def _pull(line: Mapping[str, Any]) -> Pull:
    return Pull(
        number=int(line["iid"]),
        commit=str(line["sha"]),
        ref=f"refs/merge-requests/{int(line['iid'])}/head",
        base=f"refs/heads/{line['target_branch']}",
        is_fork=line["source_project_id"] != line["target_project_id"],
        is_open=line["state"] == "opened",
    )
