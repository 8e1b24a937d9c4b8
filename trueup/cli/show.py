"""`trueup version` and `trueup demo`."""

import importlib.metadata

import click

from trueup.cli.output import ExitCode, Failure, json_option, print_json
from trueup.cli.server import run
from trueup.demo.play import DemoFailed, play


@click.command(epilog="Example: trueup version --json")
@json_option
def version(as_json: bool) -> None:
    """Print the version."""
    number = importlib.metadata.version("trueup")
    print_json({"version": number}) if as_json else click.echo(number)


@click.command(epilog="Example: trueup demo --exit")
@click.option("--exit", "leave", is_flag=True, help="End after the show; 0 when all of it worked.")
def demo(leave: bool) -> None:
    """Watch a push go live: a sandbox cluster, a Git server and Trueup, on this machine only."""
    try:
        run(play(stay=not leave))
    except DemoFailed as failed:
        raise Failure(f"the demo failed: {failed}", ExitCode.FAILED) from failed
