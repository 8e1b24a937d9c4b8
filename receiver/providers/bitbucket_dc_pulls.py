"""Pull requests and comments as Bitbucket Data Center tells of them.

https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html
"""

from pydantic import Field

from receiver.providers.event import Comment, Event, Ignored, PullRequest
from receiver.providers.payload import Payload, read, scopes_of
from receiver.providers.pulls import needs_none, proposed, said

ENDS = {"pr:merged": "merged", "pr:declined": "declined", "pr:deleted": "deleted"}
"""What became of a pull request, by the event."""

EVENTS = frozenset({"pr:opened", "pr:from_ref_updated", "pr:modified", *ENDS})
COMMENT = "pr:comment:added"


class _Link(Payload):
    href: str
    name: str = ""


class _Links(Payload):
    clone: list[_Link]


class _FromRepository(Payload):
    id: int


class _IntoRepository(Payload):
    id: int
    links: _Links


class _From(Payload):
    commit: str = Field(alias="latestCommit")
    repository: _FromRepository | None = None
    """None when the fork is gone."""


class _Into(Payload):
    id: str
    repository: _IntoRepository


class _Pull(Payload):
    id: int = Field(gt=0)
    source: _From = Field(alias="fromRef")
    target: _Into = Field(alias="toRef")


class _Actor(Payload):
    name: str = ""


class _PullRequest(Payload):
    actor: _Actor | None = None
    pull: _Pull = Field(alias="pullRequest")
    before: object = Field(default=None, alias="previousTarget")
    """There when it goes into another branch than before."""


class _Text(Payload):
    id: int
    text: str


class _Comment(_PullRequest):
    comment: _Text


def pull_request_of(event: str, body: bytes) -> Event:
    """What an event of a pull request says."""
    payload = read(body, _PullRequest)
    if isinstance(payload, Ignored):
        return payload
    pull = payload.pull
    before = payload.before.get("id") if isinstance(payload.before, dict) else None
    if event in ENDS or (event == "pr:modified" and before in (None, pull.target.id)):
        return needs_none(pull.id, ENDS.get(event, "described otherwise"))
    is_fork = pull.source.repository is None or pull.source.repository.id != pull.target.repository.id
    actor = payload.actor.name if payload.actor else ""
    ref, repository_id = f"refs/pull-requests/{pull.id}/from", str(pull.target.repository.id)
    found = PullRequest("", pull.id, pull.source.commit, ref, pull.target.id, actor, is_fork, repository_id=repository_id)
    return proposed(_scopes(pull), found)


def comment_of(body: bytes) -> Event:
    """What a new comment says."""
    payload = read(body, _Comment)
    if isinstance(payload, Ignored):
        return payload
    comment, actor = payload.comment, payload.actor or _Actor()
    repository_id = str(payload.pull.target.repository.id)
    found = Comment("", payload.pull.id, str(comment.id), comment.text, actor.name, repository_id=repository_id)
    return said(_scopes(payload.pull), found)


def _scopes(pull: _Pull) -> tuple[str, ...]:
    links = sorted(pull.target.repository.links.clone, key=lambda link: link.name == "ssh")
    return scopes_of(*(link.href for link in links))
