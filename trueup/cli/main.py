"""The table of commands. A command's room is imported when the command runs, so that `trueup --help` answers at once."""

import importlib
import sys

import click

from trueup.cli.output import ExitCode, Failure, complain, told

COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("trueup.cli.up", "Run receiver and worker in one process."),
    "demo": ("trueup.cli.show", "Watch a push go live on a sandbox cluster."),
    "receiver": ("trueup.cli.receiver", "Run a receiver: webhooks and the API."),
    "worker": ("trueup.cli.worker", "Run a worker: jobs, and the clusters it holds."),
    "validate": ("trueup.cli.local", "Check a directory of declarations."),
    "render": ("trueup.cli.local", "Print what an application's source renders to."),
    "diff": ("trueup.cli.local", "Show what a sync would change, without changing it."),
    "sync": ("trueup.cli.remote", "Sync an application now, and follow the job."),
    "wait": ("trueup.cli.remote", "Wait until it is decided whether a commit is live."),
    "crds": ("trueup.cli.crds", "Print the definitions of Repository and Application for a cluster."),
    "app": ("trueup.cli.apps", "Applications: list, get, approve, pause, roll back."),
    "cluster": ("trueup.cli.clusters", "Clusters: strays."),
    "job": ("trueup.cli.jobs", "Jobs: list, get."),
    "dora": ("trueup.cli.dora", "Figures of deliveries: lead time, failures, restores."),
    "repository": ("trueup.cli.repositories", "Repositories: list, or try what a push will need."),
    "webhook": ("trueup.cli.hooks", "Webhooks: show what to enter at a forge, or register it there."),
    "doctor": ("trueup.cli.doctor", "Say which programs, services and guards are there."),
    "version": ("trueup.cli.show", "Print the version."),
}
"""Each command with the module that has it under the same name, and its line in the help."""

_DONE, _FAILED, _USAGE = ExitCode.DONE, ExitCode.FAILED, ExitCode.USAGE
_ASKS = (_DONE, _FAILED, _USAGE, ExitCode.TIMEOUT, ExitCode.UNREACHABLE)
_FOLLOWS = (_DONE, _FAILED, _USAGE, ExitCode.HELD, ExitCode.TIMEOUT, ExitCode.UNREACHABLE)

EXITS: dict[str, tuple[ExitCode, ...]] = {
    "up": (_DONE, _FAILED, _USAGE),
    "demo": (_DONE, _FAILED, _USAGE, ExitCode.TIMEOUT),
    "receiver": (_DONE, _FAILED, _USAGE),
    "worker": (_DONE, _FAILED, _USAGE),
    "validate": (_DONE, _FAILED, _USAGE),
    "render": (*_ASKS, ExitCode.DENIED),
    "diff": (_DONE, _FAILED, _USAGE, ExitCode.DIFFERS, ExitCode.TIMEOUT, ExitCode.UNREACHABLE, ExitCode.DENIED),
    "sync": _FOLLOWS,
    "wait": _FOLLOWS,
    "app list": _ASKS,
    "app get": _ASKS,
    "app resources": _ASKS,
    "app history": _ASKS,
    "app orphans": _ASKS,
    "app remove": _FOLLOWS,
    "app pause": _FOLLOWS,
    "app resume": _FOLLOWS,
    "app rollback": _FOLLOWS,
    "app approve": _FOLLOWS,
    "cluster strays": _ASKS,
    "job list": _ASKS,
    "job get": _ASKS,
    "dora": _ASKS,
    "repository list": _ASKS,
    "repository verify": _ASKS,
    "webhook show": _ASKS,
    "webhook register": _ASKS,
    "webhook verify": _ASKS,
    "webhook rotate": _ASKS,
    "webhook remove": _ASKS,
    "doctor": (_DONE, _FAILED, _USAGE),
    "crds": (_DONE, _USAGE),
    "version": (_DONE, _USAGE),
}
"""How each command may end; the documents are made from it, and the tests hold every command against it."""


class Commands(click.Group):
    """The commands of the table, each imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the signature is the library's
        """In the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - the same
        """The command, from its module."""
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - the same
        """From the table alone: importing every command's room would take half a second."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"Exit codes: {told(ExitCode)}.",
)
def cli() -> None:
    """Makes a Kubernetes cluster match Git, and tells the pull request about it.

    Settings come from TRUEUP_* in the environment, or from the YAML file that TRUEUP_CONFIG names.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run one command; an error that has a name becomes one line and an exit code."""
    try:
        cli.main(arguments, prog_name="trueup")
    except Failure as failure:
        complain(failure)
        sys.exit(failure.code)
