"""Gitea, and Forgejo, which was forked from it and goes on sending Gitea's headers beside its own.

https://docs.gitea.com/usage/webhooks, https://forgejo.org/docs/latest/user/webhooks/
"""

from typing import ClassVar

from jobs.derive import Purpose
from receiver.keys import Secret
from receiver.providers.event import Candidates, Event, Ignored, WebhookRequest
from receiver.providers.gitea_pulls import comment_of, pull_request_of
from receiver.providers.payload import (
    LONGEST_NAME,
    NOTHING,
    Payload,
    RepositoryId,
    commit_of,
    not_for_us,
    push_of,
    read,
    scopes_of,
)
from receiver.providers.signatures import signer


class _Repository(Payload):
    id: RepositoryId = ""
    clone_url: str
    ssh_url: str | None = None


class _User(Payload):
    login: str = ""


class _Commit(Payload):
    id: str = ""


class _Push(Payload):
    ref: str
    before: str
    after: str
    head_commit: _Commit | None = None
    repository: _Repository
    pusher: _User = _User()


class _Delete(Payload):
    ref: str
    ref_type: str
    repository: _Repository
    sender: _User = _User()


class Gitea:
    """Pushes, which tests come as too, deleted branches, pull requests and comments; signed by a bare hex HMAC-SHA256 of the JSON."""

    name: ClassVar[str] = "gitea"
    prefixes: ClassVar[tuple[str, ...]] = ("x-gitea-",)
    """Of its headers; the first that is there counts."""

    def verify(self, request: WebhookRequest, candidates: Candidates) -> Secret | None:
        """The secret that signed the raw body."""
        return signer(candidates(Purpose.HMAC), request.body, self._header(request, "signature"))

    def parse(self, request: WebhookRequest) -> Event:
        """What an authentic request says."""
        match self.event_name(request):
            case "push":
                return _push(request.body)
            case "delete":
                return _delete(request.body)
            case "pull_request":
                return pull_request_of(request.body)
            case "issue_comment":
                return comment_of(request.body)
            case name:
                return not_for_us(name)

    def delivery_id(self, request: WebhookRequest) -> str:
        """`X-Gitea-Delivery`; the same when it is delivered again."""
        return self._header(request, "delivery")

    def event_name(self, request: WebhookRequest) -> str:
        """`X-Gitea-Event`."""
        return self._header(request, "event")[:LONGEST_NAME]

    def _header(self, request: WebhookRequest, name: str) -> str:
        return next((value for prefix in self.prefixes if (value := request.headers.get(prefix + name))), "")


class Forgejo(Gitea):
    """The same under headers of its own."""

    name: ClassVar[str] = "forgejo"
    prefixes: ClassVar[tuple[str, ...]] = ("x-forgejo-", "x-gitea-")


def _push(body: bytes) -> Event:
    payload = read(body, _Push)
    if isinstance(payload, Ignored):
        return payload
    head = payload.head_commit
    after = commit_of(payload.ref, payload.after, head.id if head else "")
    told = {"before": payload.before, "after": after, "actor": payload.pusher.login, "repository_id": payload.repository.id}
    return push_of(_scopes(payload.repository), payload.ref, **told)


def _delete(body: bytes) -> Event:
    """A branch that is gone: there is no push for it."""
    payload = read(body, _Delete)
    if isinstance(payload, Ignored):
        return payload
    kind = "tags" if payload.ref_type == "tag" else "heads"
    ref = payload.ref if payload.ref.startswith("refs/") else f"refs/{kind}/{payload.ref}"
    told = {"before": "", "after": NOTHING, "actor": payload.sender.login, "repository_id": payload.repository.id}
    return push_of(_scopes(payload.repository), ref, **told)


def _scopes(repository: _Repository) -> tuple[str, ...]:
    return scopes_of(repository.clone_url, repository.ssh_url)
