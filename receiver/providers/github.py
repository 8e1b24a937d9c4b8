"""GitHub and GitHub Enterprise Server.

https://docs.github.com/en/webhooks/webhook-events-and-payloads, https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

from typing import ClassVar
from urllib.parse import parse_qs

from jobs.derive import Purpose
from receiver.keys import Secret
from receiver.providers import github_checks
from receiver.providers.event import Candidates, Event, Ignored, Ping, WebhookRequest
from receiver.providers.github_pulls import comment_of, pull_request_of
from receiver.providers.payload import LONGEST_NAME, Payload, RepositoryId, commit_of, not_for_us, push_of, read, scopes_of
from receiver.providers.signatures import signer

FORM = "application/x-www-form-urlencoded"


class _Repository(Payload):
    id: RepositoryId = ""
    full_name: str
    clone_url: str
    ssh_url: str | None = None


class _Pusher(Payload):
    name: str = ""


class _Commit(Payload):
    id: str = ""


class _Push(Payload):
    ref: str
    before: str
    after: str
    head_commit: _Commit | None = None
    repository: _Repository
    pusher: _Pusher = _Pusher()


class GitHub:
    """`push`, `ping`, and checks that are asked for again; the SHA-1 signature is not accepted."""

    name: ClassVar[str] = "github"

    def verify(self, request: WebhookRequest, candidates: Candidates) -> Secret | None:
        """The secret that signed the raw body."""
        return signer(candidates(Purpose.HMAC), request.body, request.headers.get("x-hub-signature-256", ""), "sha256=")

    def parse(self, request: WebhookRequest) -> Event:
        """What an authentic request says."""
        match self.event_name(request):
            case "ping":
                return Ping()
            case "push":
                return _push(_json_of(request))
            case "pull_request":
                return pull_request_of(_json_of(request))
            case "issue_comment":
                return comment_of(_json_of(request))
            case name if name in github_checks.EVENTS:
                return github_checks.rerun(_json_of(request))
            case name:
                return not_for_us(name)

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
    repository, head = payload.repository, payload.head_commit
    after = commit_of(payload.ref, payload.after, head.id if head else "")
    scopes = scopes_of(repository.clone_url, repository.ssh_url)
    actor = payload.pusher.name
    return push_of(scopes, payload.ref, before=payload.before, after=after, actor=actor, repository_id=repository.id)
