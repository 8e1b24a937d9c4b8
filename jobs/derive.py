"""Webhook secrets: derived from master keys, so that none is stored, and each is for one provider, purpose and scope alone."""

import base64
import enum
import functools
from urllib.parse import quote

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SECRET_BYTES = 32


class Purpose(enum.StrEnum):
    """What a secret is for; one never opens the other."""

    HMAC = "hmac"
    """Signs bodies: GitHub and most others."""
    TOKEN = "token"  # noqa: S105 - the name of a purpose
    """GitLab's `X-Gitlab-Token`, which is sent in clear."""
    SIGNING = "signing"
    """GitLab's signing token, by the Standard Webhooks."""


@functools.lru_cache(maxsize=4096)
def derive_secret(master: bytes, provider: str, purpose: Purpose, scope: str, generation: int) -> bytes:
    """HKDF-SHA256 (RFC 5869) of a master key, without salt; 32 bytes. Kept in memory, where the master keys are."""
    info = f"trueup webhook v1 {provider} {purpose} {scope} {generation}".encode()
    return HKDF(SHA256(), SECRET_BYTES, None, info).derive(master)


def text_of(secret: bytes, purpose: Purpose) -> str:
    """A secret as it is entered at the forge."""
    return f"whsec_{base64.b64encode(secret).decode()}" if purpose is Purpose.SIGNING else secret.hex()


def fingerprint(master: bytes, provider: str, scope: str, generation: int) -> str:
    """A name for the secrets of one key, scope and generation, which tells nothing of them: to see whether a forge has the newest."""
    info = f"trueup webhook fingerprint v1 {provider} {scope} {generation}".encode()
    return HKDF(SHA256(), 8, None, info).derive(master).hex()


def session_key(master: bytes, instance: str) -> bytes:
    """What seals the sessions of browsers; every receiver of an instance has the same, and no other instance has it."""
    return HKDF(SHA256(), SECRET_BYTES, None, f"trueup session v1 {instance}".encode()).derive(master)


def webhook_path(provider: str, scope: str) -> str:
    """Where a repository's webhooks are taken."""
    return f"/webhooks/{provider}/{quote(scope, safe='/:@')}"
