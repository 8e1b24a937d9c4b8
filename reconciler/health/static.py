"""Kinds that are healthy when they exist: nothing acts on them, or what acts on them says nothing. Only their metadata is watched.

Secrets are here, whatever else changes: their content is never watched.
"""

from collections.abc import Mapping

from reconciler.health.conditions import healthy
from reconciler.model.objects import Document
from reconciler.model.outcome import Health


def exists(document: Document) -> Health:  # noqa: ARG001 - every rule takes the object
    """It is there."""
    return healthy()


STATIC: Mapping[str, tuple[str, ...]] = {
    "": (
        "ConfigMap", "Endpoints", "Event", "LimitRange", "PodTemplate", "ResourceQuota", "Secret", "ServiceAccount",
    ),
    "admissionregistration.k8s.io": ("*",),
    "apps": ("ControllerRevision",),
    "certificates.k8s.io": ("ClusterTrustBundle",),
    "coordination.k8s.io": ("*",),
    "discovery.k8s.io": ("*",),
    "events.k8s.io": ("*",),
    "flowcontrol.apiserver.k8s.io": ("PriorityLevelConfiguration",),
    "gateway.networking.k8s.io": ("ReferenceGrant",),
    "internal.apiserver.k8s.io": ("*",),
    "metrics.k8s.io": ("*",),
    "networking.k8s.io": ("IngressClass", "IPAddress", "NetworkPolicy"),
    "node.k8s.io": ("*",),
    "policy.networking.k8s.io": ("*",),
    "rbac.authorization.k8s.io": ("*",),
    "resource.k8s.io": ("*",),
    "scheduling.k8s.io": ("*",),
    "snapshot.storage.k8s.io": ("VolumeSnapshotClass",),
    "storage.k8s.io": ("CSIDriver", "CSINode", "CSIStorageCapacity", "StorageClass", "VolumeAttributesClass"),
}  # fmt: skip
"""By API group; `*` is every kind of a group that has no rule of its own."""
