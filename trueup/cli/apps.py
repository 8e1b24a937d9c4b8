"""`trueup app`: what is kept true, how it is, what happened to it, and approving held deletions."""

import click

from reconciler.model.declared import Name
from trueup.cli.arguments import NameType, timeout_option
from trueup.cli.decisions import pause, resume, rollback, story_of
from trueup.cli.follow import exit_code_of, finish, follow
from trueup.cli.orphans import orphans, remove
from trueup.cli.output import Json, json_option, print_json, print_table, say
from trueup.cli.server import Server, run, with_server


@click.group()
def app() -> None:
    """Applications: what is kept true, and how it is."""


@app.command("list", epilog="Example: trueup app list")
@with_server
@json_option
def list_(*, where: Server, as_json: bool) -> None:
    """List the applications with their sync state and health."""
    answer = run(where.request("GET", "/api/v1/applications"))
    if as_json:
        print_json(answer)
        return
    print_table(
        ("NAME", "SYNC", "HEALTH", "REVISION", "OBJECTS", "MESSAGE"),
        [
            (a["name"], a["state"] or "-", a["health"], _short(a["revision"]), str(a["objects"]), a["message"])
            for a in answer["items"]
        ],
    )


@app.command(epilog="Example: trueup app get my-web-app")
@click.argument("application", type=NameType())
@with_server
@json_option
def get(*, where: Server, application: Name, as_json: bool) -> None:
    """Show one application: revision, health, pause, rollback, windows, what is held, and the latest drift."""
    answer = run(where.request("GET", f"/api/v1/applications/{application}"))
    if as_json:
        print_json(answer)
        return
    for label in ("name", "repository", "path", "revision", "desired", "cluster", "namespace", "state", "health", "message"):
        say(f"{label.capitalize() + ':':12} {answer[label] or '-'}")
    if len(answer["sources"]) > 1:
        for source in answer["sources"]:
            say(f"  source {_where(source)} at {source['revision'] or '-'}{_due(source)}")
    for line in story_of(answer):
        say(f"  {line}")
    _print_trouble(answer)


@app.command(epilog="Example: trueup app resources my-web-app")
@click.argument("application", type=NameType())
@with_server
@json_option
def resources(*, where: Server, application: Name, as_json: bool) -> None:
    """List an application's objects as they are now: health, drift, and fields that others added."""
    answer = run(where.request("GET", f"/api/v1/applications/{application}/resources"))
    if as_json:
        print_json(answer)
        return
    print_table(
        ("OBJECT", "HEALTH", "DRIFT", "BESIDE OURS", "REASON"),
        [(r["object"], r["health"], _drift_of(r), _fields(r["foreign"]), r["reason"]) for r in answer["items"]],
    )


@app.command(epilog="Example: trueup app history my-web-app --limit 5")
@click.argument("application", type=NameType())
@click.option("--limit", type=click.IntRange(1, 20), default=20, show_default=True, help="How many at most.")
@with_server
@json_option
def history(*, where: Server, application: Name, limit: int, as_json: bool) -> None:
    """List what the latest syncs of an application came to, failed ones too, newest first."""
    path = f"/api/v1/applications/{application}/history"
    answer = run(where.request("GET", path, query={"limit": str(limit)}))
    if as_json:
        print_json(answer)
        return
    print_table(
        ("WHEN", "KIND", "STATE", "REVISION", "CONTENT", "BY", "JOB", "MESSAGE"),
        [
            (
                o["finished"][:19],
                o["kind"],
                o["state"],
                _short(o["revision"]) + _versions(o.get("versions", [])),
                o["digest"][:7] or "-",
                o["actor"] or "-",
                o["job"],
                o["message"],
            )
            for o in answer["items"]
        ],
    )


@app.command(epilog="Example: trueup app approve my-web-app")
@click.argument("application", type=NameType())
@click.option("--digest", default="", help="Approve this set only; left out: the set shown last. `app get` shows it.")
@timeout_option
@with_server
@json_option
def approve(*, where: Server, application: Name, digest: str, timeout: float, as_json: bool) -> None:
    """Approve exactly the deletions that are held, and follow the job that does them."""
    path = f"/api/v1/applications/{application}/approve"
    accepted = run(where.request("POST", path, body={"digest": digest} if digest else {}))
    job = run(follow(where, accepted["id"], timeout_seconds=timeout, tell=(lambda _: None) if as_json else say))
    if as_json:
        print_json(job)
        raise SystemExit(exit_code_of(job["state"]))
    finish(job)


for _command in (pause, resume, rollback, orphans, remove):
    app.add_command(_command)


def _print_trouble(application: Json) -> None:
    for unhealthy in application["unhealthy"]:
        say(f"  {unhealthy['status']:12} {unhealthy['object']}  {unhealthy['reason']}")
    for hold in application["holds"]:
        say(f"  held ({hold['guard']}): {hold['reason']}")
        for name in hold["objects"]:
            say(f"    delete {name}")
    if application["held_digest"]:
        say(f"  set {application['held_digest']}; approve it with: trueup app approve {application['name']}")
    for drift in application["drift"]:
        say(f"  drift {drift['at'][:19]}  {drift['object']}  {drift['kind']}  {_fields(drift['fields'])}")


def _where(source: Json) -> str:
    path = f"/{source['path']}" if source["path"] else ""
    return f"{source['repository']}{path}" + (f" (${source['ref']})" if source["ref"] else "")


def _due(source: Json) -> str:
    return "" if source["desired"] in ("", source["revision"]) else f", should be at {source['desired']}"


def _drift_of(resource: Json) -> str:
    if not resource["is_desired"]:
        return "not in Git"
    return "; ".join(f"{d['kind']} {_fields(d['fields'])}".strip() for d in resource["drift"]) or "-"


def _fields(fields: list[Json]) -> str:
    return ", ".join(f"{f['path']} by {f['manager'] or 'nobody'}" for f in fields) or "-"


def _versions(versions: list[str]) -> str:
    return f" ({', '.join(version or '-' for version in versions)})" if any(versions) else ""


def _short(revision: str) -> str:
    name, separator, commit = revision.rpartition(":")
    return f"{name}{separator}{commit[:12]}"
