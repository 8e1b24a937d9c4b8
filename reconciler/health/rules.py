"""The verdict on one object: what holds for every kind first, then the rule of its kind.

The generic rules are those of https://github.com/kubernetes-sigs/cli-utils `pkg/kstatus/README.md`; a kind without a rule is
healthy when nothing generic speaks against it.
"""

from collections.abc import Callable, Mapping

from reconciler.health import custom, extension, networking, storage, workloads
from reconciler.health.conditions import condition, degraded, healthy, part, progressing, reason_of
from reconciler.model.objects import Document
from reconciler.model.outcome import Health

GATEWAY = "gateway.networking.k8s.io"

RULES: Mapping[tuple[str, str], Callable[[Document], Health]] = {
    ("", "Pod"): workloads.pod,
    ("", "Service"): networking.service,
    ("", "PersistentVolumeClaim"): storage.claim,
    ("", "PersistentVolume"): storage.volume,
    ("", "Namespace"): extension.namespace,
    ("apps", "Deployment"): workloads.deployment,
    ("apps", "StatefulSet"): workloads.stateful_set,
    ("apps", "DaemonSet"): workloads.daemon_set,
    ("apps", "ReplicaSet"): workloads.replica_set,
    ("batch", "Job"): workloads.job,
    ("batch", "CronJob"): workloads.cron_job,
    ("networking.k8s.io", "Ingress"): networking.ingress,
    (GATEWAY, "GatewayClass"): networking.gateway_class,
    (GATEWAY, "Gateway"): networking.gateway,
    (GATEWAY, "HTTPRoute"): networking.route,
    (GATEWAY, "GRPCRoute"): networking.route,
    (GATEWAY, "TLSRoute"): networking.route,
    (GATEWAY, "TCPRoute"): networking.route,
    (GATEWAY, "UDPRoute"): networking.route,
    ("autoscaling", "HorizontalPodAutoscaler"): extension.autoscaler,
    ("policy", "PodDisruptionBudget"): extension.disruption_budget,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): extension.definition,
    ("apiregistration.k8s.io", "APIService"): extension.api_service,
}

STATUSLESS = frozenset(
    {
        ("", "ConfigMap"),
        ("", "Endpoints"),
        ("", "Event"),
        ("", "LimitRange"),
        ("", "PodTemplate"),
        ("", "ResourceQuota"),
        ("", "Secret"),
        ("", "ServiceAccount"),
        ("admissionregistration.k8s.io", "MutatingAdmissionPolicy"),
        ("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"),
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
        ("apps", "ControllerRevision"),
        ("coordination.k8s.io", "Lease"),
        ("discovery.k8s.io", "EndpointSlice"),
        ("events.k8s.io", "Event"),
        (GATEWAY, "ReferenceGrant"),
        ("networking.k8s.io", "IngressClass"),
        ("networking.k8s.io", "NetworkPolicy"),
        ("node.k8s.io", "RuntimeClass"),
        ("rbac.authorization.k8s.io", "ClusterRole"),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
        ("rbac.authorization.k8s.io", "Role"),
        ("rbac.authorization.k8s.io", "RoleBinding"),
        ("scheduling.k8s.io", "PriorityClass"),
        ("storage.k8s.io", "CSIDriver"),
        ("storage.k8s.io", "CSINode"),
        ("storage.k8s.io", "CSIStorageCapacity"),
        ("storage.k8s.io", "StorageClass"),
    }
)
"""Kinds that are healthy when they exist; only their metadata is watched."""


def has_health(group: str, kind: str) -> bool:
    """Whether the status of this kind tells its health, so that whole objects must be watched; Secrets never."""
    return (group, kind) not in STATUSLESS


def assess(document: Document) -> Health:
    """How an object is, and why.

    Args:
        document: at least `apiVersion`, `kind` and `metadata`; of a kind whose status tells health, the whole object.
    """
    metadata = document["metadata"]
    if metadata.get("deletionTimestamp"):
        return progressing(_terminating(document))
    group, kind = document["apiVersion"].rpartition("/")[0], document["kind"]
    if not has_health(group, kind):
        return healthy()
    observed, generation = part(document, "status").get("observedGeneration"), metadata.get("generation")
    if isinstance(observed, int) and isinstance(generation, int) and observed != generation:
        return progressing(f"generation {generation} not observed yet")
    if stalled := condition(document, "Stalled", "True"):
        return degraded(reason_of(stalled))
    if reconciling := condition(document, "Reconciling", "True"):
        return progressing(reason_of(reconciling))
    return RULES.get((group, kind), custom.resource)(document)


def _terminating(document: Document) -> str:
    """What the deletion waits for, as far as the object says it; a Namespace says what is left in it."""
    for kind in ("NamespaceDeletionContentFailure", "NamespaceFinalizersRemaining", "NamespaceContentRemaining"):
        if found := condition(document, kind, "True"):
            return f"is being deleted; {reason_of(found)}"
    finalizers = ", ".join(document["metadata"].get("finalizers") or ())
    return "is being deleted" + (f"; waits for finalizer {finalizers}" if finalizers else "")
