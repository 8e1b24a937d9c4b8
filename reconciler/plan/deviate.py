"""Whether the values of a live object may differ from what is desired: a quick look, for where metadata is not trusted.

It knows no schema, so it errs on the side of a difference: `1000m` is not `1` to it. Whoever asks settles that by one dry run.
"""

from typing import Any

from reconciler.model.objects import Document

NAMES = ("name", "key", "mountPath", "containerPort", "port", "ip", "type")
"""What items of lists go by; the first of them that an item has tells which one it is."""


def may_deviate(desired: Document, live: Document) -> bool:
    """Whether a field of the one has another value in the other; what only the live object has does not matter."""
    return not _is_within(desired, live)


def _is_within(desired: Any, live: Any) -> bool:
    if isinstance(desired, dict):
        return isinstance(live, dict) and all(_is_field(name, value, live) for name, value in desired.items())
    if isinstance(desired, list):
        return isinstance(live, list) and all(any(_is_item(item, other) for other in live) for item in desired)
    return bool(desired == live)


def _is_field(name: str, value: Any, live: Document) -> bool:
    """Empty values are left out by the server."""
    return _is_within(value, live[name]) if name in live else value in ({}, [], "", None, False, 0)


def _is_item(desired: Any, live: Any) -> bool:
    if isinstance(desired, dict) and isinstance(live, dict):
        name = next((name for name in NAMES if name in desired), None)
        if name is not None and desired[name] != live.get(name):
            return False
    return _is_within(desired, live)
