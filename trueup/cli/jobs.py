"""`trueup job`: what was done, is being done, and waits."""

import click

from reconciler.model.declared import Name
from trueup.cli.arguments import CommitType, JobIdType, NameType
from trueup.cli.follow import story
from trueup.cli.output import json_option, print_json, print_table, say
from trueup.cli.server import Server, run, with_server

STATES = ("queued", "running", "waiting", "held", "succeeded", "failed", "superseded", "ignored")
"""As `jobs.records` has them, which a command that only asks need not import."""


@click.group()
def job() -> None:
    """Jobs: the work that follows from a push, a request, a poll or drift."""


@job.command("list", epilog="Example: trueup job list --application my-web-app --state failed")
@click.option("--repository", type=NameType(), help="Of a Repository: `namespace/name`, or a name in the namespace trueup.")
@click.option("--commit", type=CommitType(), default="", help="About a commit: what `git rev-parse` prints.")
@click.option("--application", type=NameType(), help="Of an Application: `namespace/name`, or a name in the namespace trueup.")
@click.option("--state", type=click.Choice(STATES), help="In a state.")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True, help="How many at most.")
@with_server
@json_option
def list_(*, where: Server, limit: int, as_json: bool, **wanted: Name | str | None) -> None:
    """List jobs, newest first."""
    query = {key: str(value) for key, value in wanted.items() if value} | {"limit": str(limit)}
    answer = run(where.request("GET", "/api/v1/jobs", query=query))
    if as_json:
        print_json(answer)
        return
    print_table(
        ("ID", "KIND", "STATE", "COMMIT", "CREATED", "MESSAGE"),
        [(j["id"], j["kind"], j["state"], j["commit"][:12], j["created"][:19], j["message"]) for j in answer["items"]],
    )


@job.command(epilog="Example: trueup job get 01k2…")
@click.argument("job_id", type=JobIdType())
@with_server
@json_option
def get(*, where: Server, job_id: str, as_json: bool) -> None:
    """Show one job: its stages, and what each sync did."""
    answer = run(where.request("GET", f"/api/v1/jobs/{job_id}"))
    if as_json:
        print_json(answer)
        return
    for label in ("id", "kind", "state", "message", "repository", "ref", "commit", "actor"):
        say(f"{label.capitalize() + ':':12} {answer[label] or '-'}")
    for line in story(answer):
        say(f"  {line}")
