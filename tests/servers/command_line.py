"""Commands as a person runs them: what they print, and how they end; every end is held against the documented ones."""

from collections.abc import Mapping
from dataclasses import dataclass

import click
from click.testing import CliRunner

from tests.servers.story import Story
from trueup.cli.main import EXITS, cli
from trueup.cli.output import ExitCode, Failure


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a command."""

    code: int
    out: str
    err: str


def run(*arguments: str, environment: Mapping[str, str | None] | None = None) -> Ended:
    """Run a command in this process."""
    result = CliRunner().invoke(cli, arguments, env=dict(environment or {}), prog_name="trueup")
    if isinstance(result.exception, Failure):
        ended = Ended(int(result.exception.code), result.stdout, f"{result.stderr}trueup: {result.exception}")
    elif result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    else:
        ended = Ended(result.exit_code, result.stdout, result.stderr)
    assert ExitCode(ended.code) in _documented(arguments), f"{arguments} ended with {ended.code}, which is not documented"
    return ended


def ask(story: Story, *arguments: str, token: str = "t0ken") -> Ended:
    """Run a command against a server that tells a story."""
    return run(*arguments, environment={"TRUEUP_SERVER": story.url, "TRUEUP_TOKEN": token})


def leaves(group: click.Group = cli, path: str = "") -> dict[str, click.Command]:
    """Every command that does something, by its words."""
    context = click.Context(group)
    found: dict[str, click.Command] = {}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        words = f"{path} {name}".strip()
        found |= leaves(command, words) if isinstance(command, click.Group) else {words: command}
    return found


def _documented(arguments: tuple[str, ...]) -> set[ExitCode]:
    words = " ".join(arguments)
    name = next((name for name in sorted(EXITS, key=len, reverse=True) if f"{words} ".startswith(f"{name} ")), None)
    return set(EXITS[name]) if name else {ExitCode.DONE, ExitCode.USAGE}
