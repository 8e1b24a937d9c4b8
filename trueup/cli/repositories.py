"""`trueup repository`: which Repositories are declared, and whether a push to one would be understood."""

from dataclasses import asdict

import click

from receiver.settings import ReceiverSettings
from reconciler.model.declared import Declarations, Name, Repository
from reconciler.urls import redact
from trueup.cli.arguments import NameType
from trueup.cli.checks import State, examine
from trueup.cli.declared import declarations
from trueup.cli.output import ExitCode, json_option, print_json, print_table
from trueup.cli.serve import load_settings
from trueup.cli.server import run
from trueup.cli.webhooks import known


@click.group()
def repository() -> None:
    """Repositories: which are declared, and whether what a push will need is there."""


@repository.command("list", epilog="Example: trueup repository list")
@json_option
def list_(*, as_json: bool) -> None:
    """List the Repositories that are declared."""
    declared = run(declarations(load_settings(ReceiverSettings)))
    rows = [_row(found, declared) for _, found in sorted(declared.repositories.items())]
    if as_json:
        print_json({"items": rows})
    else:
        print_table(("NAME", "TYPE", "FORGE", "URL", "APPLICATIONS"), [(*map(str, row.values()),) for row in rows])


@repository.command(epilog="Example: trueup repository verify shop")
@click.argument("repository", type=NameType())
@json_option
def verify(*, repository: Name, as_json: bool) -> None:
    """Try what a push will need, as a worker would: the remote, what applications follow, signatures, tokens, the webhook.

    Nothing is applied, and no status is posted; a hook is sent a test delivery. Settings and Secrets are those of this shell. Exit code
    1 when something failed.
    """
    settings = load_settings(ReceiverSettings)
    declared = run(declarations(settings))
    checks = run(examine(settings, declared, known(repository, declared.repositories)))
    if as_json:
        print_json({"repository": str(repository), "items": [asdict(check) for check in checks]})
    else:
        print_table(("WHAT", "STATE", "MESSAGE"), [(check.name, check.state, check.message) for check in checks])
    if any(check.state is State.FAILED for check in checks):
        raise SystemExit(ExitCode.FAILED)


def _row(found: Repository, declared: Declarations) -> dict[str, str | int]:
    followers = [a for a in declared.applications.values() if any(source.repository == found.name for source in a.sources)]
    return {
        "name": str(found.name),
        "type": str(found.type),
        "forge": str(found.forge),
        "url": redact(found.url),
        "applications": len(followers),
    }
