"""Storage: bound, waiting to be, or lost."""

from reconciler.health.conditions import degraded, healthy, progressing
from reconciler.model.objects import Document
from reconciler.model.outcome import Health


def claim(document: Document) -> Health:
    """Bound; a claim that waits for its first consumer is on its way."""
    phase = (document.get("status") or {}).get("phase", "Pending")
    match phase:
        case "Bound":
            return healthy()
        case "Lost":
            return degraded("the volume that it was bound to is lost")
        case _:
            return progressing(f"phase {phase}")


def volume(document: Document) -> Health:
    """Usable, or failed."""
    status = document.get("status") or {}
    phase = status.get("phase", "Pending")
    match phase:
        case "Available" | "Bound" | "Released":
            return healthy(f"phase {phase}")
        case "Failed":
            return degraded(str(status.get("message") or "phase Failed"))
        case _:
            return progressing(f"phase {phase}")
