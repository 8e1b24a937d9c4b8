"""Signatures that cosign makes with a key: what is signed is a small document that names the digest of a manifest. Pure.

Up to its second version the document is a layer beneath the tag `….sig`, or of a manifest that refers to the signed one. Since the third it
is a statement of in-toto in a Sigstore bundle, which is the layer of such a manifest.

https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md, https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md,
https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
"""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

ANNOTATION = "dev.cosignproject.cosign/signature"
MEDIA_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"

REFERRER = "application/vnd.dev.cosign.artifact.sig.v1+json"
"""The type of a manifest that refers to the signed one and has its signatures as the tag has them."""

BUNDLE = "application/vnd.dev.sigstore.bundle"
"""How the types of bundles begin, with or without their version in them."""

STATEMENT = "application/vnd.in-toto+json"
SIGNING = "https://sigstore.dev/cosign/sign/v1"
"""What a statement must be about: others vouch for where a thing comes from, or what is in it."""

PREDICATE = "dev.sigstore.bundle.predicateType"
"""The annotation that says so of a bundle."""

MOST = 20
"""Signatures of one artifact that are looked at."""

_SIGNED = f"DSSEv1 {len(STATEMENT)} {STATEMENT} ".encode()
"""How that begins which is signed for a statement."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature of one artifact, as the registry has it."""

    payload: bytes
    """What was signed."""
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


def may_sign(referrer: Mapping[str, Any]) -> bool:
    """Whether what refers to a manifest may be a signature of it, by its entry in the list of them."""
    kind, annotations = str(referrer.get("artifactType")), referrer.get("annotations")
    predicate = annotations.get(PREDICATE, SIGNING) if isinstance(annotations, dict) else SIGNING
    return kind == REFERRER or (kind.startswith(BUNDLE) and predicate == SIGNING)


def of_bundle(content: bytes) -> list[Signature]:
    """The signatures of the statement in a Sigstore bundle; none where there is none."""
    try:
        envelope = orjson.loads(content)["dsseEnvelope"]
        if envelope["payloadType"] != STATEMENT:
            return []
        statement = base64.b64decode(envelope["payload"], validate=True)
        signed = b"%b%d %b" % (_SIGNED, len(statement), statement)
        return [Signature(signed, base64.b64decode(one["sig"], validate=True)) for one in envelope["signatures"][:MOST]]
    except (orjson.JSONDecodeError, LookupError, TypeError, ValueError):
        return []


def is_signed(digest: str, signatures: Iterable[Signature], keys: Sequence[bytes]) -> bool:
    """Whether one of the keys (PEM) has signed exactly this manifest."""
    return any(_names(one.payload, digest) and any(_is_by(one, key) for key in keys) for one in signatures)


def _names(payload: bytes, digest: str) -> bool:
    try:
        if payload.startswith(_SIGNED):
            statement = orjson.loads(payload.removeprefix(_SIGNED).partition(b" ")[2])
            subjects = [f"sha256:{subject['digest']['sha256']}" for subject in statement["subject"]]
            return bool(statement["predicateType"] == SIGNING and digest in subjects)
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
