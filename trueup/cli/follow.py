"""Following a job to its end: its stages and steps as they happen, for people; and the exit code that its end means."""

import asyncio
import time
from collections.abc import Callable, Iterator

from trueup.cli.output import ExitCode, Failure, Json, say
from trueup.cli.server import Server

LOOK_SECONDS = 0.25
"""How often a job is looked at; a person does not notice less."""

FINAL = {"succeeded": ExitCode.DONE, "ignored": ExitCode.DONE, "failed": ExitCode.FAILED, "superseded": ExitCode.FAILED}
"""States after which nothing more happens by itself."""


def exit_code_of(state: str) -> ExitCode:
    """The exit code that a state of a job or verdict means when nothing more is waited for."""
    return ExitCode.HELD if state == "held" else FINAL.get(state, ExitCode.TIMEOUT)


async def follow(server: Server, job_id: str, *, timeout_seconds: float, tell: Callable[[str], None]) -> Json:
    """Watch a job until it is final, held, or time is up; returns its last record.

    Raises:
        Failure: when the server stops answering.
    """
    said: set[str] = set()
    deadline = time.monotonic() + timeout_seconds
    while True:
        job = await server.request("GET", f"/api/v1/jobs/{job_id}")
        for line in story(job):
            if line not in said:
                said.add(line)
                tell(line)
        waits = f"waits: {job['message']}"
        if job["state"] == "waiting" and waits not in said:
            said.add(waits)
            tell(waits)
        if job["state"] in FINAL or job["state"] == "held" or time.monotonic() > deadline:
            return job
        await asyncio.sleep(LOOK_SECONDS)


def story(job: Json) -> Iterator[str]:
    """The lines that tell a job so far, in order; a line that was told never changes."""
    for stage in job["stages"]:
        detail = f"  {stage['detail']}" if stage["detail"] else ""
        yield f"{stage['at'][11:23]}  {stage['name']}{detail}"
    for sync in job["syncs"]:
        yield from _story_of_sync(sync)


def _story_of_sync(sync: Json) -> Iterator[str]:
    if any(versions := sync.get("versions", ())):
        yield f"  version {sync['application']}  {', '.join(version or '-' for version in versions)}"
    for step in sync["steps"]:
        outcome = step["error"] or step["reason"]
        yield f"  {step['action']:7} {step['object']}  {outcome}"
    for hold in sync["holds"]:
        yield f"  held    {len(hold['objects'])} deletions: {hold['reason']}"
    for found in sync["policies"]:
        yield f"  {found['action']:7} {found['object']}  {found['rule']}: {found['message']}"
    for notice in sync["notices"]:
        yield f"  note    {notice}"


def finish(job: Json) -> None:
    """Say a job's result and end the command with its exit code."""
    state = job["state"]
    code = exit_code_of(state)
    message = f"{state}: {job['message']}" if job["message"] else state
    if code is ExitCode.DONE:
        say(message)
        return
    hint = ""
    if state == "held":
        names = " ".join(sync["application"] for sync in job["syncs"] if sync["state"] == "held")
        hint = f"; see what is held with: trueup app get {names}; delete exactly that with: trueup app approve {names}"
    raise Failure(f"job {job['id']} {message}{hint}", code)
