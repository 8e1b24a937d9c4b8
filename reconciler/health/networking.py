"""Networking: a load balancer is there when it has an address, a gateway or route when its controller has taken it."""

from collections.abc import Mapping
from typing import Any

from reconciler.health.conditions import (
    degraded,
    find,
    healthy,
    is_current,
    items,
    part,
    progressing,
    reason_of,
)
from reconciler.model.objects import Document
from reconciler.model.outcome import HEALTH, Health, HealthMark

UNDECIDED = frozenset({"Pending", "Waiting", "NotReconciled", "AddressNotAssigned"})
"""Reasons of Gateway API conditions that are not True, and may become so: nobody has looked yet, or a load balancer takes its time.
https://gateway-api.sigs.k8s.io/reference/spec/
"""


def service(document: Document) -> Health:
    """It is there; one of type LoadBalancer has an address."""
    return _addressed(document) if part(document, "spec").get("type") == "LoadBalancer" else healthy()


def ingress(document: Document) -> Health:
    """It is there; with `trueup.dev/health: wait-for-address` it has an address.

    Whether it ever gets one depends on its controller, which need not publish any: waiting for it leaves every such Ingress
    Progressing for ever, https://github.com/argoproj/argo-cd/issues/992.
    """
    annotations = part(part(document, "metadata"), "annotations")
    return _addressed(document) if annotations.get(HEALTH) == HealthMark.ADDRESS else healthy()


def gateway_class(document: Document) -> Health:
    """Taken by its controller; Degraded when it is refused."""
    return _decided(document, part(document, "status"), "Accepted")


def gateway(document: Document) -> Health:
    """Taken by its controller and sent to the data plane, and so are its listeners; Degraded when they are refused or in conflict."""
    status = part(document, "status")
    own = [_decided(document, status, kind) for kind in ("Accepted", "Programmed")]
    return Health.worst([*own, *(_listening(document, listener) for listener in items(status, "listeners"))])


def route(document: Document) -> Health:
    """Taken by every gateway that has looked at it; Degraded when one refuses it, or a backend is not found."""
    parents = tuple(items(part(document, "status"), "parents"))
    if not parents:
        return progressing("no gateway has taken it yet")
    return Health.worst(
        check for parent in parents for check in (_decided(document, parent, "Accepted"), _resolved(document, parent))
    )


def policy(document: Document) -> Health:
    """Refused by nobody; one that nobody has looked at may be one that nobody needs to."""
    ancestors = items(part(document, "status"), "ancestors")
    return Health.worst(_decided(document, ancestor, "Accepted") for ancestor in ancestors)


def _addressed(document: Document) -> Health:
    addresses = items(part(part(document, "status"), "loadBalancer"), "ingress")
    return healthy() if any(addresses) else progressing("waits for the load balancer's address")


def _listening(document: Document, listener: Mapping[str, Any]) -> Health:
    """A certificate that is not there yet is often made because of the gateway: that is to wait, not to have failed."""
    name = f"listener {listener.get('name')}"
    if (conflict := find(listener, "Conflicted", "True")) and is_current(conflict, document):
        return degraded(f"{name}: {reason_of(conflict)}")
    for kind in ("ResolvedRefs", "Programmed"):
        if (found := find(listener, kind, "False")) and is_current(found, document):
            return progressing(f"{name}: {reason_of(found)}")
    return healthy()


def _decided(document: Document, holder: Mapping[str, Any], kind: str) -> Health:
    """A condition that must be True, and of the present generation."""
    found = find(holder, kind)
    if found is None or not is_current(found, document):
        return progressing(f"not {kind.lower()} yet")
    if found.get("status") == "True":
        return healthy()
    is_open = found.get("status") == "Unknown" or found.get("reason") in UNDECIDED
    return progressing(reason_of(found)) if is_open else degraded(reason_of(found))


def _resolved(document: Document, parent: Mapping[str, Any]) -> Health:
    """Not every controller says whether backends were found; one that says they were not is believed."""
    found = find(parent, "ResolvedRefs", "False")
    return degraded(reason_of(found)) if found and is_current(found, document) else healthy()
