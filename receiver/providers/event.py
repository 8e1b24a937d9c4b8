"""What a webhook can say, and what it is read from. Values only."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, TypeAlias

from jobs.derive import Purpose
from receiver.keys import Secret


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A request as it came in."""

    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes
    now: float
    """Seconds since 1970; signatures with a time are checked against it."""


@dataclass(frozen=True, slots=True)
class Push:
    """A ref moved."""

    scope: str
    """Of the repository that the payload names."""
    ref: str
    commit: str
    """Empty when the ref was deleted."""
    before: str
    actor: str
    also: tuple[str, ...] = ()
    """Scopes by the repository's other addresses: where SSH has a port of its own, say."""
    repository_id: str = field(default="", compare=False)
    """What the forge knows the repository by, whatever it is called; empty where it does not tell."""


@dataclass(frozen=True, slots=True)
class Pushes:
    """Several refs moved at once: two or more."""

    pushes: tuple[Push, ...]
    """Those that are there before those that were deleted, branches before tags."""
    left_out: int = 0
    """How many more moved than are taken in."""


@dataclass(frozen=True, slots=True)
class Rerun:
    """Somebody who may, asks for the check of a commit again."""

    scope: str
    """Of the repository that the payload names."""
    ref: str
    """The branch that it was checked on; empty where the forge does not say."""
    commit: str
    actor: str
    also: tuple[str, ...] = ()
    """As of a push."""
    repository_id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull or merge request is open, and new or another than before: its plan is to be made."""

    scope: str
    """Of the repository that it goes into."""
    number: int
    commit: str
    """Its head."""
    ref: str
    """Where the repository that it goes into has that: `refs/pull/7/head`; empty where it has not, as of some forges' forks."""
    base: str
    """What it goes into: `refs/heads/main`."""
    actor: str
    is_fork: bool
    """Whether its commits come from another repository, whose people may not write to this one."""
    also: tuple[str, ...] = ()
    """As of a push."""
    repository_id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Comment:
    """Somebody wrote a command to us beneath a pull request."""

    scope: str
    number: int
    id: str
    """The forge's, of the comment."""
    text: str
    """The line with the command: `/trueup plan`."""
    actor: str
    """Name of the account that wrote it, as the forge's API asks for it."""
    also: tuple[str, ...] = ()
    repository_id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Ping:
    """The forge tries the address."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """Authentic, and nothing for us."""

    reason: str


Event: TypeAlias = Push | Pushes | PullRequest | Comment | Rerun | Ping | Ignored

Candidates: TypeAlias = Callable[[Purpose], Iterable[Secret]]
"""The secrets that may have signed a request, for one purpose."""


class Provider(Protocol):
    """One forge's webhooks. Two steps, so that nothing is parsed before it is known to be authentic."""

    name: ClassVar[str]

    def verify(self, request: WebhookRequest, candidates: Candidates) -> Secret | None:
        """The secret that signed the request; None when it is not authentic. Constant time, on the raw bytes."""

    def parse(self, request: WebhookRequest) -> Event:
        """What an authentic request says; never raises, whatever the payload is."""

    def delivery_id(self, request: WebhookRequest) -> str:
        """The provider's id of this delivery; empty when it sends none."""

    def event_name(self, request: WebhookRequest) -> str:
        """The provider's name of the event."""
