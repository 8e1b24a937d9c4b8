"""Pull requests and comments as GitHub tells of them.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#pull_request, #issue_comment there
"""

from pydantic import Field

from receiver.providers.event import Comment, Event, Ignored, PullRequest
from receiver.providers.payload import LONGEST_NAME, Payload, command_in, is_commit, is_ref, read, scopes_of

PLANNED = frozenset({"opened", "synchronize", "reopened", "ready_for_review"})
"""What happens to a pull request that asks for its plan."""


class _Repository(Payload):
    full_name: str
    clone_url: str
    ssh_url: str | None = None


class _Account(Payload):
    login: str = ""
    type: str = ""


class _Head(Payload):
    sha: str
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
    pull, what = payload.pull_request, f"pull request {payload.number}"
    is_moved = payload.action == "edited" and payload.changes.base is not None
    if payload.action not in PLANNED and not is_moved:
        return Ignored(f"{what} was {'merged' if payload.action == 'closed' and pull.merged else payload.action[:LONGEST_NAME]}")
    base = f"refs/heads/{pull.base.ref}"
    if not is_commit(pull.head.sha) or not is_ref(base):
        return Ignored("payload not understood: pull_request.head.sha or base.ref is no commit and no branch")
    scopes = scopes_of(pull.base.repo.clone_url, pull.base.repo.ssh_url)
    if not scopes:
        return Ignored("payload not understood: no address of the repository is one")
    is_fork = pull.head.repo is None or pull.head.repo.full_name != pull.base.repo.full_name
    ref, actor = f"refs/pull/{payload.number}/head", payload.sender.login[:LONGEST_NAME]
    return PullRequest(scopes[0], payload.number, pull.head.sha, ref, base, actor, is_fork, scopes[1:])


def comment_of(body: bytes) -> Event:
    """What `issue_comment` says."""
    payload = read(body, _IssueComment)
    if isinstance(payload, Ignored):
        return payload
    author, text = payload.comment.user, command_in(payload.comment.body)
    if payload.action != "created" or not text or author.type == "Bot" or payload.issue.pull_request is None:
        return Ignored(
            "a comment that is no command to Trueup: a new one beneath a pull request with a line that begins with /trueup"
        )
    scopes = scopes_of(payload.repository.clone_url, payload.repository.ssh_url)
    if not scopes:
        return Ignored("payload not understood: no address of the repository is one")
    return Comment(scopes[0], payload.issue.number, str(payload.comment.id), text, author.login[:LONGEST_NAME], scopes[1:])
