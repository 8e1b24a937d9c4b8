"""What extends or bounds a cluster: definitions, aggregated APIs, namespaces, autoscalers, disruption budgets."""

from collections.abc import Mapping
from typing import Any

import orjson

from reconciler.health.conditions import UNOBSERVED, condition, degraded, find, healthy, part, progressing, reason_of
from reconciler.model.objects import Document
from reconciler.model.outcome import Health

CONDITIONS_OF_V1 = "autoscaling.alpha.kubernetes.io/conditions"
"""The annotation in which an autoscaler read at autoscaling/v1 carries its conditions."""


def definition(document: Document) -> Health:
    """Its names were accepted, and it is established; Degraded when they are taken."""
    if refused := condition(document, "NamesAccepted", "False"):
        return degraded(reason_of(refused))
    if terminating := condition(document, "Terminating", "True"):
        return progressing(reason_of(terminating))
    if condition(document, "Established", "True"):
        return healthy()
    found = condition(document, "Established")
    if found and found.get("reason") != "Installing":
        return degraded(reason_of(found))
    return progressing("not established yet")


def api_service(document: Document) -> Health:
    """Available, or served by the API server itself."""
    if condition(document, "Available", "True") or not part(document, "spec").get("service"):
        return healthy()
    found = condition(document, "Available")
    return progressing(reason_of(found) if found else "not available yet")


def namespace(document: Document) -> Health:
    """Active."""
    phase = part(document, "status").get("phase", "Active")
    return healthy() if phase == "Active" else progressing(f"phase {phase}")


def autoscaler(document: Document) -> Health:
    """Able to scale; Degraded when it cannot find or read its target.

    Metrics come a minute after the pods do: to be without them is to wait, not to have failed.
    """
    holder = _conditions(document)
    if (unable := find(holder, "AbleToScale", "False")) and unable.get("reason") != "BackoffBoth":
        return degraded(reason_of(unable))
    if (idle := find(holder, "ScalingActive", "False")) and idle.get("reason") != "ScalingDisabled":
        is_waiting = str(idle.get("reason")).startswith(("FailedGet", "FailedCompute"))
        return progressing(reason_of(idle)) if is_waiting else degraded(reason_of(idle))
    return healthy() if find(holder, "AbleToScale") else progressing(UNOBSERVED)


def disruption_budget(document: Document) -> Health:
    """Observed by its controller, however many disruptions it allows; Degraded when it cannot be computed."""
    failed = condition(document, "DisruptionAllowed", "False")
    return degraded(reason_of(failed)) if failed and failed.get("reason") == "SyncFailed" else healthy()


def _conditions(document: Document) -> Mapping[str, Any]:
    """Whatever holds the conditions of an autoscaler: its status, or at v1 an annotation."""
    text = part(part(document, "metadata"), "annotations").get(CONDITIONS_OF_V1)
    if document["apiVersion"] != "autoscaling/v1" or not isinstance(text, str):
        return part(document, "status")
    try:
        return {"conditions": orjson.loads(text)}
    except orjson.JSONDecodeError:
        return {}
