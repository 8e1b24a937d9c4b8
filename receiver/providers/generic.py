"""Whoever can sign a few lines of JSON: a script, a pipeline, a forge that Trueup does not know.

`{"ref": "refs/heads/main", "after": "<commit>", "repository": "https://git.example/acme/shop.git"}`, and `before` and `actor` where they
are known; zeros as `after` for a ref that was deleted. `{"event": "ping"}` tries the address.
"""

from typing import ClassVar

from jobs.derive import Purpose
from receiver.keys import Secret
from receiver.providers.event import Candidates, Event, Ignored, Ping, WebhookRequest
from receiver.providers.payload import LONGEST_NAME, Payload, not_for_us, push_of, read, scopes_of
from receiver.providers.signatures import signer


class _Named(Payload):
    event: str = "push"


class _Push(Payload):
    ref: str
    after: str
    repository: str
    before: str = ""
    actor: str = ""


class Generic:
    """Signed in `X-Signature` as Flux' `generic-hmac` is, known by `Idempotency-Key` where there is one."""

    name: ClassVar[str] = "generic"

    def verify(self, request: WebhookRequest, candidates: Candidates) -> Secret | None:
        """The secret that signed the raw body."""
        return signer(candidates(Purpose.HMAC), request.body, request.headers.get("x-signature", ""), "sha256=")

    def parse(self, request: WebhookRequest) -> Event:
        """What an authentic request says."""
        match self.event_name(request):
            case "ping":
                return Ping()
            case "push":
                return _push(request.body)
            case name:
                return not_for_us(name)

    def delivery_id(self, request: WebhookRequest) -> str:
        """`Idempotency-Key`; the same when it is sent again."""
        return request.headers.get("idempotency-key", "")

    def event_name(self, request: WebhookRequest) -> str:
        """`event` of the payload; `push` where there is none."""
        named = read(request.body, _Named)
        return "push" if isinstance(named, Ignored) else named.event[:LONGEST_NAME]


def _push(body: bytes) -> Event:
    payload = read(body, _Push)
    if isinstance(payload, Ignored):
        return payload
    return push_of(scopes_of(payload.repository), payload.ref, before=payload.before, after=payload.after, actor=payload.actor)
