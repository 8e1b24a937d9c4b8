"""GitLab.

https://docs.gitlab.com/user/project/integrations/webhook_events/, signing tokens: https://www.standardwebhooks.com
"""

from typing import ClassVar

from jobs.derive import Purpose
from receiver.keys import Secret
from receiver.providers.event import Candidates, Event, Ignored, Push, WebhookRequest
from receiver.providers.payload import LONGEST_NAME, ZEROS, Payload, is_commit, is_ref, read
from receiver.providers.signatures import equal, is_standard_webhook
from reconciler.urls import parse_url

EVENTS = frozenset({"Push Hook", "Tag Push Hook"})


class _Project(Payload):
    git_http_url: str
    path_with_namespace: str


class _Push(Payload):
    ref: str
    before: str
    after: str
    project: _Project
    user_username: str = ""


class GitLab:
    """`Push Hook` and `Tag Push Hook`; where a request carries a token and a signature, each must be right."""

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
        name = self.event_name(request)
        if name not in EVENTS:
            return Ignored(f"event {name or '(none)'} means nothing to Trueup")
        return _push(request.body)

    def delivery_id(self, request: WebhookRequest) -> str:
        """`webhook-id` or `Idempotency-Key`, the same on a retry; else the event's own id."""
        names = ("webhook-id", "idempotency-key", "x-gitlab-event-uuid")
        return next((request.headers[name] for name in names if request.headers.get(name)), "")

    def event_name(self, request: WebhookRequest) -> str:
        """`X-Gitlab-Event`."""
        return request.headers.get("x-gitlab-event", "")[:LONGEST_NAME]


def _push(body: bytes) -> Event:
    payload = read(body, _Push)
    if isinstance(payload, Ignored):
        return payload
    is_deleted = payload.after in ZEROS
    if not is_ref(payload.ref) or not (is_deleted or is_commit(payload.after)):
        return Ignored("payload not understood: ref or after is no ref and no commit")
    try:
        scope = parse_url(payload.project.git_http_url).scope
    except ValueError as error:
        return Ignored(f"payload not understood: project.git_http_url: {error}")
    commit = "" if is_deleted else payload.after
    return Push(scope, payload.ref, commit, payload.before[:64], payload.user_username[:LONGEST_NAME])
