"""Reading specs, statuses and conditions of any shape, and writing verdicts in an operator's words.

The server vouches for the shape of built-in kinds only: the status of a custom resource may be anything.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from reconciler.model.objects import Document
from reconciler.model.outcome import Health, HealthStatus

UNOBSERVED = "not observed yet"
"""What is said of an object whose controller has said nothing."""


def part(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A mapping in the document, such as `spec` or `status`; empty when it is not there or no mapping."""
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def items(document: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    """The mappings in a list of the document; none when it is not there or no list."""
    listed = document.get(name)
    yield from (item for item in listed if isinstance(item, dict)) if isinstance(listed, list) else ()


def number(document: Mapping[str, Any], name: str, default: int = 0) -> int:
    """A whole number in the document, such as `replicas`; the default when it is not there or no number."""
    value = document.get(name)
    return value if isinstance(value, int) else default


def values(document: Mapping[str, Any], path: str) -> tuple[Any, ...]:
    """Everything at a path such as `status.parents.name`, `status.details.*.message` or `metadata.annotations[cnpg.io/hibernation]`.

    Lists on the way are looked through, so there may be many; what leads nowhere is left out.
    """
    found: list[Any] = [document]
    for step in steps(path):
        below = [value for holder in found if isinstance(holder, dict) for value in _below(holder, step)]
        found = [item for value in below for item in (value if isinstance(value, list) else [value])]
    return tuple(found)


def _below(holder: Mapping[str, Any], step: str) -> Iterator[Any]:
    """What one step of a path leads to; `*` leads to everything."""
    yield from (value for key, value in holder.items() if step in ("*", key) and value is not None)


@lru_cache(maxsize=1024)
def steps(path: str) -> tuple[str, ...]:
    """The keys of a path; one with dots stands in brackets."""
    return tuple(plain or bracketed for bracketed, plain in re.findall(r"\[([^\]]+)\]|([^.\[\]]+)", path))


def condition(document: Document, kind: str, status: str | None = None) -> Mapping[str, Any] | None:
    """The condition of this type in `status.conditions`, if it is there and has the given status."""
    return find(part(document, "status"), kind, status)


def find(holder: Mapping[str, Any], kind: str, status: str | None = None) -> Mapping[str, Any] | None:
    """The condition of this type in `conditions`, if it is there and has the given status."""
    for found in items(holder, "conditions"):
        if found.get("type") == kind and status in (None, found.get("status")):
            return found
    return None


def is_current(found: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    """Whether a condition was said of the present generation; most do not tell, and are taken at their word."""
    observed, generation = found.get("observedGeneration"), part(document, "metadata").get("generation")
    return observed is None or generation is None or observed == generation


def reason_of(found: Mapping[str, Any]) -> str:
    """`Reason: message`, as far as the condition says them."""
    parts = [str(found[name]).strip() for name in ("reason", "message") if found.get(name)]
    return ": ".join(parts) or " is ".join(str(found[name]) for name in ("type", "status") if found.get(name))


def counted(amount: int, what: str) -> str:
    """`1 replica`, `2 replicas`."""
    return f"{amount} {what}" if amount == 1 else f"{amount} {what}s"


def of(done: int, wanted: int, what: str) -> str:
    """`2 of 3 replicas`."""
    return f"{done} of {counted(wanted, what)}"


def healthy(reason: str = "") -> Health:
    """All is well."""
    return Health(HealthStatus.HEALTHY, reason)


def progressing(reason: str) -> Health:
    """On its way."""
    return Health(HealthStatus.PROGRESSING, reason)


def degraded(reason: str) -> Health:
    """Failed, or will not get there by itself."""
    return Health(HealthStatus.DEGRADED, reason)


def suspended(reason: str) -> Health:
    """Stopped on purpose."""
    return Health(HealthStatus.SUSPENDED, reason)
