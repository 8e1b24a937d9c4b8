"""Deleting: preconditions, finalizers, and what is left for the controllers to do.

https://kubernetes.io/docs/concepts/architecture/garbage-collection/ and
https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/. An object without finalizers goes at once, also a pod:
there is nothing that could end gracefully. Dependents are collected in `garbage.py`.
"""

from typing import Any

from trueup.sandbox.kinds import Resource
from trueup.sandbox.paths import Deletion, Target
from trueup.sandbox.prepare import timestamp
from trueup.sandbox.status import conflict, success
from trueup.sandbox.store import Document, Store

PROTECTED_NAMESPACES = ("default", "kube-system", "kube-public")
FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
# What they leave behind has no owner when a deletion says nothing of it.
ORPHANING = {("batch", "Job"), ("", "ReplicationController")}
# These answer with the object that was deleted, not with a Status.
ANSWERS_OBJECT = {
    ("", "Namespace"),
    ("", "PersistentVolume"),
    ("", "PersistentVolumeClaim"),
    ("", "Pod"),
    ("", "PodTemplate"),
    ("", "ResourceQuota"),
    ("", "Service"),
    ("", "ServiceAccount"),
    ("storage.k8s.io", "CSIDriver"),
    ("storage.k8s.io", "CSINode"),
    ("storage.k8s.io", "StorageClass"),
    ("storage.k8s.io", "VolumeAttachment"),
    ("storage.k8s.io", "VolumeAttributesClass"),
}


def delete(store: Store, target: Target, deletion: Deletion) -> dict[str, Any]:
    """Delete one object, or mark it and leave it to its finalizers; returns what the server answers.

    Raises:
        Refused: 404, or 409 when a precondition does not hold, or 403 for the namespaces of the system.
    """
    resource = target.resource
    live = store.get(resource.collection, target.namespace, target.name)
    if live is None:
        raise target.missing()
    is_namespace = (resource.group, resource.kind) == ("", "Namespace")
    if is_namespace and target.name in PROTECTED_NAMESPACES:
        raise target.forbidden("this namespace may not be deleted")
    _check(target, live, deletion)
    finalizers = _finalizers(resource, live, deletion)
    if resource.kind == "CustomResourceDefinition" and CLEANUP not in finalizers:
        finalizers = [*finalizers, CLEANUP]
    if finalizers or is_namespace:
        if deletion.is_dry_run:
            return live
        return mark(store, target, live, finalizers)
    if not deletion.is_dry_run:
        gone = store.remove(resource.collection, live)
        live = gone
    if (resource.group, resource.kind) in ANSWERS_OBJECT:
        return live
    details = {"name": target.name, "group": resource.group, "kind": resource.plural, "uid": live["metadata"]["uid"]}
    return success({key: value for key, value in details.items() if value})


def mark(store: Store, target: Target, live: Document, finalizers: list[str]) -> Document:
    """Write the deletion timestamp; a second deletion changes nothing."""
    metadata = live["metadata"]
    if metadata.get("deletionTimestamp") and metadata.get("finalizers", []) == finalizers:
        return live
    is_namespace = (target.resource.group, target.resource.kind) == ("", "Namespace")
    metadata = {"deletionTimestamp": timestamp(), **metadata}
    if not is_namespace:
        metadata.setdefault("deletionGracePeriodSeconds", 0)
    if finalizers:
        metadata["finalizers"] = finalizers
    if "generation" in metadata and "deletionTimestamp" not in live["metadata"]:
        metadata["generation"] += 1
    document = {**live, "metadata": metadata}
    if is_namespace:
        document["status"] = {**document.get("status", {}), "phase": "Terminating"}
    return store.put(target.resource.collection, document)


def _check(target: Target, live: Document, deletion: Deletion) -> None:
    metadata, resource = live["metadata"], target.resource
    if deletion.uid and deletion.uid != metadata["uid"]:
        why = f"the UID in the precondition ({deletion.uid}) does not match the UID in record ({metadata['uid']})"
        why += ". The object might have been deleted and then recreated"
        raise conflict(resource.kind, resource.group, target.name, why)
    version = metadata["resourceVersion"]
    if deletion.resource_version and deletion.resource_version != version:
        why = f"the ResourceVersion in the precondition ({deletion.resource_version}) does not match the ResourceVersion in record ({version})"
        raise conflict(resource.kind, resource.group, target.name, why + ". The object might have been modified")


def _finalizers(resource: Resource, live: Document, deletion: Deletion) -> list[str]:
    """The object's finalizers, with the one that the propagation policy asks for."""
    present = live["metadata"].get("finalizers", ())
    finalizers = [name for name in present if name not in (FOREGROUND, ORPHAN) or not deletion.propagation]
    is_orphaning = (resource.group, resource.kind) in ORPHANING and FOREGROUND not in present and ORPHAN not in present
    match deletion.propagation or ("Orphan" if is_orphaning else ""):
        case "Foreground":
            return [*finalizers, FOREGROUND]
        case "Orphan":
            return [*finalizers, ORPHAN]
        case _:
            return finalizers
