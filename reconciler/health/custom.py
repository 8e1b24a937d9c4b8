"""Custom resources, and every kind without a rule of its own: the conditions that most of them agree on.

https://github.com/kubernetes-sigs/cli-utils, `pkg/kstatus/README.md`. Stalled and Reconciling are looked at before any rule.
"""

from reconciler.health.conditions import condition, healthy, is_current, progressing, reason_of
from reconciler.model.objects import Document
from reconciler.model.outcome import Health

SPEAKING = ("Ready", "Available")
"""Conditions whose absence says nothing, and whose presence decides."""


def resource(document: Document) -> Health:
    """Not ready is on its way: whether it will get there is only said by Stalled."""
    for kind in SPEAKING:
        if (found := condition(document, kind)) is not None:
            if not is_current(found, document):
                return progressing(f"{kind} is not said of generation {document['metadata']['generation']} yet")
            return healthy() if found.get("status") == "True" else progressing(reason_of(found))
    return healthy()
