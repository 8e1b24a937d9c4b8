"""`trueup sync` and `trueup wait`: ask a running Trueup for something and follow it to its end."""

import asyncio
import math
import time

import click

from reconciler.model.declared import Name
from trueup.cli.arguments import CommitType, NameType, timeout_option
from trueup.cli.follow import exit_code_of, finish, follow
from trueup.cli.output import ExitCode, Failure, Json, json_option, print_json, print_table, say
from trueup.cli.server import Server, run, with_server

ONE_WAIT_SECONDS = 300.0
"""One request waits no longer, as `receiver.api.answers` has it; who waits longer asks again."""

PAUSE_SECONDS = 1.0
"""Between two requests: a server that stops answers at once, whatever is known."""


@click.command(epilog="Example: trueup sync my-web-app --refresh --only Deployment/web --timeout 2m")
@click.argument("application", type=NameType())
@click.option("--only", multiple=True, metavar="KIND/NAME", help="Only this object; may be repeated. Nothing is deleted then.")
@click.option("--refresh", is_flag=True, help="List the live objects, instead of trusting what the watches have told.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--force", is_flag=True, help="Also a commit that was rolled back, or is quarantined after it failed.")
@click.option("--no-wait", is_flag=True, help="Print the job's address and leave.")
@timeout_option
@with_server
@json_option
def sync(
    *,
    where: Server,
    application: Name,
    only: tuple[str, ...],
    refresh: bool,
    dry_run: bool,
    force: bool,
    no_wait: bool,
    timeout: float,
    as_json: bool,
) -> None:
    """Sync an application to the newest commit of its revision now, and follow the job."""
    asked = {"only": only, "refresh": refresh, "dry_run": dry_run, "force": force}
    body = {name: value for name, value in asked.items() if value}
    accepted = run(where.request("POST", f"/api/v1/applications/{application}/sync", body=body))
    if no_wait:
        print_json(accepted) if as_json else say(f"{where.url}{accepted['url']}")
        return
    job = run(follow(where, accepted["id"], timeout_seconds=timeout, tell=(lambda _: None) if as_json else say))
    if as_json:
        print_json(job)
        raise SystemExit(exit_code_of(job["state"]))
    finish(job)


@click.command(epilog="Example: trueup wait --commit $(git rev-parse HEAD) --timeout 10m")
@click.option("--commit", required=True, type=CommitType(), help="The commit: what `git rev-parse HEAD` prints.")
@click.option("--repository", type=NameType(), help="Only the verdict of this Repository: `namespace/name`, or a name.")
@timeout_option
@with_server
@json_option
def wait(*, where: Server, commit: str, repository: Name | None, timeout: float, as_json: bool) -> None:
    """Wait until it is decided whether a commit is live everywhere, and say so."""
    answer = run(_decided(where, commit, {"repository": str(repository)} if repository else {}, timeout))
    verdicts = answer["verdicts"]
    if as_json:
        print_json(answer)
    else:
        print_table(
            ("REPOSITORY", "CLUSTER", "STATE", "MESSAGE"),
            [(v["repository"], v["cluster"], v["state"], v["message"]) for v in verdicts],
        )
    codes = [exit_code_of(verdict["state"]) for verdict in verdicts]
    if not codes or ExitCode.TIMEOUT in codes:
        told = "was it pushed, and does an Application follow its branch? what arrived: trueup job list"
        raise Failure(f"nothing is decided about {commit} after {timeout:g} s; {told}", ExitCode.TIMEOUT)
    if worst := next((code for code in (ExitCode.FAILED, ExitCode.HELD) if code in codes), None):
        raise Failure(f"commit {commit} is not live everywhere", worst)


async def _decided(where: Server, commit: str, query: dict[str, str], timeout_seconds: float) -> Json:
    """What is said of a commit once all of it is decided, or when time is up."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        left = deadline - time.monotonic()
        part = min(max(math.ceil(left * 1000) / 1000, 0.0), ONE_WAIT_SECONDS)
        path = f"/api/v1/commits/{commit}"
        answer = await where.request("GET", path, query={"wait": f"{part:g}s"} | query, wait_seconds=part)
        codes = [exit_code_of(verdict["state"]) for verdict in answer["verdicts"]]
        if (codes and ExitCode.TIMEOUT not in codes) or left <= part:
            return answer
        await asyncio.sleep(PAUSE_SECONDS)
