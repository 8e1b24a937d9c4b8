"""What the server itself writes into an object: identity, generation, status, addresses; and what a request may not touch.

The decisions of each kind's strategy (https://github.com/kubernetes/kubernetes/tree/master/pkg/registry). Functions change the
document they are given, which is the caller's own copy.
"""

import base64
import secrets
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from trueup.sandbox.fields import LEAF, Tree
from trueup.sandbox.kinds import Resource
from trueup.sandbox.store import Document, Store

WITH_GENERATION = {
    ("", "Pod"),
    ("apps", "DaemonSet"),
    ("autoscaling", "HorizontalPodAutoscaler"),
    ("apps", "Deployment"),
    ("apps", "ReplicaSet"),
    ("apps", "StatefulSet"),
    ("", "PodTemplate"),
    ("", "ReplicationController"),
    ("batch", "CronJob"),
    ("batch", "Job"),
    ("networking.k8s.io", "Ingress"),
    ("networking.k8s.io", "IngressClass"),
    ("networking.k8s.io", "NetworkPolicy"),
    ("policy", "PodDisruptionBudget"),
    ("scheduling.k8s.io", "PriorityClass"),
    ("discovery.k8s.io", "EndpointSlice"),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
}
KEPT_METADATA = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "generateName")
SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
LONGEST_PREFIX = 58
TOLERATIONS = [
    {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for key in ("not-ready", "unreachable")
]


def ignored_fields(resource: Resource, subresource: str) -> Tree | None:
    """The fields that a request does not change, and so does not own."""
    if subresource == "status":
        tree: Tree = {"f:spec": LEAF}
        if resource.is_custom:
            tree["f:metadata"] = LEAF
        elif resource.group == "apps":
            tree["f:metadata"] = {"f:labels": LEAF}
        return tree
    return {"f:status": LEAF} if "status" in resource.subresources else None


def has_generation(resource: Resource) -> bool:
    """Does the server count the versions of what is desired?"""
    return resource.is_custom or (resource.group, resource.kind) in WITH_GENERATION


def generated_name(prefix: str) -> str:
    """A name out of `generateName`."""
    return prefix[:LONGEST_PREFIX] + "".join(secrets.choice(SUFFIX_LETTERS) for _ in range(5))


def prepare_create(resource: Resource, document: Document, now: str) -> None:
    """Identity and beginnings of a new object."""
    metadata = document["metadata"]
    for name in ("resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"):
        metadata.pop(name, None)
    metadata["uid"] = str(uuid.uuid4())
    metadata["creationTimestamp"] = now
    metadata.pop("generation", None)
    if has_generation(resource):
        metadata["generation"] = 1
    if "status" in resource.subresources:
        _first_status(resource, document)
    match (resource.group, resource.kind):
        case ("", "Namespace"):
            document["spec"]["finalizers"] = ["kubernetes"]
        case ("", "Pod"):
            _set_pod(document)
        case ("batch", "Job"):
            _set_job(document)
        case ("", "Node"):
            taints = document["spec"].get("taints", [])
            document["spec"]["taints"] = taints if NOT_READY in taints else [*taints, NOT_READY]
        case ("", "PersistentVolume"):
            document["status"] = {**document["status"], "lastPhaseTransitionTime": now}
    if protection := PROTECTIONS.get((resource.group, resource.kind)):
        metadata["finalizers"] = [*(name for name in metadata.get("finalizers", ()) if name != protection), protection]


def _first_status(resource: Resource, document: Document) -> None:
    if resource.is_custom:
        document.pop("status", None)
        return
    first: Mapping[str, Any] = FIRST_STATUS.get((resource.group, resource.kind), {})
    if "status" in document or first:
        document["status"] = dict(first)


FIRST_STATUS: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("", "Namespace"): {"phase": "Active"},
    ("", "Pod"): {"phase": "Pending", "qosClass": "BestEffort"},
    ("", "PersistentVolumeClaim"): {"phase": "Pending"},
    ("", "PersistentVolume"): {"phase": "Pending"},
    ("", "Service"): {"loadBalancer": {}},
    ("networking.k8s.io", "Ingress"): {"loadBalancer": {}},
    ("apps", "ReplicaSet"): {"replicas": 0},
    ("apps", "StatefulSet"): {"replicas": 0, "availableReplicas": 0},
    ("apps", "DaemonSet"): {"currentNumberScheduled": 0, "numberMisscheduled": 0, "desiredNumberScheduled": 0, "numberReady": 0},
    ("policy", "PodDisruptionBudget"): {"disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0},
    ("autoscaling", "HorizontalPodAutoscaler"): {"desiredReplicas": 0, "currentMetrics": None},
    ("apiextensions.k8s.io", "CustomResourceDefinition"): {
        "conditions": None,
        "acceptedNames": {"plural": "", "kind": ""},
        "storedVersions": [],
    },
}


NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
PROTECTIONS = {
    ("", "PersistentVolume"): "kubernetes.io/pv-protection",
    ("", "PersistentVolumeClaim"): "kubernetes.io/pvc-protection",
    ("storage.k8s.io", "VolumeAttributesClass"): "kubernetes.io/vac-protection",
}


def qos_class(spec: Mapping[str, Any]) -> str:
    """https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/ ."""
    resources = [each.get("resources", {}) for each in (*spec.get("containers", ()), *spec.get("initContainers", ()))]
    asked = [each.get(what, {}) for each in resources for what in ("limits", "requests")]
    if not any(name in ("cpu", "memory") for each in asked for name in each):
        return "BestEffort"
    is_guaranteed = all(
        each.get("limits", {}).get(name) and each["limits"][name] == each.get("requests", {}).get(name)
        for each in resources
        for name in ("cpu", "memory")
    )
    return "Guaranteed" if is_guaranteed else "Burstable"


def _set_pod(document: Document) -> None:
    spec = document["spec"]
    document["status"] = {**document["status"], "qosClass": qos_class(spec)}
    spec.setdefault("priority", 0)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    _tolerate(spec)


def _tolerate(spec: dict[str, Any]) -> None:
    """What admission adds to every pod, whenever it is written."""
    present = {(toleration.get("key"), toleration.get("effect")) for toleration in spec.get("tolerations") or ()}
    added = [toleration for toleration in TOLERATIONS if (toleration["key"], toleration["effect"]) not in present]
    spec["tolerations"] = [*(spec.get("tolerations") or ()), *added]


def _set_job(document: Document) -> None:
    spec, uid, name = document["spec"], document["metadata"]["uid"], document["metadata"]["name"]
    if not spec.get("manualSelector"):
        labels = {"controller-uid": uid, "job-name": name}
        labels |= {f"batch.kubernetes.io/{key}": value for key, value in labels.items()}
        template = spec["template"].setdefault("metadata", {})
        template.setdefault("labels", {}).update(labels)  # in place: a Job without labels shares them
        if not document["metadata"].get("labels"):
            document["metadata"]["labels"] = dict(template["labels"])
        spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}


def prepare_update(resource: Resource, subresource: str, before: Document, document: Document) -> Document:
    """Take back what this request may not change, and count the generation; returns the document to write."""
    if subresource == "status":
        document = _only_status(resource, before, document)
    elif "status" in resource.subresources:
        document.pop("status", None)
        if "status" in before:
            document["status"] = before["status"]
    metadata = document["metadata"]
    for name in KEPT_METADATA:
        metadata.pop(name, None)
        if name in before["metadata"]:
            metadata[name] = before["metadata"][name]
    if (resource.group, resource.kind) == ("", "Namespace"):
        document["spec"] = before["spec"]
    if (resource.group, resource.kind) == ("", "Pod") and not subresource:
        document["spec"] = dict(document["spec"])
        _tolerate(document["spec"])
    if has_generation(resource) and _desired(resource, before) != _desired(resource, document):
        metadata["generation"] = metadata.get("generation", 0) + 1
    return document


def _only_status(resource: Resource, before: Document, document: Document) -> Document:
    metadata = document["metadata"]
    if resource.is_custom:
        metadata = before["metadata"]
    elif resource.group == "apps":
        metadata = {name: value for name, value in metadata.items() if name != "labels"}
        if "labels" in before["metadata"]:
            metadata["labels"] = before["metadata"]["labels"]
    result = {**before, "metadata": {**metadata, "managedFields": before["metadata"].get("managedFields", [])}}
    result.pop("status", None)
    return result | ({"status": document["status"]} if "status" in document else {})


def _desired(resource: Resource, document: Document) -> dict[str, Any]:
    left_out = ("metadata", "status") if "status" in resource.subresources or not resource.is_custom else ("metadata",)
    return {name: value for name, value in document.items() if name not in left_out}


def allocate(store: Store, document: Document, before: Document | None) -> None:
    """Give a Service the addresses and node ports that it asks for and does not name, and leave it the ones it has."""
    spec = document["spec"]
    if spec.get("type") == "ExternalName":
        return
    old = before["spec"] if before else {}
    if not spec.get("clusterIP"):
        address = old.get("clusterIP") or _free_address(store)
        spec["clusterIP"] = address
    spec.setdefault("clusterIPs", [spec["clusterIP"]])
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    if spec.get("type") in ("NodePort", "LoadBalancer"):
        taken = {port.get("nodePort") for service in store.all(("", "services")) for port in service["spec"].get("ports", ())}
        kept = {(p.get("port"), p.get("protocol")): p["nodePort"] for p in old.get("ports", ()) if "nodePort" in p}
        for port in spec.get("ports", ()):
            if not port.get("nodePort"):
                free = next(number for number in range(30000, 32768) if number not in taken)
                port["nodePort"] = kept.get((port.get("port"), port.get("protocol"))) or free
                taken.add(port["nodePort"])


def _free_address(store: Store) -> str:
    taken = {service["spec"].get("clusterIP") for service in store.all(("", "services"))}
    number = len(taken) + 10
    while (address := f"10.96.{number // 256 % 256}.{number % 256}") in taken:
        number += 1
    return address


def timestamp() -> str:
    """Now, as the API writes times."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def token() -> str:
    """A bearer token for this cluster."""
    return base64.urlsafe_b64encode(secrets.token_bytes(24)).decode()
