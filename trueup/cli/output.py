"""What commands print and how they end: tables for people, JSON for programs, exit codes for scripts."""

import enum
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from reconciler.errors import Stalled, TrueupError

Json: TypeAlias = Mapping[str, Any]
"""A JSON object as the API gives it."""

PIPE_WIDTH = 10_000
"""Columns where nobody looks at a terminal."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class ExitCode(enum.IntEnum):
    """What a command's end says; docs/cli.md has those of each command."""

    DONE = 0
    FAILED = 1
    """What was asked for did not come about: a job failed, a declaration is wrong, there is no such thing."""
    USAGE = 2
    """The command line, a setting or the token was not understood."""
    DIFFERS = 3
    """`diff` found differences."""
    HELD = 4
    """Deletions wait for an approval."""
    TIMEOUT = 5
    """Time was up, or somebody interrupted; what was begun goes on."""
    UNREACHABLE = 6
    """Trueup, Redis, Git or the cluster does not answer."""
    DENIED = 7
    """A policy denies what would be applied."""


MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "failed",
    ExitCode.USAGE: "wrong usage",
    ExitCode.DIFFERS: "there are differences",
    ExitCode.HELD: "held for approval",
    ExitCode.TIMEOUT: "out of time, or interrupted",
    ExitCode.UNREACHABLE: "not reachable",
    ExitCode.DENIED: "denied by a policy",
}
"""In a few words, for help and documents."""


def told(codes: Iterable[ExitCode]) -> str:
    """Exit codes with their meanings, as one sentence."""
    return "; ".join(f"{code} {MEANINGS[code]}" for code in codes)


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
    say(f"trueup: {failure}", err=True)


def say(text: str, *, err: bool = False) -> None:
    """One line for people."""
    click.echo(plain(text), err=err)


def plain(text: str) -> str:
    """A text without what would move the cursor, colour the screen or ring: names and messages come from others."""
    return _CONTROL.sub("\ufffd", text)


def print_json(value: object) -> None:
    """One JSON document on standard output, indented."""
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table without lines, as kubectl prints them; wide values wrap where the terminal ends, and nowhere in a pipe."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))  # a text, since a cell such as `containers[name]` is no markup
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table)


def json_option(function: Any) -> Any:
    """The option `--json` that every command has."""
    return click.option("--json", "as_json", is_flag=True, help="Print the API's JSON.")(function)
