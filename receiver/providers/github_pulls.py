"""Pull requests and comments as GitHub tells of them.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#pull_request, #issue_comment there
"""

from pydantic import Field

from receiver.providers.event import Comment, Event, Ignored, PullRequest
from receiver.providers.payload import Payload, RepositoryId, read, scopes_of
from receiver.providers.pulls import NO_COMMAND, needs_none, proposed, said

PLANNED = frozenset({"opened", "synchronize", "reopened", "ready_for_review"})
"""What happens to a pull request that asks for its plan."""


class _Repository(Payload):
    id: RepositoryId = ""
    full_name: str
    clone_url: str
    ssh_url: str | None = None


class _Account(Payload):
    login: str = ""
    type: str = ""


class _Head(Payload):
    sha: str = Field(min_length=1)
    repo: _Repository | None = None
    """None when the fork is gone."""


class _Base(Payload):
    ref: str
    repo: _Repository


class _Pull(Payload):
    head: _Head
    base: _Base
    merged: bool | None = None


class _Changes(Payload):
    base: object = None


class _PullRequest(Payload):
    action: str
    number: int = Field(gt=0)
    pull_request: _Pull
    changes: _Changes = _Changes()
    sender: _Account = _Account()


class _Issue(Payload):
    number: int = Field(gt=0)
    pull_request: object = None


class _Comment(Payload):
    id: int
    body: str
    user: _Account


class _IssueComment(Payload):
    action: str
    issue: _Issue
    comment: _Comment
    repository: _Repository


def pull_request_of(body: bytes) -> Event:
    """What `pull_request` says."""
    payload = read(body, _PullRequest)
    if isinstance(payload, Ignored):
        return payload
    pull, number = payload.pull_request, payload.number
    is_moved = payload.action == "edited" and payload.changes.base is not None
    if payload.action not in PLANNED and not is_moved:
        return needs_none(number, "merged" if payload.action == "closed" and pull.merged else payload.action)
    into = pull.base.repo
    is_fork = pull.head.repo is None or pull.head.repo.full_name != into.full_name
    ref, base = f"refs/pull/{number}/head", f"refs/heads/{pull.base.ref}"
    found = PullRequest("", number, pull.head.sha, ref, base, payload.sender.login, is_fork, repository_id=into.id)
    return proposed(scopes_of(into.clone_url, into.ssh_url), found)


def comment_of(body: bytes) -> Event:
    """What `issue_comment` says."""
    payload = read(body, _IssueComment)
    if isinstance(payload, Ignored):
        return payload
    comment, repository = payload.comment, payload.repository
    if payload.action != "created" or comment.user.type == "Bot" or payload.issue.pull_request is None:
        return NO_COMMAND
    found = Comment("", payload.issue.number, str(comment.id), comment.body, comment.user.login, repository_id=repository.id)
    return said(scopes_of(repository.clone_url, repository.ssh_url), found)
