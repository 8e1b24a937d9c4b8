"""`trueup sync` and `trueup wait`: ask a running Trueup for something and follow it to its end."""

import re

import click

from reconciler.model.declared import Name
from trueup.cli.follow import exit_code_of, finish, follow
from trueup.cli.output import ExitCode, Failure, json_option, print_json, print_table
from trueup.cli.server import Server, run, with_server

SECONDS = {"s": 1, "m": 60, "h": 3600}


class Duration(click.ParamType[float]):
    """`90s`, `5m`, `1h`, or a number of seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        if isinstance(value, (int, float)):
            return float(value)
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", str(value))
        if not match:
            self.fail(f"{value!r} is no duration; write 90s, 5m or 1h", param, ctx)
        return float(match[1]) * SECONDS[match[2] or "s"]


timeout_option = click.option(
    "--timeout", type=Duration(), default="5m", show_default=True, help="How long to wait: 90s, 5m, 1h."
)


@click.command(epilog="Example: trueup sync my-web-app --refresh --only Deployment/web --timeout 2m")
@click.argument("application")
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
    application: str,
    only: tuple[str, ...],
    refresh: bool,
    dry_run: bool,
    force: bool,
    no_wait: bool,
    timeout: float,
    as_json: bool,
) -> None:
    """Sync an application to the newest commit of its revision now, and follow the job."""
    name = Name.parse(application)
    asked = {"only": only, "refresh": refresh, "dry_run": dry_run, "force": force}
    body = {name: value for name, value in asked.items() if value}
    accepted = run(where.request("POST", f"/api/v1/applications/{name}/sync", body=body))
    if no_wait:
        print_json(accepted) if as_json else click.echo(f"{where.url}{accepted['url']}")
        return
    job = run(follow(where, accepted["id"], timeout_seconds=timeout, say=(lambda _: None) if as_json else click.echo))
    if as_json:
        print_json(job)
        raise SystemExit(exit_code_of(job["state"]))
    finish(job)


@click.command(epilog="Example: trueup wait --commit 3f1c9a2 --timeout 10m")
@click.option("--commit", required=True, help="The commit: 40 hex digits, or what `git rev-parse HEAD` prints.")
@click.option("--repository", default="", help="Only the verdict of this Repository, `namespace/name`.")
@timeout_option
@with_server
@json_option
def wait(*, where: Server, commit: str, repository: str, timeout: float, as_json: bool) -> None:
    """Wait until it is decided whether a commit is live everywhere, and say so."""
    query = {"wait": f"{timeout:g}s"} | ({"repository": repository} if repository else {})
    answer = run(where.request("GET", f"/api/v1/commits/{commit}", query=query, wait_seconds=timeout))
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
        raise Failure(f"nothing is decided about {commit} after {timeout:g} s", ExitCode.TIMEOUT)
    if worst := next((code for code in (ExitCode.FAILED, ExitCode.HELD) if code in codes), None):
        raise Failure(f"commit {commit} is not live everywhere", worst)
