"""What is asked of a forge about pull requests: what they are, who may command, and the comments beneath them."""

from collections.abc import Awaitable, Collection
from dataclasses import dataclass
from typing import Protocol

from jobs.forges.forge import Denied
from jobs.orders import Standing
from reconciler.model.declared import Repository

DECLARED_AT = "spec.pullRequests.secretRef (left out: of spec.commitStatus.secretRef)"
"""Which field names the Secret with the token, for messages."""

GONE = frozenset({403, 404, 410})
"""How it is answered that a comment is not there any more, or is somebody else's who wrote our marker."""


@dataclass(frozen=True, slots=True)
class Pull:
    """An open pull or merge request."""

    number: int
    commit: str
    """Its head."""
    ref: str
    """Where the repository that it goes into has that; empty where it has not: a fork's commits may be in the fork alone."""
    base: str
    """What it goes into: `refs/heads/main`."""
    is_fork: bool
    is_open: bool = True


class Conversation(Protocol):
    """One forge's API of pull requests; every call raises as those of `forge.Forge` do."""

    async def pull(self, repository: Repository, number: int, token: str) -> Pull:
        """One pull request."""

    async def open_pulls(self, repository: Repository, token: str) -> list[Pull]:
        """Those that are open, newest first, at most a thousand."""

    async def find_comment(self, repository: Repository, number: int, marker: str, token: str) -> str:
        """The id of our comment that begins with *marker*; empty when there is none."""

    async def write_comment(self, repository: Repository, number: int, text: str, token: str) -> str:
        """Write a comment; its id."""

    async def edit_comment(self, repository: Repository, number: int, comment: str, text: str, token: str) -> bool:
        """Make a comment another text; False when it is gone, or another's."""

    async def standing(self, repository: Repository, person: str, token: str) -> Standing:
        """What somebody may do in the repository."""

    async def react(self, repository: Repository, number: int, comment: str, token: str, *, is_good: bool) -> None:
        """Show that a comment was read."""


async def is_edited(edit: Awaitable[object], gone: Collection[int] = GONE) -> bool:
    """Edit a comment; False when it is gone, or another's, as forges answer with these statuses."""
    try:
        await edit
    except Denied as error:
        if error.status in gone:
            return False
        raise
    return True
