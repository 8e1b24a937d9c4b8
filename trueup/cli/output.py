"""What commands print and how they end: tables for people, JSON for programs, exit codes for scripts."""

import enum
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import click
import orjson
from rich.console import Console
from rich.table import Table

from reconciler.errors import Stalled, TrueupError

Json: TypeAlias = Mapping[str, Any]
"""A JSON object as the API gives it."""


class ExitCode(enum.IntEnum):
    """What a command's end says; documented in docs/cli.md."""

    DONE = 0
    FAILED = 1
    """What was asked for did not come about: a job failed, a declaration is wrong."""
    USAGE = 2
    """The command line was not understood."""
    DIFFERS = 3
    """`diff` found differences."""
    HELD = 4
    """Deletions wait for an approval."""
    TIMEOUT = 5
    UNREACHABLE = 6
    """Trueup, Redis, Git or the cluster does not answer."""


class Failure(Exception):
    """A command ends with one line on standard error and an exit code."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.code = code

    @classmethod
    def of(cls, error: TrueupError) -> "Failure":
        """The end that an error of the reconciler means."""
        return cls(str(error), ExitCode.FAILED if isinstance(error, Stalled) else ExitCode.UNREACHABLE)


def complain(failure: Failure) -> None:
    """Say on standard error why the command ends."""
    click.echo(f"trueup: {failure}", err=True)


def print_json(value: object) -> None:
    """One JSON document on standard output, indented."""
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table without lines, as kubectl prints them; wide values wrap where the terminal ends."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(soft_wrap=not sys.stdout.isatty()).print(table)


def json_option(function: Any) -> Any:
    """The option `--json` that every command has."""
    return click.option("--json", "as_json", is_flag=True, help="Print the API's JSON.")(function)
