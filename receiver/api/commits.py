"""Is this commit live? One verdict per repository and cluster; with `?wait=` the answer comes when it is decided."""

import asyncio

from aiohttp import web

from jobs.store.jobs import JobFilter
from jobs.verdicts import verdicts
from receiver.api.answers import json, seconds
from receiver.api.events import listening
from receiver.auth import Role
from receiver.front import END, FRONT, Front
from receiver.problems import Refused
from receiver.schemas import CommitAnswer

LOOK_SECONDS = 5.0
"""Should an event be missed, the records are looked at this often."""

JOBS = 100
"""Jobs of one commit that are looked at."""


async def get(request: web.Request) -> web.Response:
    """The verdicts on a commit, and its jobs."""
    front = request.app[FRONT]
    front.tokens.require(request, Role.VIEWER)
    commit, repository = asked(request)
    wait = seconds(request.query["wait"]) if "wait" in request.query else 0.0
    return json(await _decided(request, commit, repository, wait))


def asked(request: web.Request) -> tuple[str, str]:
    """The commit that a request names, and the repository where it names one.

    Raises:
        Refused: when it is no commit.
    """
    commit = request.match_info["sha"].lower()
    if len(commit) not in (40, 64) or not all(c in "0123456789abcdef" for c in commit):
        raise Refused(400, "Bad Request", "the commit must be its full hash: git rev-parse HEAD")
    repository = request.query.get("repository", "")
    return commit, f"trueup/{repository}" if repository and "/" not in repository else repository


async def _decided(request: web.Request, commit: str, repository: str, wait_seconds: float) -> CommitAnswer:
    """The answer when it is decided, when time is up, or when nobody waits any more."""
    front = request.app[FRONT]
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_seconds
    with listening(front) as events:
        while True:
            answer = await look(front, commit, repository)
            is_decided = answer.verdicts and all(verdict.state.is_decided for verdict in answer.verdicts)
            left = deadline - loop.time()
            if is_decided or left <= 0 or request.transport is None:
                return answer
            try:
                async with asyncio.timeout(min(left, LOOK_SECONDS)):
                    news = [await events.get()]
                while not events.empty():
                    news.append(events.get_nowait())
                if END in news:
                    return answer
            except TimeoutError:
                continue


async def look(front: Front, commit: str, repository: str) -> CommitAnswer:
    """What is said of a commit now."""
    jobs, _ = await front.jobs.find(JobFilter(commit=commit, repository=repository), limit=JOBS)
    found = verdicts(jobs, commit=commit, instance=front.settings.instance)
    return CommitAnswer(verdicts=found, jobs=tuple(jobs))
