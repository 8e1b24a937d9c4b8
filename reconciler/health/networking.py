"""Networking: a load balancer is there when it has an address."""

from reconciler.health.conditions import healthy, progressing
from reconciler.model.objects import Document
from reconciler.model.outcome import Health


def service(document: Document) -> Health:
    """A load balancer needs an address; every other Service is healthy when it exists."""
    spec, status = document.get("spec") or {}, document.get("status") or {}
    if spec.get("type") != "LoadBalancer" or (status.get("loadBalancer") or {}).get("ingress"):
        return healthy()
    return progressing("waits for the load balancer's address")


def ingress(document: Document) -> Health:  # noqa: ARG001 - every rule takes the object
    """Healthy when it exists: whether it gets an address depends on a controller that need not be there.

    Waiting for the address leaves every Ingress without a load balancer Progressing for ever:
    https://github.com/argoproj/argo-cd/issues/992
    """
    return healthy()
