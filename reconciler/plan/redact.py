"""Taking what nobody may see out of documents and messages: one sees *that* a value differs, and never what it is.

That is the data of Secrets, and in other objects the fields that they name themselves (`masked`).
"""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from typing import Any

from reconciler.model.objects import Document, FieldPath, Manifest, format_path
from reconciler.plan.marks import MASKED
from reconciler.plan.masked import IDENTITY, Path, covered, masked_paths, values
from reconciler.plan.normalise import BOOKKEEPING, is_secret

MASK = "***"
BEFORE, AFTER = f"{MASK} (before)", f"{MASK} (after)"

SHORTEST_LINE = 8
"""The same for one line of many."""

SHORTEST = 4
"""Shorter values are left in messages: masking every `a` of a sentence tells the value and hides the sentence."""


def mask(document: Document) -> Document:
    """The document with every value masked that nobody may see. The document itself is not changed."""
    return mask_pair({}, document)[1]


def mask_pair(old: Document, new: Document) -> tuple[Document, Document]:
    """Two versions of one document, masked; values that differ get masks that differ.

    What the one names is masked in the other too, and a masked value wherever else it stands.
    """
    before, after = _without_data(old, new)
    paths = masked_paths(old) | masked_paths(new)
    if not paths:
        return before, after
    found, wanted = dict(values(old, paths)), dict(values(new, paths))
    differing = {path for path in found.keys() & wanted.keys() if found[path] != wanted[path]}
    texts = _forms([*_texts(list(found.values())), *_texts(list(wanted.values()))])
    return _hidden(before, paths, differing, texts, BEFORE), _hidden(after, paths, differing, texts, AFTER)


def secret_values(document: Document) -> frozenset[str]:
    """Every text that would betray a value that is masked: as it stands, decoded and encoded, quoted, and line by line."""
    data = [document.get(name) for name in ("data", "stringData")] if is_secret(document) else []
    named = [value for _, value in values(document, masked_paths(document))]
    return _forms(_texts([*data, *named]))


def told_path(path: FieldPath, manifest: Manifest) -> str:
    """A field as it is called for people: what names a member of a list may be a value that is masked."""
    text = format_path(path)
    return redact_message(text, secret_values(manifest.document)) if MASKED.encode() in manifest.body else text


def redact_message(text: str, secrets: Iterable[str]) -> str:
    """A message without these values, the longest first, since one may contain another."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def _without_data(old: Document, new: Document) -> tuple[Document, Document]:
    """Two versions of what may be a Secret, without its data."""
    before, after = _without_values(old), _without_values(new)
    if not (is_secret(old) and is_secret(new)):
        return before, after
    for name in ("data", "stringData"):
        hidden, shown = before.get(name), after.get(name)
        if isinstance(hidden, dict) and isinstance(shown, dict):
            for key in hidden.keys() & shown.keys():
                if old[name][key] != new[name][key]:
                    hidden[key], shown[key] = BEFORE, AFTER
    return before, after


def _without_values(document: Document) -> Document:
    if not is_secret(document):
        return document
    hidden: Document = {name: _masked(document[name]) for name in ("data", "stringData") if name in document}
    return {**document, "metadata": _without_books(document), **hidden}


def _without_books(document: Document) -> Document:
    """Its metadata without the copy of the whole object that other tools keep there."""
    metadata = dict(document.get("metadata") or {})
    if annotations := metadata.get("annotations"):
        metadata["annotations"] = {name: MASK if name in BOOKKEEPING else value for name, value in annotations.items()}
    return metadata


def _hidden(document: Document, paths: frozenset[Path], differing: set[Path], texts: frozenset[str], differs: str) -> Document:
    if not document:
        return document
    whole = {**document, "metadata": _without_books(document)}
    hidden: Document = covered(whole, paths, lambda path, _: differs if path in differing else MASK)
    return {name: _scrubbed(value, texts, (name,)) for name, value in hidden.items()}


def _scrubbed(value: Any, texts: frozenset[str], path: Path) -> Any:
    """A value without these texts, wherever they stand in it."""
    match value:
        case str():
            return value if path in IDENTITY or path[-1] == MASKED else redact_message(value, texts)
        case dict():
            return {name: _scrubbed(inner, texts, (*path, str(name))) for name, inner in value.items()}
        case list():
            return [_scrubbed(inner, texts, (*path, "")) for inner in value]
    return value


def _forms(texts: Iterable[str]) -> frozenset[str]:
    found = set(texts)
    plain = {form for value in found for form in (value, value.strip(), _decoded(value))}
    forms = plain | {_encoded(value) for value in found} | {json.dumps(form)[1:-1] for form in plain}
    lines = {line.strip() for form in plain for line in form.splitlines()}
    return frozenset(form for form in forms if len(form) >= SHORTEST) | {line for line in lines if len(line) >= SHORTEST_LINE}


def _texts(value: Any) -> Iterator[str]:
    """Every text within a value, also where it has no business."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
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
