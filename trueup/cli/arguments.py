"""What commands take: names, commits, durations. What is wrong with one is said before anything is asked."""

import re

import click

from reconciler.model.declared import Name

_PART = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
"""As declarations have it, see `reconciler.declarations.schema`."""

_SECONDS = {"s": 1, "m": 60, "h": 3600}


class NameType(click.ParamType[Name]):
    """`namespace/name`, or a name in the namespace trueup."""

    name = "name"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Name:
        """The name."""
        if isinstance(value, Name):
            return value
        parts = str(value).split("/")
        if len(parts) > 2 or not all(_PART.fullmatch(part) for part in parts):
            self.fail(f"{value!r} is no name; write my-web-app or namespace/my-web-app", param, ctx)
        return Name.parse(str(value))


class CommitType(click.ParamType[str]):
    """A full commit hash; empty where none is asked for."""

    name = "commit"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The hash in lower case."""
        text = str(value).lower()
        if text and not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", text):
            self.fail(f"{value!r} is no full hash; it is what `git rev-parse HEAD` prints", param, ctx)
        return text


class JobIdType(click.ParamType[str]):
    """The id of a job."""

    name = "job id"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The id."""
        if not re.fullmatch(r"[0-9a-z]{26}", str(value)):
            self.fail(f"{value!r} is no job's id; `trueup job list` shows them", param, ctx)
        return str(value)


class Duration(click.ParamType[float]):
    """`90s`, `5m`, `1h`, or a number of seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        if isinstance(value, (int, float)):
            return float(value)
        match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]+)?)([smh]?)", str(value))
        if not match:
            self.fail(f"{value!r} is no duration; write 90s, 5m or 1h", param, ctx)
        return float(match[1]) * _SECONDS[match[2] or "s"]


timeout_option = click.option(
    "--timeout", type=Duration(), default="5m", show_default=True, help="How long to wait: 90s, 5m, 1h."
)
