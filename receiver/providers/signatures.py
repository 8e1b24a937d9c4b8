"""Checking signatures: on the raw bytes, in constant time, false for anything odd."""

import base64
import binascii
import hmac
import re
from collections.abc import Iterable

from receiver.keys import Secret

TOLERANCE_SECONDS = 300
"""Of a signature's time; https://www.standardwebhooks.com says five minutes."""

_TIME = re.compile(r"[0-9]{1,15}")


def signer(candidates: Iterable[Secret], body: bytes, header: str, prefix: str = "") -> Secret | None:
    """The secret whose hex HMAC-SHA256 of the body a header holds, behind a prefix such as `sha256=`."""
    signature = header.removeprefix(prefix)
    if not signature or not header.startswith(prefix):
        return None
    return next((secret for secret in candidates if is_hmac_hex(secret.value, body, signature)), None)


def carried(candidates: Iterable[Secret], header: str) -> Secret | None:
    """The secret that is the password of an `Authorization: Basic` (RFC 7617), whoever the user is."""
    scheme, _, text = header.partition(" ")
    _, _, password = _decoded(text.strip()).partition(b":")
    if scheme.lower() != "basic" or not password:
        return None
    return next((secret for secret in candidates if hmac.compare_digest(secret.value, password)), None)


def is_hmac_hex(secret: bytes, body: bytes, signature: str) -> bool:
    """Whether a hex HMAC-SHA256 is right."""
    return equal(hmac.digest(secret, body, "sha256").hex().encode(), signature)


def is_standard_webhook(secret: bytes, message: tuple[str, str, bytes], signatures: str, now: float) -> bool:
    """Whether one of several signatures by the Standard Webhooks is right, and its time is near.

    Args:
        secret: the decoded key.
        message: id, time and body.
        signatures: `v1,<base64>`, several separated by spaces.
        now: in seconds since 1970.
    """
    message_id, timestamp, body = message
    if not _TIME.fullmatch(timestamp) or abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    signed = f"{message_id}.{timestamp}.".encode("latin-1", errors="replace") + body
    expected = hmac.digest(secret, signed, "sha256")
    found = False
    for signature in signatures.split(" ")[:10]:
        version, _, text = signature.partition(",")
        found |= version == "v1" and hmac.compare_digest(expected, _decoded(text))
    return found


def equal(expected: bytes, given: str) -> bool:
    """Compare in constant time; a header may hold any character."""
    return hmac.compare_digest(expected, given.encode("utf-8", errors="surrogateescape"))


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        return b""
