"""Pull requests and comments as Gitea and Forgejo tell of them: as GitHub does, with some words of their own.

https://docs.gitea.com/usage/webhooks, https://forgejo.org/docs/latest/user/webhooks/
"""

from pydantic import Field

from receiver.providers.event import Comment, Event, Ignored, PullRequest
from receiver.providers.payload import Payload, RepositoryId, read, scopes_of
from receiver.providers.pulls import NO_COMMAND, needs_none, proposed, said

PLANNED = frozenset({"opened", "synchronized", "reopened"})
"""What happens to a pull request that asks for its plan."""


class _Repository(Payload):
    id: RepositoryId = ""
    full_name: str
    clone_url: str
    ssh_url: str | None = None


class _User(Payload):
    login: str = ""


class _Head(Payload):
    sha: str
    repo: _Repository | None = None
    """None when the fork is gone."""


class _Base(Payload):
    ref: str


class _Pull(Payload):
    head: _Head
    base: _Base
    merged: bool | None = None


class _Changes(Payload):
    ref: object = None
    """There when it goes into another branch than before."""


class _PullRequest(Payload):
    action: str
    number: int = Field(gt=0)
    pull_request: _Pull
    changes: _Changes | None = None
    repository: _Repository
    sender: _User = _User()


class _Issue(Payload):
    number: int = Field(gt=0)


class _Text(Payload):
    id: int
    body: str
    user: _User


class _Comment(Payload):
    action: str
    issue: _Issue
    is_pull: bool = False
    comment: _Text
    repository: _Repository


def pull_request_of(body: bytes) -> Event:
    """What `pull_request` says."""
    payload = read(body, _PullRequest)
    if isinstance(payload, Ignored):
        return payload
    pull, number, repository = payload.pull_request, payload.number, payload.repository
    is_moved = payload.action == "edited" and payload.changes is not None and payload.changes.ref is not None
    if payload.action not in PLANNED and not is_moved:
        return needs_none(number, "merged" if payload.action == "closed" and pull.merged else payload.action)
    is_fork = pull.head.repo is None or pull.head.repo.full_name != repository.full_name
    ref, base = f"refs/pull/{number}/head", f"refs/heads/{pull.base.ref}"
    found = PullRequest("", number, pull.head.sha, ref, base, payload.sender.login, is_fork, repository_id=repository.id)
    return proposed(scopes_of(repository.clone_url, repository.ssh_url), found)


def comment_of(body: bytes) -> Event:
    """What `issue_comment` says."""
    payload = read(body, _Comment)
    if isinstance(payload, Ignored):
        return payload
    if payload.action != "created" or not payload.is_pull:
        return NO_COMMAND
    comment, repository = payload.comment, payload.repository
    found = Comment("", payload.issue.number, str(comment.id), comment.body, comment.user.login, repository_id=repository.id)
    return said(scopes_of(repository.clone_url, repository.ssh_url), found)
