"""Bitbucket Cloud.

https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/, https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/
"""

from collections.abc import Mapping
from typing import ClassVar

from jobs.derive import Purpose
from receiver.keys import Secret
from receiver.providers import bitbucket_pulls
from receiver.providers.event import Candidates, Event, Ignored, Push, WebhookRequest
from receiver.providers.payload import LONGEST_NAME, NOTHING, Payload, not_for_us, push_of, pushes_of, read
from receiver.providers.signatures import signer

KINDS = {"branch": "refs/heads/", "tag": "refs/tags/", "annotated_tag": "refs/tags/"}
"""Where the refs of a change are, by its type."""


class _Target(Payload):
    hash: str


class _State(Payload):
    type: str
    name: str
    target: _Target


class _Change(Payload):
    new: _State | None = None
    old: _State | None = None


class _Changes(Payload):
    changes: list[_Change]


class _Push(Payload):
    actor: bitbucket_pulls.Actor | None = None
    repository: bitbucket_pulls.Repository
    push: _Changes


class Bitbucket:
    """Pushes, which may tell of several refs, pull requests and comments."""

    name: ClassVar[str] = "bitbucket"

    def verify(self, request: WebhookRequest, candidates: Candidates) -> Secret | None:
        """The secret that signed the raw body."""
        return signer(candidates(Purpose.HMAC), request.body, request.headers.get("x-hub-signature", ""), "sha256=")

    def parse(self, request: WebhookRequest) -> Event:
        """What an authentic request says."""
        match self.event_name(request):
            case "repo:push":
                return _push(request.body)
            case bitbucket_pulls.COMMENT:
                return bitbucket_pulls.comment_of(request.body)
            case name if name in bitbucket_pulls.EVENTS:
                return bitbucket_pulls.pull_request_of(name, request.body)
            case name:
                return not_for_us(name)

    def delivery_id(self, request: WebhookRequest) -> str:
        """`X-Request-UUID`; the same at every attempt."""
        return request.headers.get("x-request-uuid", "")

    def event_name(self, request: WebhookRequest) -> str:
        """`X-Event-Key`."""
        return request.headers.get("x-event-key", "")[:LONGEST_NAME]


def _push(body: bytes) -> Event:
    payload = read(body, _Push)
    if isinstance(payload, Ignored):
        return payload
    actor, repository = payload.actor or bitbucket_pulls.Actor(), payload.repository
    scopes, told = repository.scopes, {"actor": actor.name, "repository_id": repository.uuid}
    return pushes_of(payload.push.changes, lambda change: _moved(scopes, change, told))


def _moved(scopes: tuple[str, ...], change: _Change, told: Mapping[str, str]) -> Push | Ignored:
    state = change.new or change.old
    if state is None or state.type not in KINDS:
        return Ignored("payload not understood: a change is of no branch and no tag")
    before, after = (there.target.hash if there else NOTHING for there in (change.old, change.new))
    return push_of(scopes, KINDS[state.type] + state.name, before=before, after=after, **told)
