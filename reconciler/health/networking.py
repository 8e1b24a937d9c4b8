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
from reconciler.model.outcome import Health

UNDECIDED = frozenset({"Pending", "Waiting", "NotReconciled"})
"""Reasons of Gateway API conditions that are not True: nobody has looked yet.
https://gateway-api.sigs.k8s.io/reference/spec/
"""


def service(document: Document) -> Health:
    """A load balancer needs an address; every other Service is healthy when it exists."""
    if part(document, "spec").get("type") != "LoadBalancer":
        return healthy()
    addresses = items(part(part(document, "status"), "loadBalancer"), "ingress")
    return healthy() if any(addresses) else progressing("waits for the load balancer's address")


def ingress(document: Document) -> Health:  # noqa: ARG001 - every rule takes the object
    """Healthy when it exists: whether it gets an address depends on a controller that need not be there.

    Waiting for the address leaves every Ingress without a load balancer Progressing for ever:
    https://github.com/argoproj/argo-cd/issues/992
    """
    return healthy()


def gateway_class(document: Document) -> Health:
    """Taken by its controller."""
    return _decided(document, part(document, "status"), "Accepted")


def gateway(document: Document) -> Health:
    """Taken by its controller, and sent to the data plane."""
    accepted = _decided(document, part(document, "status"), "Accepted")
    return accepted if accepted != healthy() else _decided(document, part(document, "status"), "Programmed")


def route(document: Document) -> Health:
    """Taken by every gateway that has looked at it, with every backend found."""
    parents = tuple(items(part(document, "status"), "parents"))
    if not parents:
        return progressing("no gateway has taken it yet")
    return Health.worst(
        check for parent in parents for check in (_decided(document, parent, "Accepted"), _resolved(document, parent))
    )


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
