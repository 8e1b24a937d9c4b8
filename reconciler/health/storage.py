"""Storage: bound, waiting to be, or lost."""

from collections.abc import Mapping
from typing import Any

from reconciler.health.conditions import degraded, healthy, part, progressing
from reconciler.model.objects import Document
from reconciler.model.outcome import Health


def claim(document: Document) -> Health:
    """Bound, at the size that was asked for; Degraded when its volume is lost. One that waits for its first consumer is on its way."""
    status = part(document, "status")
    match status.get("phase", "Pending"):
        case "Bound":
            return _size(status)
        case "Lost":
            return degraded("the volume that it was bound to is lost")
        case phase:
            return progressing(f"phase {phase}")


def volume(document: Document) -> Health:
    """Available, bound or released; Degraded when it has failed."""
    status = part(document, "status")
    match status.get("phase", "Pending"):
        case "Available" | "Bound" | "Released" as phase:
            return healthy(f"phase {phase}")
        case "Failed":
            return degraded(str(status.get("message") or "phase Failed"))
        case phase:
            return progressing(f"phase {phase}")


def _size(status: Mapping[str, Any]) -> Health:
    """What only a pod that mounts the volume can finish is not waited for: there need not be one.

    https://kubernetes.io/docs/concepts/storage/persistent-volumes/#recovering-from-failure-when-expanding-volumes
    """
    resizes = sorted(str(resize) for resize in part(status, "allocatedResourceStatuses").values())
    if failed := [resize for resize in resizes if resize.endswith("Infeasible")]:
        return degraded(f"cannot be resized: {failed[0]}")
    if going := [resize for resize in resizes if resize != "NodeResizePending"]:
        return progressing(f"is being resized: {going[0]}")
    return healthy("grows when a pod mounts it") if resizes else healthy()
