"""Taking the values of Secrets out of documents, so that one sees *that* a value differs, and never what it is."""

from typing import Any

from reconciler.model.objects import Document

MASK = "***"


def mask(document: Document) -> Document:
    """The document with every value of a Secret masked; other kinds as they are."""
    if (document.get("apiVersion"), document.get("kind")) != ("v1", "Secret"):
        return document
    hidden = {name: _masked(document[name]) for name in ("data", "stringData") if isinstance(document.get(name), dict)}
    return {**document, **hidden}


def mask_pair(old: Document, new: Document) -> tuple[Document, Document]:
    """Two versions of one document, masked; values that differ get masks that differ."""
    before, after = mask(old), mask(new)
    for name in ("data", "stringData"):
        for key in set(before.get(name) or {}) & set(after.get(name) or {}):
            if old[name][key] != new[name][key]:
                before[name][key], after[name][key] = f"{MASK} (before)", f"{MASK} (after)"
    return before, after


def _masked(values: dict[str, Any]) -> dict[str, str]:
    return dict.fromkeys(values, MASK)
