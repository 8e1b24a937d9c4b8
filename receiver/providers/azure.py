"""Azure DevOps Services, and Server: service hooks. They are not signed; they carry a password, so they need TLS.

https://learn.microsoft.com/en-us/azure/devops/service-hooks/events, https://learn.microsoft.com/en-us/azure/devops/service-hooks/services/webhooks
"""

from typing import ClassVar

from pydantic import Field

from jobs.derive import Purpose
from receiver.keys import Secret
from receiver.providers import azure_pulls
from receiver.providers.event import Candidates, Event, Ignored, WebhookRequest
from receiver.providers.payload import LONGEST_NAME, Payload, RepositoryId, not_for_us, push_of, pushes_of, read, scopes_of
from receiver.providers.signatures import carried


class _Envelope(Payload):
    id: str = ""
    event: str = Field(default="", alias="eventType")


class _Repository(Payload):
    id: RepositoryId = ""
    remote_url: str = Field(alias="remoteUrl")


class _Change(Payload):
    ref: str = Field(alias="name")
    before: str = Field(alias="oldObjectId")
    after: str = Field(alias="newObjectId")


class _Person(Payload):
    name: str | None = Field(default=None, alias="displayName")


class _Resource(Payload):
    changes: list[_Change] = Field(alias="refUpdates")
    repository: _Repository
    pushed_by: _Person | None = Field(default=None, alias="pushedBy")


class _Push(Payload):
    resource: _Resource


class Azure:
    """Pushes, which may tell of several refs, pull requests and comments."""

    name: ClassVar[str] = "azure"

    def verify(self, request: WebhookRequest, candidates: Candidates) -> Secret | None:
        """The secret that the request carries as a password."""
        return carried(candidates(Purpose.TOKEN), request.headers.get("authorization", ""))

    def parse(self, request: WebhookRequest) -> Event:
        """What an authentic request says."""
        match self.event_name(request):
            case "git.push":
                return _push(request.body)
            case azure_pulls.COMMENT:
                return azure_pulls.comment_of(request.body)
            case name if name in azure_pulls.EVENTS:
                return azure_pulls.pull_request_of(name, request.body)
            case name:
                return not_for_us(name)

    def delivery_id(self, request: WebhookRequest) -> str:
        """The id of the event in the payload; the same at every attempt, and to every hook."""
        return _envelope(request.body).id

    def event_name(self, request: WebhookRequest) -> str:
        """`eventType` of the payload."""
        return _envelope(request.body).event[:LONGEST_NAME]


def _envelope(body: bytes) -> _Envelope:
    found = read(body, _Envelope)
    return _Envelope() if isinstance(found, Ignored) else found


def _push(body: bytes) -> Event:
    payload = read(body, _Push)
    if isinstance(payload, Ignored):
        return payload
    resource = payload.resource
    scopes = scopes_of(resource.repository.remote_url)
    told = {"actor": (resource.pushed_by or _Person()).name or "", "repository_id": resource.repository.id}
    return pushes_of(resource.changes, lambda c: push_of(scopes, c.ref, before=c.before, after=c.after, **told))
