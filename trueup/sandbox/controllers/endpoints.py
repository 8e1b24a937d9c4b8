"""EndpointSlices of Services: one for each, with the Service's labels copied onto it, as the real controller does.

https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/. Pods have no addresses here, so there are no endpoints in
them; that they carry the labels of their Service is what matters to whoever looks for objects by label.
"""

from typing import Any

from trueup.sandbox.controllers.seat import Pace, Seat, reference
from trueup.sandbox.store import Document

SLICES = ("discovery.k8s.io", "endpointslices")
OWN_LABELS = {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}


def control(seat: Seat, document: Document, _: Pace) -> float | None:
    """One Service; those without a selector get their slices from elsewhere."""
    spec, metadata = document["spec"], document["metadata"]
    if not spec.get("selector") or spec.get("type") == "ExternalName" or metadata.get("deletionTimestamp"):
        return None
    labels = wanted_labels(document)
    present = next(seat.owned(SLICES, document), None)
    if present is None:
        seat.create(SLICES, _slice(document, labels))
    elif present["metadata"].get("labels") != labels:
        gone = dict.fromkeys(present["metadata"].get("labels", {}).keys() - labels.keys())
        seat.patch(SLICES, present, {"metadata": {"labels": gone | labels}})
    return None


def wanted_labels(service: Document) -> dict[str, str]:
    """The Service's labels and the controller's own."""
    labels: dict[str, str] = {**service["metadata"].get("labels", {}), "kubernetes.io/service-name": service["metadata"]["name"]}
    headless = {"service.kubernetes.io/headless": ""} if service["spec"].get("clusterIP") == "None" else {}
    return labels | OWN_LABELS | headless


def _slice(service: Document, labels: dict[str, str]) -> dict[str, Any]:
    metadata = service["metadata"]
    return {
        "metadata": {
            "generateName": f"{metadata['name']}-",
            "namespace": metadata["namespace"],
            "labels": labels,
            "ownerReferences": [reference(service)],
        },
        "addressType": "IPv4",
        "endpoints": [],
    }
