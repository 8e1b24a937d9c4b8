"""Reads what an object's annotations say of it as a hook. Pure; the only place that knows how it is written."""

import re
from collections.abc import Mapping

from reconciler.model.hooks import Hook, Phase, Removal
from reconciler.plan.marks import HOOK, HOOK_DELETE, HOOK_TIMEOUT

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def hook_of(annotations: Mapping[str, str]) -> Hook | None:
    """What an object's annotations say of it as a hook; None when it is an ordinary object.

    Raises:
        ValueError: naming the annotation that has no meaning, and what to write instead.
    """
    if HOOK not in annotations:
        return None
    phases = frozenset(Phase(word) for word in _words(annotations, HOOK, tuple(Phase)))
    if HOOK_DELETE in annotations:
        removals = frozenset(Removal(word) for word in _words(annotations, HOOK_DELETE, tuple(Removal)))
    else:
        removals = frozenset({Removal.BEFORE_CREATION})
    return Hook(phases, removals, _seconds(annotations[HOOK_TIMEOUT]) if HOOK_TIMEOUT in annotations else None)


def _words(annotations: Mapping[str, str], name: str, known: tuple[str, ...]) -> list[str]:
    written = [word for part in annotations[name].split(",") if (word := part.strip())]
    if not written:
        raise ValueError(f"annotation {name} is empty; write {', '.join(known)}")
    for word in written:
        if word not in known:
            raise ValueError(f"annotation {name} is {word!r}; write {', '.join(known)}")
    return written


def _seconds(text: str) -> float:
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"annotation {HOOK_TIMEOUT} is {text!r} and must be a duration; write e.g. 5m or 1h30m")
    return sum(float(number) * UNITS[unit] for number, unit in parts)
