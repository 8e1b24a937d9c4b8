"""What is asked of a forge, and what its refusals have in common."""

import enum
import functools
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import aiohttp

from reconciler.errors import ForgeUnavailable, Stalled, TrueupError
from reconciler.model.declared import Repository

F = TypeVar("F")
T = TypeVar("T")
P = ParamSpec("P")

DESCRIPTION_LENGTH = 140
"""GitHub's limit; longer ones are cut. Other forges have their own."""

ANSWER_SECONDS = 10.0
"""Until a call is given up; GitHub gives up on its own after as long."""

LIMITED_SECONDS = 60.0
"""GitHub asks for at least a minute when it does not say how long.
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit"""

LONGEST_SECONDS = 3600.0
"""The longest that a forge may make us wait."""

DIGITS = 12
"""Of a number in a header; longer ones are none."""

ANSWER_BYTES = 16 * 1024 * 1024
"""Of an answer; logs of deliveries hold payloads."""

RECENT = 20
"""Commits of a branch that are looked at for statuses left pending after Redis was lost."""

FULL = ("maximum number of statuses", "number of jobs has exceeded", "job limit")
"""GitHub takes a thousand statuses of one commit and context; GitLab as many jobs in a pipeline as its plan has, and a status is one.
https://docs.github.com/en/rest/commits/statuses#create-a-commit-status, https://docs.gitlab.com/administration/instance_limits/"""

MOVED = "moved project"
"""GitLab refuses with 405 what would change a project by its old path: https://docs.gitlab.com/api/rest/#redirects"""


class StatusState(enum.StrEnum):
    """The state of a commit status, in GitHub's words."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Status:
    """One status of a commit."""

    state: StatusState
    context: str
    description: str
    target_url: str = ""


class Full(Stalled):
    """The forge takes no more statuses of this commit and context, whatever anybody mends."""


class Forge(Protocol):
    """One forge's API.

    Every call raises `Stalled` when a person must mend something, and `ForgeUnavailable` when it may pass; a status also `Full`.
    """

    async def post_status(self, repository: Repository, commit: str, status: Status, token: str) -> None:
        """Post a status on a commit."""

    async def has(self, repository: Repository, commit: str, status: Status, token: str) -> bool:
        """Whether a commit's newest status of this context is this one; asked when the answer to a post was lost."""

    async def pending(self, repository: Repository, ref: str, context: str, token: str) -> list[str]:
        """Recent commits of a ref whose newest status of this context is pending."""


class Denied(Stalled):
    """The forge will not do it, whoever asks again."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is none of success."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name, or a mapping that ignores case."""
    said: str = ""

    def error(self, what: str, *, permission: str, now: float, declared_at: str = "spec.commitStatus.secretRef") -> TrueupError:
        """What happens next.

        Args:
            what: what was asked of which address, without query.
            permission: what the token needs, for the message.
            declared_at: which field names the token's Secret, for the message.
            now: seconds since the epoch, to read dates by.
        """
        said = f"{what}: answered {self.status}{f': {self.said[:200]}' if self.said else ''}"
        seconds = retry_seconds(self.headers, now)
        is_limited = self.status == 403 and (seconds is not None or "rate limit" in self.said.lower())
        if self.status == 429 or is_limited:
            return ForgeUnavailable(said, retry_seconds=LIMITED_SECONDS if seconds is None else seconds)
        if self.status >= 500 or self.status == 408:
            return ForgeUnavailable(said, retry_seconds=seconds)
        if self.status == 422 and any(word in self.said.lower() for word in FULL):
            return Full(f"{said}; it is not asked again for a day")
        if 300 <= self.status < 400 or (self.status == 405 and MOVED in self.said):
            return Stalled(f"{said}; the repository has moved: write its new address in spec.url and spec.api")
        if self.status in (401, 403, 404):
            return Denied(f"{said}; the token of {declared_at} needs {permission}", self.status)
        return Denied(said, self.status)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a forge says is left of what it allows a token."""

    limit: int
    remaining: int
    reset: float
    """Until when, in seconds since 1970; then it is the limit again."""

    @classmethod
    def parse(cls, fields: Mapping[bytes, bytes]) -> "Allowance | None":
        """As Redis has it; None where it has none."""
        try:
            return cls(int(fields[b"limit"]), int(fields[b"remaining"]), float(fields[b"reset"]))
        except KeyError:
            return None


def allowance_of(headers: Mapping[str, str], now: float) -> Allowance | None:
    """What an answer says of it; None when it says nothing, or speaks of another resource than most requests do.

    GitHub, Gitea behind some proxies and Azure DevOps have the names with `X-`, GitLab without:
    https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/#response-headers
    """
    if headers.get("x-ratelimit-resource", "core") != "core":
        return None
    for before in ("x-ratelimit", "ratelimit"):
        said = [headers.get(f"{before}-{name}", "").strip() for name in ("limit", "remaining", "reset")]
        if all(number.isascii() and number.isdecimal() and len(number) < DIGITS for number in said):
            limit, remaining, reset = map(int, said)
            return Allowance(limit, remaining, min(float(reset), now + LONGEST_SECONDS)) if limit else None
    return None


def retry_seconds(headers: Mapping[str, str], now: float) -> float | None:
    """How long a forge asks to be left alone, at most an hour; None when it does not say."""
    after = headers.get("retry-after", "").strip()
    seconds: float | None = None
    if after.isdecimal():
        seconds = float(after)
    elif after:
        seconds = _until(after, now)
    elif headers.get("x-ratelimit-remaining") == "0" and headers.get("x-ratelimit-reset", "").isdecimal():
        seconds = float(headers["x-ratelimit-reset"]) - now
    return None if seconds is None else min(max(seconds, 1.0), LONGEST_SECONDS)


def _until(date: str, now: float) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() - now
    except ValueError:
        return None


def as_documented(
    call: Callable[Concatenate[F, Repository, P], Awaitable[T]],
) -> Callable[Concatenate[F, Repository, P], Coroutine[Any, Any, T]]:
    """Make a call of a forge's API say in words when the answer is none that the forge documents: whatever answers, nobody else waits."""

    @functools.wraps(call)
    async def answered(forge: F, repository: Repository, /, *args: P.args, **more: P.kwargs) -> T:
        try:
            return await call(forge, repository, *args, **more)
        except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError) as error:
            what = f"{repository.name}: {repository.api} speaks, but not as {repository.forge} does"
            raise ForgeUnavailable(f"{what}; is spec.api its address?") from error

    return answered


async def read(response: aiohttp.ClientResponse) -> bytes:
    """The body of an answer.

    Raises:
        ForgeUnavailable: when it does not end.
    """
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > ANSWER_BYTES:
            raise ForgeUnavailable(f"{response.url.host}: an answer of more than {ANSWER_BYTES} bytes was given up")
    return bytes(body)


def shows(found: Mapping[str, Any] | None, told: Mapping[str, Any]) -> bool:
    """Whether what a forge has is what it was told; what it has beside that counts for nothing."""
    return found is not None and all((found.get(name) or "") == value for name, value in told.items())


def path_of(repository: Repository) -> str:
    """`owner/name` of a repository, from its scope; forges do not mind the case."""
    return repository.scope.partition("/")[2]


def cut(description: str, length: int = DESCRIPTION_LENGTH) -> str:
    """A description that fits, on one line."""
    line = " ".join(description.split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def short(ref: str) -> str:
    """A branch's or tag's name."""
    return ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
