"""Webhook secrets: derived from master keys, so that none is stored, and each is for one provider, purpose and scope alone."""

import base64
import enum
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A secret that a request may have been signed with; its representation does not show it."""

    value: bytes
    key: int
    """Which master key it is from, 0 the newest; -1: chosen by hand."""
    generation: int = 0


@functools.lru_cache(maxsize=4096)
def derive_secret(master: bytes, provider: str, purpose: Purpose, scope: str, generation: int) -> bytes:
    """HKDF-SHA256 (RFC 5869) of a master key, without salt; 32 bytes. Kept in memory, where the master keys are."""
    info = f"trueup webhook v1 {provider} {purpose} {scope} {generation}".encode()
    return HKDF(SHA256(), SECRET_BYTES, None, info).derive(master)


def text_of(secret: bytes, purpose: Purpose) -> str:
    """A secret as it is entered at the forge."""
    return f"whsec_{base64.b64encode(secret).decode()}" if purpose is Purpose.SIGNING else secret.hex()


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All secrets that may have signed a request."""

    masters: Sequence[bytes]
    chosen: Mapping[str, bytes]
    """Secrets chosen by hand, by scope."""

    def candidates(self, provider: str, purpose: Purpose, scope: str, generations: Iterable[int]) -> Iterator[Secret]:
        """Newest key first; what a forge was given is text, so a secret is its text's bytes, but for signing."""
        for generation in generations:
            for index, master in enumerate(self.masters):
                raw = derive_secret(master, provider, purpose, scope, generation)
                yield Secret(raw if purpose is Purpose.SIGNING else raw.hex().encode(), index, generation)
        if scope in self.chosen:
            yield Secret(self._chosen(scope, purpose), -1)

    def _chosen(self, scope: str, purpose: Purpose) -> bytes:
        text = self.chosen[scope]
        if purpose is Purpose.SIGNING and text.startswith(b"whsec_"):
            return base64.b64decode(text.removeprefix(b"whsec_"))
        return text
