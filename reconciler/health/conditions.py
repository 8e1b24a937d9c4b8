"""Reading `status.conditions`, and writing verdicts in an operator's words."""

from collections.abc import Mapping
from typing import Any

from reconciler.model.objects import Document
from reconciler.model.outcome import Health, HealthStatus


def condition(document: Document, kind: str, status: str | None = None) -> Mapping[str, Any] | None:
    """The condition of this type, if it is there and has the given status."""
    for found in (document.get("status") or {}).get("conditions") or ():
        if isinstance(found, dict) and found.get("type") == kind and status in (None, found.get("status")):
            return found
    return None


def reason_of(found: Mapping[str, Any]) -> str:
    """`Reason: message`, as far as the condition says them."""
    parts = [str(found[name]) for name in ("reason", "message") if found.get(name)]
    return ": ".join(parts) or str(found.get("type", ""))


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
