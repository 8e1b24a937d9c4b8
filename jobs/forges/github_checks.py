"""GitHub: check runs, which GitHub Apps write in place of commit statuses.

https://docs.github.com/en/rest/checks/runs
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import aiohttp

from jobs.forges.forge import RECENT, Status, StatusState, as_documented, cut, path_of, short, shows
from jobs.forges.github import Request, call
from jobs.report import Report
from reconciler.model.declared import Repository

PERMISSION = "the permission `checks: write`, which the GitHub App must have on this repository"

TITLE_LENGTH = 255

CONCLUSIONS = {
    StatusState.SUCCESS: "success",
    StatusState.FAILURE: "failure",
    StatusState.ERROR: "cancelled",
}


@dataclass(frozen=True, slots=True)
class Run:
    """A check run as GitHub has it."""

    id: str
    is_completed: bool
    shown: Mapping[str, Any] = field(default_factory=dict)
    """All of it, as GitHub answered."""


class GitHubChecks:
    """GitHub's check runs; one has the name of the status that it stands for."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    @as_documented
    async def create(self, repository: Repository, commit: str, status: Status, report: Report, token: str) -> str:
        """Make a check run; its id."""
        body = {"name": status.context, "head_sha": commit, "external_id": external_id(repository), **_body(status, report)}
        return str(int((await self._call("POST", repository, "/check-runs", token, body))["id"]))

    @as_documented
    async def update(self, repository: Repository, run: str, status: Status, report: Report, token: str) -> None:
        """Write a check run anew; annotations come beside those that it has."""
        await self._call("PATCH", repository, f"/check-runs/{run}", token, _body(status, report))

    @as_documented
    async def newest(self, repository: Repository, commit: str, context: str, token: str) -> Run | None:
        """The newest check run of this name that is ours; None when there is none."""
        path = f"/commits/{commit}/check-runs?check_name={quote(context, safe='')}&filter=latest&per_page=100"
        found = (await self._call("GET", repository, path, token))["check_runs"]
        ours = [run for run in found if run["external_id"] == external_id(repository) and run["name"] == context]
        newest = max(ours, key=lambda run: int(run["id"]), default=None)
        return Run(str(int(newest["id"])), newest["status"] == "completed", newest) if newest else None

    @as_documented
    async def has(self, repository: Repository, commit: str, status: Status, token: str) -> Run | None:
        """The newest check run of this name that is ours, where it says this."""
        run = await self.newest(repository, commit, status.context, token)
        if run is None:
            return None
        told = _body(status, Report())
        title = {"title": told.pop("output")["title"]}
        return run if shows(run.shown, told) and shows(run.shown["output"], title) else None

    @as_documented
    async def pending(self, repository: Repository, ref: str, context: str, token: str) -> list[str]:
        """Recent commits of a ref whose newest check run of this name is not completed."""
        commits = await self._call("GET", repository, f"/commits?sha={quote(short(ref), safe='')}&per_page={RECENT}", token)
        runs = [(commit["sha"], await self.newest(repository, commit["sha"], context, token)) for commit in commits]
        return [commit for commit, run in runs if run is not None and not run.is_completed]

    async def _call(self, method: str, repository: Repository, path: str, token: str, body: Any = None) -> Any:
        request = Request(self._session, repository, token, PERMISSION)
        return await call(request, method, f"/repos/{quote(path_of(repository))}{path}", body)


def external_id(repository: Repository) -> str:
    """By which a check run of ours is known again."""
    return f"trueup:{repository.name}"


def _body(status: Status, report: Report) -> dict[str, Any]:
    title = cut(status.description, TITLE_LENGTH) or str(status.state)
    output: dict[str, Any] = {"title": title, "summary": report.summary or title}
    if report.annotations:
        output["annotations"] = [
            {
                "path": found.path, "start_line": found.line, "end_line": found.line,
                "annotation_level": "failure", "message": found.message,
            }
            for found in report.annotations
        ]  # fmt: skip
    body: dict[str, Any] = {"status": "in_progress", "output": output}
    if conclusion := CONCLUSIONS.get(status.state):
        body |= {"status": "completed", "conclusion": conclusion}
    if status.target_url:
        body["details_url"] = status.target_url
    return body
