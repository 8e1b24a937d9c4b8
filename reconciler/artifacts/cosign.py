"""Signatures that cosign makes with a key: what is signed is a small document that names the digest of a manifest. Pure.

https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
"""

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

ANNOTATION = "dev.cosignproject.cosign/signature"
MEDIA_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"

MOST = 20
"""Signatures of one artifact that are looked at."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature of one artifact, as the registry has it."""

    payload: bytes
    signature: bytes


def tag_of(digest: str) -> str:
    """Under which tag the signatures of a manifest are."""
    return f"{digest.replace(':', '-')}.sig"


def decoded(payload: bytes, annotation: object) -> Signature | None:
    """A layer of signatures; None when it is none."""
    if not isinstance(annotation, str):
        return None
    try:
        return Signature(payload, base64.b64decode(annotation, validate=True))
    except binascii.Error:
        return None


def is_signed(digest: str, signatures: Iterable[Signature], keys: Sequence[bytes]) -> bool:
    """Whether one of the keys (PEM) has signed exactly this manifest."""
    return any(_names(one.payload, digest) and any(_is_by(one, key) for key in keys) for one in signatures)


def _names(payload: bytes, digest: str) -> bool:
    try:
        document = orjson.loads(payload)
        critical = document["critical"]
        return bool(critical["image"]["docker-manifest-digest"] == digest and "signature" in critical["type"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return False


def _is_by(one: Signature, pem: bytes) -> bool:
    try:
        key = load_pem_public_key(pem)
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(one.signature, one.payload, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(one.signature, one.payload)
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(one.signature, one.payload, padding.PKCS1v15(), hashes.SHA256())
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True
