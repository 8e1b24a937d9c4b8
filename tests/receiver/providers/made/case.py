"""One delivery and what it means. The payloads are made from the documentation of each forge: the shape that it has, with names of ours."""

import json
from dataclasses import dataclass, field
from typing import Any

from receiver.providers.event import Event, Ignored, Push, Pushes, WebhookRequest

NEW, OLD, TAG = "6113728f27ae82c7b1a177c8d03f9e96e0adf246", "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5", "7a90b1c2" * 5
"""Two commits, and the hash of an annotated tag of the newer one."""
GONE = "0" * 40
MAIN, FEATURE, RELEASE = "refs/heads/main", "refs/heads/feature/cart", "refs/tags/v1.1.0"

EVENT = {
    "github": "x-github-event", "gitlab": "x-gitlab-event", "gitea": "x-gitea-event", "forgejo": "x-forgejo-event",
    "bitbucket": "x-event-key", "bitbucket-dc": "x-event-key",
}  # fmt: skip
"""Where a forge names the event, if not in the payload."""


@dataclass(frozen=True)
class Case:
    """One delivery."""

    id: str
    provider: str
    event: str
    """As the forge calls it."""
    payload: Any
    means: Event
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        return json.dumps(self.payload, ensure_ascii=False).encode()

    @property
    def named(self) -> dict[str, str]:
        """The headers, with the one that names the event."""
        name = EVENT.get(self.provider)
        return {"content-type": "application/json", **({name: self.event} if name else {}), **self.headers}

    @property
    def request(self) -> WebhookRequest:
        return WebhookRequest(self.named, self.body, 0.0)


def ignored(name: str) -> Ignored:
    return Ignored(f"event {name} means nothing to Trueup")


def several(*pushes: Push, left_out: int = 0) -> Pushes:
    return Pushes(pushes, left_out)
