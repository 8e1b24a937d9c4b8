"""GitLab.

https://docs.gitlab.com/user/project/integrations/webhook_events/, https://docs.gitlab.com/administration/system_hooks/, signing tokens:
https://www.standardwebhooks.com
"""

from typing import ClassVar

from jobs.derive import Purpose
from receiver.keys import Secret
from receiver.providers.event import Candidates, Event, Ignored, WebhookRequest
from receiver.providers.gitlab_pulls import merge_request_of, note_of
from receiver.providers.payload import (
    LONGEST_NAME,
    Payload,
    RepositoryId,
    commit_of,
    not_for_us,
    push_of,
    pushes_of,
    read,
    scopes_of,
)
from receiver.providers.signatures import equal, is_standard_webhook


class _Project(Payload):
    git_http_url: str
    git_ssh_url: str | None = None
    path_with_namespace: str


class _Person(Payload):
    user_username: str | None = None
    user_name: str | None = None

    @property
    def name(self) -> str:
        """By which people know them; a system hook tells the full name only."""
        return self.user_username or self.user_name or ""


class _Push(_Person):
    ref: str
    before: str
    after: str
    checkout_sha: str | None = None
    project: _Project
    project_id: RepositoryId = ""


class _Change(Payload):
    ref: str
    before: str
    after: str


class _Update(_Person):
    project: _Project
    project_id: RepositoryId = ""
    changes: list[_Change]


class _Named(Payload):
    event_name: str | None = None
    object_kind: str | None = None


class GitLab:
    """Pushes and tags of a project, a group or a whole GitLab; where a request carries a token and a signature, each must be right."""

    name: ClassVar[str] = "gitlab"

    def verify(self, request: WebhookRequest, candidates: Candidates) -> Secret | None:
        """The secret that the request carries or was signed with."""
        headers = request.headers
        token, signatures = headers.get("x-gitlab-token", ""), headers.get("webhook-signature", "")
        if not token and not signatures:
            return None
        message = (headers.get("webhook-id", ""), headers.get("webhook-timestamp", ""), request.body)
        by_token = next((s for s in candidates(Purpose.TOKEN) if equal(s.value, token)), None) if token else None
        signed = (s for s in candidates(Purpose.SIGNING) if is_standard_webhook(s.value, message, signatures, request.now))
        by_signature = next(signed, None) if signatures else None
        if (token and by_token is None) or (signatures and by_signature is None):
            return None
        return by_signature or by_token

    def parse(self, request: WebhookRequest) -> Event:
        """What an authentic request says."""
        match self.event_name(request):
            case "Push Hook" | "Tag Push Hook":
                return _push(request.body)
            case "Merge Request Hook":
                return merge_request_of(request.body)
            case "Note Hook":
                return note_of(request.body)
            case "System Hook":
                return _of_all(request.body)
            case name:
                return not_for_us(name)

    def delivery_id(self, request: WebhookRequest) -> str:
        """`webhook-id` or `Idempotency-Key`, the same on a retry; else the event's own id."""
        names = ("webhook-id", "idempotency-key", "x-gitlab-event-uuid")
        return next((request.headers[name] for name in names if request.headers.get(name)), "")

    def event_name(self, request: WebhookRequest) -> str:
        """`X-Gitlab-Event`."""
        return request.headers.get("x-gitlab-event", "")[:LONGEST_NAME]


def _of_all(body: bytes) -> Event:
    """What a system hook says: which event it is stands in the payload."""
    named = read(body, _Named)
    if isinstance(named, Ignored):
        return named
    match named.event_name:
        case "push" | "tag_push":
            return _push(body)
        case "repository_update":
            return _update(body)
        case None if named.object_kind == "merge_request":
            return merge_request_of(body)
        case name:
            return not_for_us(f"System Hook {name or named.object_kind or ''}".strip()[:LONGEST_NAME])


def _push(body: bytes) -> Event:
    payload = read(body, _Push)
    if isinstance(payload, Ignored):
        return payload
    after = commit_of(payload.ref, payload.after, payload.checkout_sha)
    told = {"before": payload.before, "after": after, "actor": payload.name, "repository_id": payload.project_id}
    return push_of(_scopes(payload.project), payload.ref, **told)


def _update(body: bytes) -> Event:
    """One push of any number of refs; GitLab sends no others for more than three."""
    payload = read(body, _Update)
    if isinstance(payload, Ignored):
        return payload
    scopes, told = _scopes(payload.project), {"actor": payload.name, "repository_id": payload.project_id}
    return pushes_of(payload.changes, lambda c: push_of(scopes, c.ref, before=c.before, after=c.after, **told))


def _scopes(project: _Project) -> tuple[str, ...]:
    return scopes_of(project.git_http_url, project.git_ssh_url)
