"""`trueup job`: what was done, is being done, and waits."""

import click

from trueup.cli.follow import story
from trueup.cli.output import json_option, print_json, print_table
from trueup.cli.server import Server, run, with_server


@click.group()
def job() -> None:
    """Jobs: the work that follows from a push, a request, a poll or drift."""


@job.command("list", epilog="Example: trueup job list --application my-web-app --state failed")
@click.option("--repository", default="", help="`namespace/name` of a Repository.")
@click.option("--commit", default="", help="40 hex digits.")
@click.option("--application", default="", help="`namespace/name`, or a name in the namespace trueup.")
@click.option("--state", default="", help="queued, running, waiting, held, succeeded, failed, superseded or ignored.")
@click.option("--limit", default=20, show_default=True, help="How many, newest first.")
@with_server
@json_option
def list_(*, where: Server, repository: str, commit: str, application: str, state: str, limit: int, as_json: bool) -> None:
    """List jobs, newest first."""
    wanted = {"repository": repository, "commit": commit, "application": application, "state": state, "limit": str(limit)}
    query = {key: value for key, value in wanted.items() if value}
    answer = run(where.request("GET", "/api/v1/jobs", query=query))
    if as_json:
        print_json(answer)
        return
    print_table(
        ("ID", "KIND", "STATE", "COMMIT", "CREATED", "MESSAGE"),
        [(j["id"], j["kind"], j["state"], j["commit"][:12], j["created"][:19], j["message"]) for j in answer["items"]],
    )


@job.command(epilog="Example: trueup job get 01k2…")
@click.argument("job_id")
@with_server
@json_option
def get(*, where: Server, job_id: str, as_json: bool) -> None:
    """Show one job: its stages, and what each sync did."""
    answer = run(where.request("GET", f"/api/v1/jobs/{job_id}"))
    if as_json:
        print_json(answer)
        return
    for label in ("id", "kind", "state", "message", "repository", "ref", "commit", "actor"):
        click.echo(f"{label.capitalize() + ':':12} {answer[label] or '-'}")
    for line in story(answer):
        click.echo(f"  {line}")
