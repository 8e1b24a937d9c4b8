"""Pull requests and comments as Bitbucket Cloud tells of them.

https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/#Pull-request-events
"""

import re

from pydantic import Field

from receiver.providers.event import Comment, Event, Ignored, PullRequest
from receiver.providers.payload import LONGEST_NAME, Payload, RepositoryId, is_commit, read, scopes_of
from receiver.providers.pulls import needs_none, proposed, said

ENDS = {"pullrequest:fulfilled": "merged", "pullrequest:rejected": "declined"}
"""What became of a pull request, by the event."""

EVENTS = frozenset({"pullrequest:created", "pullrequest:updated", *ENDS})
COMMENT = "pullrequest:comment_created"

_FULL_NAME = re.compile(r"[\w.-]+/[\w.-]+")
"""`workspace/repository`."""

_UUID = re.compile(r"\{[0-9a-z-]{1,40}\}")


class _Link(Payload):
    href: str


class _Links(Payload):
    html: _Link


class Repository(Payload):
    """A repository, as every event names it."""

    uuid: RepositoryId = ""
    full_name: str
    links: _Links

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes of its address, and of what it is called."""
        by_name = f"https://bitbucket.org/{self.full_name}" if _FULL_NAME.fullmatch(self.full_name) else None
        return scopes_of(self.links.html.href, by_name)


class Actor(Payload):
    """Somebody, as every event names him."""

    uuid: str = ""
    nickname: str | None = None
    display_name: str | None = None

    @property
    def name(self) -> str:
        """For people; anybody may be called anything."""
        return self.nickname or self.display_name or ""

    @property
    def account(self) -> str:
        """Name and uuid: `ada {0b1d…}`. By the last word the forge knows it; without that, nobody."""
        return f"{self.name[: LONGEST_NAME - len(self.uuid) - 1]} {self.uuid}".strip() if _UUID.fullmatch(self.uuid) else ""


class _Branch(Payload):
    name: str


class _Commit(Payload):
    hash: str = ""
    """Its first twelve digits."""


class _From(Payload):
    branch: _Branch
    commit: _Commit | None = None
    repository: Repository | None = None
    """None when the fork is gone."""


class _Into(Payload):
    branch: _Branch


class _Pull(Payload):
    id: int = Field(gt=0)
    source: _From
    destination: _Into


class _PullRequest(Payload):
    actor: Actor | None = None
    repository: Repository
    pullrequest: _Pull


class _Content(Payload):
    raw: str


class _Text(Payload):
    id: int
    content: _Content


class _Comment(_PullRequest):
    comment: _Text


def pull_request_of(event: str, body: bytes) -> Event:
    """What an event of a pull request says. The repository that it goes into has the commits of its own branches only, not those of forks."""
    payload = read(body, _PullRequest)
    if isinstance(payload, Ignored):
        return payload
    pull, source, repository = payload.pullrequest, payload.pullrequest.source, payload.repository
    if event in ENDS:
        return needs_none(pull.id, ENDS[event])
    is_fork = source.repository is None or source.repository.full_name != repository.full_name
    commit = source.commit.hash if source.commit and is_commit(source.commit.hash) and not is_fork else ""
    ref, base = "" if is_fork else f"refs/heads/{source.branch.name}", f"refs/heads/{pull.destination.branch.name}"
    actor, repository_id = (payload.actor or Actor()).name, repository.uuid
    found = PullRequest("", pull.id, commit, ref, base, actor, is_fork, repository_id=repository_id)
    return proposed(repository.scopes, found)


def comment_of(body: bytes) -> Event:
    """What a new comment says."""
    payload = read(body, _Comment)
    if isinstance(payload, Ignored):
        return payload
    comment, actor, repository_id = payload.comment, payload.actor or Actor(), payload.repository.uuid
    number, text = payload.pullrequest.id, comment.content.raw
    found = Comment("", number, str(comment.id), text, actor.account, repository_id=repository_id)
    return said(payload.repository.scopes, found)
