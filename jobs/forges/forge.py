"""What is asked of a forge."""

import enum
from dataclasses import dataclass
from typing import Protocol

from reconciler.model.declared import Repository

DESCRIPTION_LENGTH = 140
"""GitHub's limit; longer ones are cut."""

ANSWER_SECONDS = 15.0
"""Until a call is given up."""


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


class Forge(Protocol):
    """One forge's API.

    Every call raises `Stalled` when a person must mend something, and `ForgeUnavailable` when it may pass.
    """

    async def post_status(self, repository: Repository, commit: str, status: Status, token: str) -> None:
        """Post a status on a commit."""

    async def pending(self, repository: Repository, ref: str, context: str, token: str) -> list[str]:
        """Recent commits of a ref whose newest status of this context is pending."""


def path_of(repository: Repository) -> str:
    """`owner/name` of a repository, from its scope."""
    return repository.scope.partition("/")[2]


def cut(description: str) -> str:
    """A description that fits."""
    return description if len(description) <= DESCRIPTION_LENGTH else f"{description[: DESCRIPTION_LENGTH - 1]}…"
