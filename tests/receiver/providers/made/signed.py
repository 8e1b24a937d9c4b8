"""A secret and what it signs, for the tests of what is believed.

The signature is GitHub's own example, which is one of HMAC-SHA256 whatever the forge:
https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries.
"""

import hashlib
import hmac

from jobs.derive import Purpose
from receiver.keys import Secret
from receiver.providers.event import Provider, WebhookRequest

BODY = b"Hello, World!"
SECRET, OLDER = Secret(b"It's a Secret to Everybody", 0), Secret(b"the one before", 1)
RIGHT = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
OLD_ONE = hmac.new(OLDER.value, BODY, hashlib.sha256).hexdigest()
SHA1 = hmac.new(SECRET.value, BODY, hashlib.sha1).hexdigest()


def signatures(name: str, prefix: str = "") -> dict[str, tuple[dict[str, str], Secret | None]]:
    """Headers of a forge that signs in one header, and who signed them, by what each shows."""
    return {
        "the documented example": ({name: prefix + RIGHT}, SECRET),
        "by the key before": ({name: prefix + OLD_ONE}, OLDER),
        "none": ({}, None),
        "empty": ({name: ""}, None),
        "the prefix alone": ({name: prefix or " "}, None),
        "without the prefix, or with one": ({name: RIGHT if prefix else f"v1={RIGHT}"}, None),
        "with another prefix": ({name: f"sha512={RIGHT}" if prefix else f"sha256={RIGHT}"}, None),
        "SHA-1 in its place": ({name: f"sha1={SHA1}" if prefix else SHA1}, None),
        "in capitals": ({name: prefix + RIGHT.upper()}, None),
        "longer": ({name: f"{prefix}{RIGHT}00"}, None),
        "shorter": ({name: prefix + RIGHT[:-2]}, None),
        "wrong": ({name: prefix + "0" * 64}, None),
        "odd letters": ({name: prefix + "\udcff\u20ac"}, None),
        "endless": ({name: prefix + "0" * 1_000_000}, None),
        "in GitHub's header": ({"x-hub-signature-256": f"sha256={RIGHT}"}, None),
    }


def believed(provider: Provider, headers: dict[str, str], purpose: Purpose = Purpose.HMAC) -> Secret | None:
    """Who signed a request, as a provider sees it; it may ask for secrets of one purpose only."""
    asked = set()

    def candidates(wanted: Purpose) -> list[Secret]:
        asked.add(wanted)
        return [SECRET, OLDER]

    found = provider.verify(WebhookRequest(headers, BODY, 0.0), candidates)
    assert asked <= {purpose}
    assert provider.verify(WebhookRequest(headers, BODY, 0.0), lambda _: []) is None
    return found
