"""Taking the values of Secrets out of documents and messages: one sees *that* a value differs, and never what it is."""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from typing import Any

from reconciler.model.objects import Document
from reconciler.plan.normalise import BOOKKEEPING, is_secret

MASK = "***"

SHORTEST_LINE = 8
"""The same for one line of many."""

SHORTEST = 4
"""Shorter values are left in messages: masking every `a` of a sentence tells the value and hides the sentence."""


def mask(document: Document) -> Document:
    """The document with every value of a Secret masked; other kinds as they are. The document itself is not changed."""
    if not is_secret(document):
        return document
    hidden: Document = {name: _masked(document[name]) for name in ("data", "stringData") if name in document}
    metadata = dict(document.get("metadata") or {})
    if annotations := metadata.get("annotations"):
        metadata["annotations"] = {name: MASK if name in BOOKKEEPING else value for name, value in annotations.items()}
    return {**document, "metadata": metadata, **hidden}


def mask_pair(old: Document, new: Document) -> tuple[Document, Document]:
    """Two versions of one document, masked; values that differ get masks that differ."""
    before, after = mask(old), mask(new)
    if not (is_secret(old) and is_secret(new)):
        return before, after
    for name in ("data", "stringData"):
        hidden, shown = before.get(name), after.get(name)
        if isinstance(hidden, dict) and isinstance(shown, dict):
            for key in hidden.keys() & shown.keys():
                if old[name][key] != new[name][key]:
                    hidden[key], shown[key] = f"{MASK} (before)", f"{MASK} (after)"
    return before, after


def secret_values(document: Document) -> frozenset[str]:
    """Every text that would betray a value of a Secret: as it stands, decoded and encoded, quoted, and line by line.

    Nothing for other kinds.
    """
    if not is_secret(document):
        return frozenset()
    values = {text for name in ("data", "stringData") for text in _texts(document.get(name))}
    plain = {form for value in values for form in (value, value.strip(), _decoded(value))}
    forms = plain | {_encoded(value) for value in values} | {json.dumps(form)[1:-1] for form in plain}
    lines = {line.strip() for form in plain for line in form.splitlines()}
    return frozenset(form for form in forms if len(form) >= SHORTEST) | {line for line in lines if len(line) >= SHORTEST_LINE}


def redact_message(text: str, secrets: Iterable[str]) -> str:
    """A message without these values, the longest first, since one may contain another."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def _texts(value: Any) -> Iterator[str]:
    """Every text within a value, also where it has no business."""
    if isinstance(value, str):
        yield value
    for below in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(below)


def _masked(values: Any) -> Any:
    """Keys stay, values go; what is no mapping is hidden whole."""
    return dict.fromkeys(values, MASK) if isinstance(values, dict) else MASK


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def _encoded(value: str) -> str:
    return base64.b64encode(value.encode()).decode()
