"""GitHub and GitHub Enterprise Server.

https://docs.github.com/en/webhooks/webhook-events-and-payloads, https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

from typing import ClassVar
from urllib.parse import parse_qs

from jobs.derive import Purpose
from receiver.keys import Secret
from receiver.providers.event import Candidates, Event, Ignored, Ping, Push, WebhookRequest
from receiver.providers.payload import LONGEST_NAME, ZEROS, Payload, is_commit, is_ref, read
from receiver.providers.signatures import is_hmac_hex
from reconciler.urls import parse_url

FORM = "application/x-www-form-urlencoded"


class _Repository(Payload):
    full_name: str
    clone_url: str


class _Pusher(Payload):
    name: str = ""


class _Push(Payload):
    ref: str
    before: str
    after: str
    repository: _Repository
    pusher: _Pusher = _Pusher()


class GitHub:
    """`push` and `ping`; the SHA-1 signature is not accepted."""

    name: ClassVar[str] = "github"

    def verify(self, request: WebhookRequest, candidates: Candidates) -> Secret | None:
        """The secret that signed the raw body."""
        algorithm, _, signature = request.headers.get("x-hub-signature-256", "").partition("=")
        if algorithm != "sha256" or not signature:
            return None
        return next((s for s in candidates(Purpose.HMAC) if is_hmac_hex(s.value, request.body, signature)), None)

    def parse(self, request: WebhookRequest) -> Event:
        """What an authentic request says."""
        match self.event_name(request):
            case "ping":
                return Ping()
            case "push":
                return _push(_json_of(request))
            case name:
                return Ignored(f"event {name or '(none)'} means nothing to Trueup")

    def delivery_id(self, request: WebhookRequest) -> str:
        """`X-GitHub-Delivery`; the same when it is delivered again."""
        return request.headers.get("x-github-delivery", "")

    def event_name(self, request: WebhookRequest) -> str:
        """`X-GitHub-Event`."""
        return request.headers.get("x-github-event", "")[:LONGEST_NAME]


def _json_of(request: WebhookRequest) -> bytes:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        return request.body
    try:
        fields = parse_qs(request.body.decode("ascii"), max_num_fields=10)
    except ValueError:
        return b""
    return fields.get("payload", [""])[0].encode("utf-8", errors="replace")


def _push(body: bytes) -> Event:
    payload = read(body, _Push)
    if isinstance(payload, Ignored):
        return payload
    is_deleted = payload.after in ZEROS
    if not is_ref(payload.ref) or not (is_deleted or is_commit(payload.after)):
        return Ignored("payload not understood: ref or after is no ref and no commit")
    try:
        scope = parse_url(payload.repository.clone_url).scope
    except ValueError as error:
        return Ignored(f"payload not understood: repository.clone_url: {error}")
    commit = "" if is_deleted else payload.after
    return Push(scope, payload.ref, commit, payload.before[:64], payload.pusher.name[:LONGEST_NAME])
