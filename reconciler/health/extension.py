"""What extends or bounds a cluster: definitions, aggregated APIs, namespaces, autoscalers, disruption budgets."""

from reconciler.health.conditions import condition, degraded, healthy, progressing, reason_of
from reconciler.model.objects import Document
from reconciler.model.outcome import Health


def definition(document: Document) -> Health:
    """Served: its names were accepted, and it is established."""
    if refused := condition(document, "NamesAccepted", "False"):
        return degraded(reason_of(refused))
    if condition(document, "Established", "True"):
        return healthy()
    return progressing("not established yet")


def api_service(document: Document) -> Health:
    """Available."""
    if condition(document, "Available", "True"):
        return healthy()
    found = condition(document, "Available")
    return progressing(reason_of(found) if found else "not available yet")


def namespace(document: Document) -> Health:
    """Active."""
    phase = (document.get("status") or {}).get("phase", "Active")
    return healthy() if phase == "Active" else progressing(f"phase {phase}")


def autoscaler(document: Document) -> Health:
    """Able to scale; without metrics it cannot."""
    for kind in ("AbleToScale", "ScalingActive"):
        if (found := condition(document, kind, "False")) and found.get("reason") != "ScalingDisabled":
            return degraded(reason_of(found))
    return healthy() if condition(document, "AbleToScale", "True") else progressing("not observed yet")


def disruption_budget(document: Document) -> Health:
    """Observed by its controller; how many disruptions it allows is no matter of health."""
    if failed := condition(document, "DisruptionAllowed", "False"):
        return degraded(reason_of(failed)) if failed.get("reason") == "SyncFailed" else healthy()
    return healthy()
