"""Reading specs, statuses and conditions of any shape, and writing verdicts in an operator's words.

The server vouches for the shape of built-in kinds only: the status of a custom resource may be anything.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.model.objects import Document
from reconciler.model.outcome import Health, HealthStatus


def part(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A mapping in the document, such as `spec` or `status`; empty when it is not there or no mapping."""
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def items(document: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    """The mappings in a list of the document; none when it is not there or no list."""
    values = document.get(name)
    yield from (value for value in values if isinstance(value, dict)) if isinstance(values, list) else ()


def condition(document: Document, kind: str, status: str | None = None) -> Mapping[str, Any] | None:
    """The condition of this type in `status.conditions`, if it is there and has the given status."""
    return find(part(document, "status"), kind, status)


def find(holder: Mapping[str, Any], kind: str, status: str | None = None) -> Mapping[str, Any] | None:
    """The condition of this type in `conditions`, if it is there and has the given status."""
    for found in items(holder, "conditions"):
        if found.get("type") == kind and status in (None, found.get("status")):
            return found
    return None


def is_current(found: Mapping[str, Any], document: Document) -> bool:
    """Whether a condition was said of the present generation; most do not tell, and are taken at their word."""
    observed, generation = found.get("observedGeneration"), part(document, "metadata").get("generation")
    return observed is None or generation is None or observed == generation


def reason_of(found: Mapping[str, Any]) -> str:
    """`Reason: message`, as far as the condition says them."""
    parts = [str(found[name]) for name in ("reason", "message") if found.get(name)]
    return ": ".join(parts) or str(found.get("type", ""))


def counted(number: int, what: str) -> str:
    """`1 replica`, `2 replicas`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


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
