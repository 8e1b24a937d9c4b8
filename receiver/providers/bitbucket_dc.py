"""Bitbucket Data Center, and Server before it.

https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html, https://confluence.atlassian.com/bitbucketserver/manage-webhooks-938025878.html
"""

from typing import ClassVar

from pydantic import Field

from jobs.derive import Purpose
from receiver.keys import Secret
from receiver.providers import bitbucket_dc_pulls
from receiver.providers.event import Candidates, Event, Ignored, Ping, WebhookRequest
from receiver.providers.payload import LONGEST_NAME, Payload, RepositoryId, not_for_us, push_of, pushes_of, read, scopes_of
from receiver.providers.signatures import signer


class _Link(Payload):
    href: str
    name: str = ""


class _Links(Payload):
    clone: list[_Link]


class _Repository(Payload):
    id: RepositoryId = ""
    links: _Links


class _Actor(Payload):
    name: str = ""


class _Change(Payload):
    ref: str = Field(alias="refId")
    before: str = Field(alias="fromHash")
    after: str = Field(alias="toHash")


class _Push(Payload):
    actor: _Actor | None = None
    repository: _Repository
    changes: list[_Change]


class BitbucketDataCenter:
    """Pushes, which may tell of several refs, pull requests, comments, and `diagnostics:ping`."""

    name: ClassVar[str] = "bitbucket-dc"

    def verify(self, request: WebhookRequest, candidates: Candidates) -> Secret | None:
        """The secret that signed the raw body."""
        return signer(candidates(Purpose.HMAC), request.body, request.headers.get("x-hub-signature", ""), "sha256=")

    def parse(self, request: WebhookRequest) -> Event:
        """What an authentic request says."""
        match self.event_name(request):
            case "diagnostics:ping":
                return Ping()
            case "repo:refs_changed":
                return _push(request.body)
            case bitbucket_dc_pulls.COMMENT:
                return bitbucket_dc_pulls.comment_of(request.body)
            case name if name in bitbucket_dc_pulls.EVENTS:
                return bitbucket_dc_pulls.pull_request_of(name, request.body)
            case name:
                return not_for_us(name)

    def delivery_id(self, request: WebhookRequest) -> str:
        """`X-Request-Id`."""
        return request.headers.get("x-request-id", "")

    def event_name(self, request: WebhookRequest) -> str:
        """`X-Event-Key`."""
        return request.headers.get("x-event-key", "")[:LONGEST_NAME]


def _push(body: bytes) -> Event:
    payload = read(body, _Push)
    if isinstance(payload, Ignored):
        return payload
    links = sorted(payload.repository.links.clone, key=lambda link: link.name == "ssh")
    scopes = scopes_of(*(link.href for link in links))
    told = {"actor": payload.actor.name if payload.actor else "", "repository_id": payload.repository.id}
    return pushes_of(payload.changes, lambda c: push_of(scopes, c.ref, before=c.before, after=c.after, **told))
