"""A name for everything that an application renders to; what hooks run for. Pure.

It is made of the documents as they were rendered: neither what a cluster serves nor how they are normalised changes it.
"""

import hashlib
import hmac
from collections.abc import Sequence

import orjson

from reconciler.model.objects import RawDocument
from reconciler.plan.masked import is_masked
from reconciler.plan.normalise import expand, is_secret


def content_digest(documents: Sequence[RawDocument], seal_key: bytes) -> str:
    """The same for the same documents, in whichever order; that of Secrets and of what is masked is keyed, so that nobody can try values."""
    digests = sorted(_digest(raw, seal_key) for raw in expand(documents))
    return hashlib.blake2b(b"".join(digests), digest_size=16).hexdigest()


def _digest(raw: RawDocument, seal_key: bytes) -> bytes:
    text = orjson.dumps(raw.document, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=str)
    if is_secret(raw.document) or is_masked(raw.document):
        return hmac.digest(seal_key, text, "blake2b")[:16]
    return hashlib.blake2b(text, digest_size=16).digest()
