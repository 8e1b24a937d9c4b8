"""The kinds that simply become what they should be: ready, complete, bound, established, gone."""

from collections.abc import Callable
from typing import Any, TypeAlias

from trueup.sandbox.controllers.replicas import broken_images
from trueup.sandbox.controllers.seat import API_SERVER, Pace, Seat
from trueup.sandbox.deletion import CLEANUP
from trueup.sandbox.prepare import PROTECTIONS, timestamp
from trueup.sandbox.store import Collection, Document

NAMESPACES = ("", "namespaces")
DEFINITIONS = ("apiextensions.k8s.io", "customresourcedefinitions")
CLAIMS = ("", "persistentvolumeclaims")
NODES_READY = 1
Controller: TypeAlias = Callable[[Seat, Document, Pace], float | None]


def _rolls(document: Document, pace: Pace) -> tuple[bool, float | None]:
    """Is a workload ready, and if it is not yet, when to look again; a change of it takes as long as its beginning."""
    if broken_images(document["spec"]["template"].get("spec", {})):
        return False, None
    left = pace.left()
    return left is None, left


def stateful_set(seat: Seat, document: Document, pace: Pace) -> float | None:
    """All replicas at once."""
    is_ready, again = _rolls(document, pace)
    wanted, generation = document["spec"].get("replicas", 1), document["metadata"]["generation"]
    name = f"{document['metadata']['name']}-{generation}"
    status: dict[str, Any] = {"observedGeneration": generation, "replicas": wanted, "availableReplicas": 0, "collisionCount": 0}
    status |= {"currentRevision": name, "updateRevision": name}
    if is_ready and wanted:
        status |= dict.fromkeys(("readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"), wanted)
    seat.set_status(("apps", "statefulsets"), document, status)
    return again


def daemon_set(seat: Seat, document: Document, pace: Pace) -> float | None:
    """As on a cluster with one node."""
    is_ready, again = _rolls(document, pace)
    status: dict[str, Any] = {
        "observedGeneration": document["metadata"]["generation"],
        "desiredNumberScheduled": NODES_READY,
        "currentNumberScheduled": NODES_READY,
        "updatedNumberScheduled": NODES_READY,
        "numberMisscheduled": 0,
        "numberReady": NODES_READY if is_ready else 0,
    }
    status |= {"numberAvailable": NODES_READY} if is_ready else {"numberUnavailable": NODES_READY}
    seat.set_status(("apps", "daemonsets"), document, status)
    return again


def claim(seat: Seat, document: Document, pace: Pace) -> float | None:
    """A claim is bound to a volume that nobody sees; one that goes is used by nobody."""
    if document["metadata"].get("deletionTimestamp"):
        unprotect(seat, CLAIMS, document)
        return None
    if document.get("status", {}).get("phase") == "Bound":
        return None
    if left := pace.left():
        return left
    spec = document["spec"]
    document = seat.patch(CLAIMS, document, {"spec": {"volumeName": f"pvc-{document['metadata']['uid']}"}})
    capacity = spec.get("resources", {}).get("requests", {})
    seat.set_status(CLAIMS, document, {"phase": "Bound", "accessModes": spec.get("accessModes", []), "capacity": capacity})
    return None


def protected(collection: Collection) -> Controller:
    """For kinds that are protected while they are in use: one that goes is used by nobody."""

    def control(seat: Seat, document: Document, _: Pace) -> None:
        if document["metadata"].get("deletionTimestamp"):
            unprotect(seat, collection, document)

    return control


def unprotect(seat: Seat, collection: Collection, document: Document) -> None:
    """Take out the finalizer that protects what is in use."""
    finalizers = document["metadata"].get("finalizers", ())
    kept = [name for name in finalizers if name not in PROTECTIONS.values()]
    seat.patch(collection, document, {"metadata": {"finalizers": kept}})


def definition(seat: Seat, document: Document, _: Pace) -> float | None:
    """A definition is established at once; one that goes takes its objects with it."""
    spec = document["spec"]
    collection = (spec["group"], spec["names"]["plural"])
    if document["metadata"].get("deletionTimestamp"):
        for custom in seat.store.all(collection):
            seat.delete(collection, custom)
        if not seat.store.all(collection):
            kept = [name for name in document["metadata"].get("finalizers", ()) if name != CLEANUP]
            seat.patch(DEFINITIONS, document, {"metadata": {"finalizers": kept}}, who=API_SERVER)
        return None
    if document.get("status", {}).get("conditions"):
        return None
    now = timestamp()
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": now, "reason": reason, "message": message}
        for kind, reason, message in (
            ("NamesAccepted", "NoConflicts", "no conflicts found"),
            ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        )
    ]
    stored = [version["name"] for version in spec["versions"] if version.get("storage")]
    status = {"conditions": conditions, "acceptedNames": spec["names"], "storedVersions": stored}
    seat.set_status(DEFINITIONS, document, status, API_SERVER)
    return None


def namespace(seat: Seat, document: Document, _: Pace) -> float | None:
    """A namespace that goes takes its content with it, and is gone when nothing is left."""
    metadata = document["metadata"]
    if not metadata.get("deletionTimestamp"):
        return None
    name, is_empty = metadata["name"], True
    for collection in seat.store.collections():
        for content in seat.store.all(collection, name):
            seat.delete(collection, content)
            is_empty = is_empty and seat.fresh(collection, content) is None
    if is_empty and not metadata.get("finalizers"):
        seat.store.remove(NAMESPACES, document)
    return None
