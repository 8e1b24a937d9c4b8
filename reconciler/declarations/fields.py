"""The texts, numbers and names that stand in declarations: what each may be, said once for files and for custom resources."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, Strict

from reconciler.declarations.rules import Rule, Text
from reconciler.expressions import Candidate, parse, parse_condition
from reconciler.model.patterns import FieldPattern
from reconciler.model.revisions import TagRange
from reconciler.model.versions import check_range
from reconciler.urls import parse_url

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(value: object) -> object:
    """Durations are written `90s`, `5m`, `1h30m`."""
    if isinstance(value, str):
        parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", value)
        if not parts or "".join(number + unit for number, unit in parts) != value:
            raise ValueError("must be a duration such as 90s, 5m or 1h30m")
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    return value


def _with_unit(value: object) -> object:
    """In a declaration a number alone could mean anything."""
    if isinstance(value, int | float):
        raise ValueError(f"must be a duration with its unit, such as {value:g}s")  # noqa: TRY004 - pydantic turns ValueError into a message
    return value


def _field(value: str) -> str:
    FieldPattern.parse(value)
    return value


def _path(value: str) -> str:
    return "/".join(part for part in value.split("/") if part not in ("", "."))


def _url(value: object) -> object:
    """In a file what is wrong is said more exactly than a rule can."""
    if isinstance(value, str):
        parse_url(value, needs_path=not value.endswith("/"))
    return value


def _whole(value: object) -> object:
    """As in JSON, where 3.0 is a whole number, and neither true nor "3" is one."""
    if isinstance(value, bool | str):
        raise ValueError("must be a whole number")  # noqa: TRY004 - pydantic turns ValueError into a message
    return value


def _version_range(value: str) -> str:
    check_range(value)
    return value


def _condition(value: str) -> str:
    parse_condition(value)
    return value


def _policy(value: str) -> str:
    parse_condition(value, Candidate({}, {}))
    return value


def _revision(value: str) -> str:
    """In a file what is wrong with a range is said more exactly; in the cluster Trueup says it in the status."""
    TagRange.parse(value)
    return value


def _expression(value: str) -> str:
    parse(value)
    return value


LONGEST_WINDOW_SECONDS = 31 * 86400.0
"""What lasts longer than a month is no window."""

_IN_REPOSITORY = "must be a path within the repository, without `..`"
_REVISION = "must be a branch, a tag, a full commit hash, or a range of tags such as `semver:>=1.2 <2`"
_DURATION = "must be a duration such as 90s, 5m or 1h30m"
_PORT = "(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[0-9]{1,4})"
_NAME = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*"

Seconds = Annotated[
    float,
    BeforeValidator(seconds),
    Text(
        40,
        Rule(r"^([0-9]+([.][0-9]+)?(ms|s|m|h))+$", _DURATION),
        Rule(r"[1-9]", "must be longer than nothing"),
    ),
    BeforeValidator(_with_unit),
]
Path = Annotated[
    str,
    AfterValidator(_path),
    Text(
        1024,
        Rule(r"^/", _IN_REPOSITORY, forbids=True),
        Rule(r"(^|/)[.][.](/|$)", _IN_REPOSITORY, forbids=True),
        Rule(r"[\x00-\x1f]", _IN_REPOSITORY, forbids=True),
    ),
]
TreePath = Annotated[
    str,
    Text(
        1024,
        Rule(r"^$", "must name a file or directory", forbids=True),
        Rule(
            r"[\x00-\x1f]|://|^-",
            "must be a path within the repository, from the source's own or, with `/` before it, from the top",
            forbids=True,
        ),
    ),
]
"""From a source's path, also upwards; with a slash before it from the top. That it stays in the tree is seen when it is there."""
Url = Annotated[
    str,
    Text(
        2048,
        Rule(r"[\x00-\x20\x7f\\]", "must not contain spaces, backslashes or control characters", forbids=True),
        Rule(
            r"^[a-z]+://[^/@]*:[^/]*@",
            "must not contain a password; put it into a Secret and name that in credentials.secretRef",
            forbids=True,
        ),
        Rule(
            rf"^((https?|ssh|oci)://([^/@:?#]+@)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:{_PORT})?(/+[^/?#][^?#]*|/)"
            r"|file:///[^?#]*|/[^/].*|([A-Za-z0-9_.-]+@)?[A-Za-z0-9_.-]+:[^/:][^:]*)$",
            "must be https://host/path, ssh://host/path, git@host:path or oci://host/path, without query or fragment",
        ),
        Rule(r"(^|@|[^/]:|://)-|://[^/]*/+-", "must not have a host or path that begins with -, as an option does", forbids=True),
        Rule(
            r"(/|:)[.][.]?(/|$)|%(0|1|7[fF]|2[dDeEfF])",
            "must not have segments . or .., nor such characters in disguise",
            forbids=True,
        ),
    ),
    BeforeValidator(_url),
]
Revision = Annotated[
    str,
    Text(
        250,
        Rule(
            r"^(semver:([A-Za-z0-9_][A-Za-z0-9_./+-]*:)?[0-9A-Za-z.<>=!~^|*, +-]+|"
            r"[A-Za-z0-9_][^\x00-\x2a,\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]*)$",
            _REVISION,
        ),
        Rule(r"[.][.]|([.]lock|/|[.])$", _REVISION, forbids=True),
    ),
    AfterValidator(_revision),
]
VersionRange = Annotated[str, AfterValidator(_version_range), Field(min_length=1, max_length=100)]
Condition = Annotated[str, AfterValidator(_condition)]
PolicyExpression = Annotated[str, AfterValidator(_policy)]
Expression = Annotated[str, AfterValidator(_expression)]
FieldPath = Annotated[str, AfterValidator(_field)]
NameOrNothing = Annotated[str, Field(pattern=rf"^({_NAME})?$", max_length=253)]
DnsName = Annotated[str, Field(pattern=f"^{_NAME}$", max_length=253)]
NamespaceGlob = Annotated[str, Field(pattern=r"^[a-z0-9*]([a-z0-9*-]*[a-z0-9*])?$", max_length=63)]
Flag = Annotated[bool, Strict()]
"""As in JSON: `"true"` is text."""
Whole = Annotated[int, BeforeValidator(_whole)]
