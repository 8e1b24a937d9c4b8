"""Pull requests and comments as Azure DevOps tells of them.

https://learn.microsoft.com/en-us/azure/devops/service-hooks/events#pull-request-created
"""

import re

from pydantic import Field

from receiver.providers.event import Comment, Event, Ignored, PullRequest
from receiver.providers.payload import Payload, RepositoryId, read, scopes_of
from receiver.providers.pulls import NO_COMMAND, needs_none, proposed, said

EVENTS = frozenset({"git.pullrequest.created", "git.pullrequest.updated", "git.pullrequest.merged"})
COMMENT = "ms.vss-code.git-pullrequest-comment-event"
ACTIVE = "active"
"""The status of a pull request that is open; an update tells of one that is abandoned or completed, too."""


TEXT = "text"
"""The kind of comment that a person writes; others tell of votes and pushes."""

_THREAD = re.compile(r"/threads/([0-9]{1,10})\Z")


class _Repository(Payload):
    id: RepositoryId = ""
    remote_url: str = Field(alias="remoteUrl")


class _Person(Payload):
    name: str | None = Field(default=None, alias="displayName")
    account: str | None = Field(default=None, alias="uniqueName")


class _Commit(Payload):
    id: str = Field(alias="commitId")


class _Pull(Payload):
    number: int = Field(alias="pullRequestId", gt=0)
    status: str
    repository: _Repository
    source: str = Field(alias="sourceRefName")
    target: str = Field(alias="targetRefName")
    head: _Commit | None = Field(default=None, alias="lastMergeSourceCommit")
    fork: object = Field(default=None, alias="forkSource")
    made_by: _Person | None = Field(default=None, alias="createdBy")


class _PullRequest(Payload):
    resource: _Pull


class _Link(Payload):
    href: str


class _Links(Payload):
    threads: _Link


class _Text(Payload):
    id: int
    content: str | None = None
    """None when it was deleted."""
    author: _Person = _Person()
    kind: str = Field(default=TEXT, alias="commentType")
    published: str = Field(default="", alias="publishedDate")
    written: str = Field(default="", alias="lastContentUpdatedDate")
    touched: str = Field(default="", alias="lastUpdatedDate")
    likes: list[object] | None = Field(default=None, alias="usersLiked")
    links: _Links = Field(alias="_links")

    @property
    def is_new(self) -> bool:
        """Whether it is told of for the first time: the same event tells of comments that were edited or, as we do, liked."""
        return self.kind == TEXT and self.published == self.written == self.touched and not self.likes


class _Beneath(Payload):
    comment: _Text
    pull: _Pull = Field(alias="pullRequest")


class _Comment(Payload):
    resource: _Beneath


def pull_request_of(event: str, body: bytes) -> Event:
    """What an event of a pull request says. The repository that it goes into has the commits of its own branches only, not those of forks."""
    payload = read(body, _PullRequest)
    if isinstance(payload, Ignored):
        return payload
    pull = payload.resource
    if event == "git.pullrequest.merged" and pull.status == ACTIVE:
        return needs_none(pull.number, "merged on trial")  # Azure DevOps does so by itself, each time that it is moved
    if pull.status != ACTIVE:
        return needs_none(pull.number, pull.status)
    is_fork = pull.fork is not None
    head, ref = ("", "") if is_fork else (pull.head.id if pull.head else "", pull.source)
    actor, repository_id = (pull.made_by or _Person()).name or "", pull.repository.id
    found = PullRequest("", pull.number, head, ref, pull.target, actor, is_fork, repository_id=repository_id)
    return proposed(scopes_of(pull.repository.remote_url), found)


def comment_of(body: bytes) -> Event:
    """What a comment says."""
    payload = read(body, _Comment)
    if isinstance(payload, Ignored):
        return payload
    comment, pull = payload.resource.comment, payload.resource.pull
    if not comment.is_new:
        return NO_COMMAND
    thread = _THREAD.search(comment.links.threads.href)
    if thread is None:
        return Ignored("payload not understood: the thread of the comment is none")
    where, actor = f"{thread[1]}/{comment.id}", comment.author.account or ""
    found = Comment("", pull.number, where, comment.content or "", actor, repository_id=pull.repository.id)
    return said(scopes_of(pull.repository.remote_url), found)
