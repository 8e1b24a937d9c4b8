"""Values that the tests of this room share: kinds, documents, manifests, live metadata and owned objects."""

from typing import Any

from reconciler.model.declared import Application, Destination, Instance, Name
from reconciler.model.objects import Kind, Kinds, LiveMetadata, ManagerEntry, Manifest, ObjectKey, RawDocument
from reconciler.model.outcome import Owned
from reconciler.model.policy import SyncPolicy
from reconciler.plan.manifest import Stamp, prepare
from reconciler.plan.marks import APPLIED, INSTANCE, OWNER, owner_text

INSTANCE_ID = Instance()
SHOP = Name("trueup", "shop")
OTHER = Name("trueup", "other")
SEAL_KEY = b"\x01" * 32

SERVED = (
    Kind("", "v1", "Namespace", "namespaces", namespaced=False, has_status=True),
    Kind("", "v1", "ConfigMap", "configmaps", namespaced=True),
    Kind("", "v1", "Secret", "secrets", namespaced=True),
    Kind("", "v1", "Service", "services", namespaced=True, has_status=True),
    Kind("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", namespaced=True, has_status=True),
    Kind("apps", "v1", "Deployment", "deployments", namespaced=True, has_status=True, has_scale=True),
    Kind("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", namespaced=True, has_status=True),
    Kind("autoscaling", "v1", "HorizontalPodAutoscaler", "horizontalpodautoscalers", namespaced=True, has_status=True),
    Kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", namespaced=True),
    Kind("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", namespaced=False),
    Kind("storage.k8s.io", "v1", "StorageClass", "storageclasses", namespaced=False),
    Kind(
        "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False, has_status=True
    ),
    Kind(
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        namespaced=False,
    ),
    Kind("example.com", "v1", "Widget", "widgets", namespaced=True, has_status=True),
)
KINDS = Kinds(SERVED)


def stamp(namespace: str = "shop", application: Name = SHOP) -> Stamp:
    return Stamp(INSTANCE_ID, application, namespace, SEAL_KEY)


def document(api_version: str = "v1", kind: str = "ConfigMap", name: str = "web", **fields: Any) -> dict[str, Any]:
    metadata = {"name": name, **fields.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def raw(written: dict[str, Any], source: str = "web.yaml, line 1") -> RawDocument:
    return RawDocument(written, source)


def manifest(written: dict[str, Any], *, namespace: str = "shop", application: Name = SHOP, kinds: Kinds = KINDS) -> Manifest:
    return prepare([raw(written)], stamp(namespace, application), kinds)[0]


def key(kind: str = "ConfigMap", name: str = "web", *, group: str = "", namespace: str = "shop") -> ObjectKey:
    return ObjectKey(group, kind, namespace, name)


def owned(of: ObjectKey, application: Name = SHOP, **fields: Any) -> Owned:
    return Owned(
        **{"key": of, "uid": f"uid-{of.name}", "resource_version": "7", "application": application, "applied": "v1:0"} | fields
    )


def application(**sync: Any) -> Application:
    return Application(SHOP, (), Destination("in-cluster", "shop"), sync=SyncPolicy(**sync))


def entry(manager: str, fields: dict[str, Any], **others: str) -> ManagerEntry:
    known = {"operation": "Update", "subresource": "", "api_version": "v1", "time": "2026-03-01T10:00:00Z"}
    return ManagerEntry(manager, fields=fields, **(known | others))


def ours(fields: dict[str, Any] | None = None) -> ManagerEntry:
    """Our Apply entry with the marks in it, and these fields beside them."""
    marks = {"f:labels": {f"f:{INSTANCE}": {}}, "f:annotations": {f"f:{APPLIED}": {}, f"f:{OWNER}": {}}}
    return entry("trueup", {"f:metadata": marks, **(fields or {})}, operation="Apply")


def live(of: ObjectKey, *managers: ManagerEntry, applied: str = "v1:0", **fields: Any) -> LiveMetadata:
    known = {
        "api_version": "v1",
        "uid": f"uid-{of.name}",
        "resource_version": "7",
        "generation": 1,
        "deleting": False,
        "labels": {INSTANCE: INSTANCE_ID.id},
        "annotations": {OWNER: owner_text(SHOP, of), APPLIED: applied},
    }
    return LiveMetadata(**({"key": of, "managers": managers} | known | fields))
