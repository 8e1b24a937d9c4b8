"""`trueup app orphans` and `trueup app remove`: what applications have left that are gone, renamed or moved."""

import click

from reconciler.model.declared import Name
from trueup.cli.arguments import NameType, timeout_option
from trueup.cli.follow import exit_code_of, finish, follow
from trueup.cli.output import ExitCode, Failure, Json, json_option, print_json
from trueup.cli.server import Server, run, with_server


@click.command(epilog="Example: trueup app orphans")
@with_server
@json_option
def orphans(*, where: Server, as_json: bool) -> None:
    """List what applications have left that are gone, renamed or moved, and how to take or remove it."""
    answer = run(where.request("GET", "/api/v1/orphans"))
    if as_json:
        print_json(answer)
        return
    for left in answer["items"]:
        _print(left)
    for cluster, reason in answer["unknown"].items():
        click.echo(f"{cluster}: not known: {reason}", err=True)
    if answer["items"]:
        click.echo("An Application that renders these objects takes them over as they are.")
    elif not answer["unknown"]:
        click.echo("nothing was left")


@click.command(epilog="Example: trueup app remove old-web --digest 5f0c…")
@click.argument("application", type=NameType())
@click.option("--cluster", default="in-cluster", show_default=True, help="Where it was left.")
@click.option("--digest", default="", help="Remove exactly this set; left out: show it.")
@timeout_option
@with_server
@json_option
def remove(*, where: Server, application: Name, cluster: str, digest: str, timeout: float, as_json: bool) -> None:
    """Delete exactly what an application has left that is gone, renamed or moved; without --digest, show what that is."""
    if not digest:
        raise _shown(run(where.request("GET", "/api/v1/orphans")), str(application), cluster)
    body = {"cluster": cluster, "digest": digest}
    accepted = run(where.request("POST", f"/api/v1/orphans/{application}/remove", body=body))
    job = run(follow(where, accepted["id"], timeout_seconds=timeout, tell=(lambda _: None) if as_json else click.echo))
    if as_json:
        print_json(job)
        raise SystemExit(exit_code_of(job["state"]))
    finish(job)


def _shown(answer: Json, application: str, cluster: str) -> Failure:
    """The set that would be removed is shown; what to do next."""
    found = [left for left in answer["items"] if (left["application"], left["cluster"]) == (application, cluster)]
    if not found:
        return Failure(f"{application} has left nothing in {cluster}, or is declared there")
    _print(found[0])
    return Failure("nothing was removed; the command above removes exactly these objects", ExitCode.HELD)


def _print(left: Json) -> None:
    click.echo(f"{left['application']} in {left['cluster']}: {left['reason']}")
    for name in left["objects"]:
        click.echo(f"  {name}")
    where = "" if left["cluster"] == "in-cluster" else f" --cluster {left['cluster']}"
    click.echo(f"  remove with: trueup app remove {left['application']}{where} --digest {left['digest']}")
