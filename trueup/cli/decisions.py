"""`trueup app pause`, `resume` and `rollback`: what people decide about an application, followed to its end."""

from collections.abc import Iterator

import click

from reconciler.model.declared import Name
from trueup.cli.arguments import Duration, NameType, timeout_option
from trueup.cli.follow import exit_code_of, finish, follow
from trueup.cli.output import Json, json_option, print_json, say
from trueup.cli.server import Server, run, with_server


@click.command(epilog='Example: trueup app pause my-web-app --for 2h --reason "database migration"')
@click.argument("application", type=NameType())
@click.option("--for", "duration", type=Duration(), default=None, help="How long: 90m, 2h; left out: until somebody resumes.")
@click.option("--reason", required=True, help="For those who wonder why nothing is synced.")
@timeout_option
@with_server
@json_option
def pause(*, where: Server, application: Name, duration: float | None, reason: str, timeout: float, as_json: bool) -> None:
    """Sync and repair nothing of an application until the time is over; drift is still found and told."""
    body = {"reason": reason} | ({"for": f"{duration:g}s"} if duration else {})
    _ask(where, application, "pause", body, timeout=timeout, as_json=as_json)


@click.command(epilog="Example: trueup app resume my-web-app")
@click.argument("application", type=NameType())
@timeout_option
@with_server
@json_option
def resume(*, where: Server, application: Name, timeout: float, as_json: bool) -> None:
    """End a pause; where there is none, end a rollback and its quarantine. The newest revision is synced."""
    _ask(where, application, "resume", {}, timeout=timeout, as_json=as_json)


@click.command(epilog='Example: trueup app rollback my-web-app --to 3f1c9a2 --reason "too slow"')
@click.argument("application", type=NameType())
@click.option(
    "--to", default="", help="A commit, or at least seven digits of it; left out: the last one that was healthy before."
)
@click.option("--reason", default="", help="For those who wonder why the newest revision is not live.")
@timeout_option
@with_server
@json_option
def rollback(*, where: Server, application: Name, to: str, reason: str, timeout: float, as_json: bool) -> None:
    """Return to an older revision, and stay there until a newer commit changes the application, or somebody resumes."""
    _ask(where, application, "rollback", {"to": to, "reason": reason}, timeout=timeout, as_json=as_json)


def _ask(where: Server, application: Name, what: str, body: Json, *, timeout: float, as_json: bool) -> None:
    accepted = run(where.request("POST", f"/api/v1/applications/{application}/{what}", body=body))
    job = run(follow(where, accepted["id"], timeout_seconds=timeout, tell=(lambda _: None) if as_json else say))
    if as_json:
        print_json(job)
        raise SystemExit(exit_code_of(job["state"]))
    finish(job)


def story_of(application: Json) -> Iterator[str]:
    """What people decided about an application, and its sync windows, for `trueup app get`."""
    name = application["name"]
    if pause := application["pause"]:
        until = _minute(pause["until"]) if pause["until"] else "somebody resumes"
        yield f"paused by {pause['actor']} at {_minute(pause['at'])} until {until}: {pause['reason']}; end it: trueup app resume {name}"
    if rollback := application["rollback"]:
        by = f" by {rollback['actor']}" if rollback["actor"] else ""
        reason = f": {rollback['reason']}" if rollback["reason"] else ""
        newest = _short(rollback["instead_of"])
        yield f"held at {_short(rollback['commits'])}{by} at {_minute(rollback['at'])} instead of {newest}{reason}"
        yield f"  a newer commit that changes the application ends it, or: trueup app resume {name}"
    for failed in application["quarantine"]:
        yield f"quarantined {_short(failed['commits'])} at {_minute(failed['at'])}: {failed['reason']}"
    if window := application["window"]:
        until = f" until {_minute(window['until'])}" if window["until"] else ""
        yield "sync windows: open" if window["is_open"] else f"sync windows: closed{until}"


def _short(commits: list[str]) -> str:
    return "+".join(dict.fromkeys(commit[:12] for commit in commits))


def _minute(moment: str) -> str:
    return f"{moment[:10]} {moment[11:16]} UTC"
