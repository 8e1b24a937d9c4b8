"""What all pull requests have in common, wherever a forge tells of them."""

import re
from collections.abc import Sequence
from dataclasses import replace

from receiver.providers.event import Comment, Ignored, PullRequest
from receiver.providers.payload import LONGEST_NAME, command_in, is_commit, is_ref

_NUMBERED = re.compile(r"refs/((?:pull|merge-requests)/[0-9]+/head|pull-requests/[0-9]+/from)")
"""Where forges keep the heads of pull requests beside the branches."""

NO_ADDRESS = Ignored("payload not understood: no address of the repository is one")
NO_COMMAND = Ignored(
    "a comment that is no command to Trueup: a new one beneath a pull request with a line that begins with /trueup"
)


def proposed(scopes: Sequence[str], pull: PullRequest) -> PullRequest | Ignored:
    """A pull request of the repository that has these scopes, or why it is not understood; one may keep its commit to itself."""
    if not scopes:
        return NO_ADDRESS
    if pull.commit and not is_commit(pull.commit):
        return Ignored("payload not understood: the head of the pull request is no commit")
    is_offered = is_ref(pull.ref) or _NUMBERED.fullmatch(pull.ref) is not None
    if not is_ref(pull.base) or not (is_offered or (pull.is_fork and not pull.ref)):
        return Ignored("payload not understood: what the pull request comes from or goes into is no branch")
    return replace(pull, scope=scopes[0], actor=pull.actor[:LONGEST_NAME], also=tuple(scopes[1:]))


def said(scopes: Sequence[str], comment: Comment) -> Comment | Ignored:
    """A command in a comment, by its whole text; or that there is none."""
    text = command_in(comment.text)
    if not text:
        return NO_COMMAND
    if not scopes:
        return NO_ADDRESS
    return replace(comment, scope=scopes[0], text=text, actor=comment.actor[:LONGEST_NAME], also=tuple(scopes[1:]))


def needs_none(number: int, what: str) -> Ignored:
    """Something else became of a pull request."""
    return Ignored(f"pull request {number} was {what[:LONGEST_NAME]}")
