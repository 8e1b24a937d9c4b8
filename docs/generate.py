"""Writes the generated pages: docs/configuration.md and docs/cli.md. Run by `make docs`; a test says when they are stale."""

import os
from pathlib import Path

import click
from pydantic.fields import FieldInfo

from receiver.settings import ReceiverSettings
from trueup.cli.main import COMMANDS, cli

HERE = Path(__file__).parent

CONFIGURATION = """# Configuration

Settings come from the environment, or from the YAML file that `TRUEUP_CONFIG` names (keys in lower case, without the prefix); the
environment wins. Lists are separated by commas, durations are written `90s`, `5m`, `1h`. This page is made by `make docs`.

| setting | default | meaning |
|---|---|---|
"""

CLI = """# Command line

`trueup COMMAND --help` says the same. Every command but `up`, `demo`, `receiver` and `worker` has `--json`. This page is made by
`make docs`.

Exit codes: 0 done; 1 failed; 2 wrong usage; 3 there are differences (`diff`); 4 held for approval; 5 out of time; 6 not reachable.

Commands that speak to a running Trueup take `--server` (or `TRUEUP_SERVER`) and `--token` (or `TRUEUP_TOKEN`).
"""


def configuration() -> str:
    """The page of settings."""
    return CONFIGURATION + "".join(_row(name, field) for name, field in sorted(ReceiverSettings.model_fields.items()))


def _row(name: str, field: FieldInfo) -> str:
    variable = field.validation_alias if isinstance(field.validation_alias, str) else f"TRUEUP_{name.upper()}"
    default = field.get_default(call_default_factory=True, validated_data={})
    shown = ", ".join(map(str, default)) if isinstance(default, tuple) else str(default)
    return f"| `{variable}` | {f'`{shown}`' if shown not in ('', 'None', '{}') else '-'} | {field.description} |\n"


def commands() -> str:
    """The page of commands."""
    context = cli.make_context("trueup", ["version"], resilient_parsing=True)
    return CLI + "".join(_command(name, cli.get_command(context, name), context) for name in COMMANDS)


def _command(name: str, command: click.Command | None, parent: click.Context) -> str:
    assert command is not None
    context = click.Context(command, info_name=name, parent=parent)
    text = f"\n## {context.command_path}\n\n```\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            text += _command(child, command.get_command(context, child), context).replace("\n## ", "\n### ", 1)
    return text


def pages() -> dict[Path, str]:
    """Every generated page with its text."""
    os.environ["COLUMNS"] = "100"
    return {HERE / "configuration.md": configuration(), HERE / "cli.md": commands()}


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
