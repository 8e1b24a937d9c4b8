"""Deliveries as forges send them: with an id, and signed with the secret of a hook's scope."""

import base64
import hashlib
import hmac
from urllib.parse import quote

from jobs.derive import Purpose
from tests.receiver.providers.made.case import Case
from tests.servers.front_door import KEY, secret_of

HEADER = {
    "github": ("X-Hub-Signature-256", "sha256="), "gitea": ("X-Gitea-Signature", ""), "forgejo": ("X-Forgejo-Signature", ""),
    "bitbucket": ("X-Hub-Signature", "sha256="), "bitbucket-dc": ("X-Hub-Signature", "sha256="), "generic": ("X-Signature", "sha256="),
}  # fmt: skip
"""Where a forge has its signature, and what stands before it."""

DELIVERY = {
    "github": "X-GitHub-Delivery", "gitlab": "Idempotency-Key", "gitea": "X-Gitea-Delivery", "forgejo": "X-Forgejo-Delivery",
    "bitbucket": "X-Request-UUID", "bitbucket-dc": "X-Request-Id", "generic": "Idempotency-Key",
}  # fmt: skip


def authentic(case: Case, scope: str, delivery: str = "d-1", *, key: str = KEY) -> dict[str, str]:
    """The headers of a case, as the forge sends them to the hook of a scope."""
    return case.named | signing(case.provider, scope, case.body, delivery, key=key)


def signing(provider: str, scope: str, body: bytes, delivery: str, *, key: str = KEY) -> dict[str, str]:
    """The headers that make a body authentic, and its id where it stands in one."""
    headers = {DELIVERY[provider]: delivery} if provider in DELIVERY else {}
    if provider in ("gitlab", "azure"):
        token = secret_of(provider, Purpose.TOKEN, scope=scope, key=key).hex()
        basic = base64.b64encode(f"trueup:{token}".encode()).decode()
        return headers | ({"X-Gitlab-Token": token} if provider == "gitlab" else {"Authorization": f"Basic {basic}"})
    name, prefix = HEADER[provider]
    secret = secret_of(provider, Purpose.HMAC, scope=scope, key=key).hex().encode()
    return headers | {name: prefix + hmac.new(secret, body, hashlib.sha256).hexdigest()}


def address(case: Case, scope: str) -> str:
    return f"/webhooks/{case.provider}/{quote(scope)}"
