"""The verdict on one object: what holds for every kind first, then the rule of its kind.

The generic rules are those of https://github.com/kubernetes-sigs/cli-utils `pkg/kstatus/README.md`; a kind without a rule is
healthy when nothing generic speaks against it.
"""

from collections.abc import Callable, Mapping

from reconciler.health import extension, networking, storage, workloads
from reconciler.health.conditions import condition, healthy, progressing, reason_of
from reconciler.model.objects import Document
from reconciler.model.outcome import Health, HealthStatus

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
    ("autoscaling", "HorizontalPodAutoscaler"): extension.autoscaler,
    ("policy", "PodDisruptionBudget"): extension.disruption_budget,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): extension.definition,
    ("apiregistration.k8s.io", "APIService"): extension.api_service,
}

STATUSLESS = frozenset(
    {
        ("", "ConfigMap"),
        ("", "Secret"),
        ("", "ServiceAccount"),
        ("", "LimitRange"),
        ("", "ResourceQuota"),
        ("", "Endpoints"),
        ("networking.k8s.io", "NetworkPolicy"),
        ("networking.k8s.io", "IngressClass"),
        ("rbac.authorization.k8s.io", "Role"),
        ("rbac.authorization.k8s.io", "RoleBinding"),
        ("rbac.authorization.k8s.io", "ClusterRole"),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
        ("scheduling.k8s.io", "PriorityClass"),
        ("storage.k8s.io", "StorageClass"),
        ("discovery.k8s.io", "EndpointSlice"),
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    }
)
"""Kinds that are healthy when they exist; only their metadata is watched."""


def has_health(group: str, kind: str) -> bool:
    """Whether the status of this kind tells its health, so that whole objects must be watched; Secrets never."""
    return (group, kind) not in STATUSLESS


def assess(document: Document) -> Health:
    """How an object is, and why."""
    metadata = document["metadata"]
    if "deletionTimestamp" in metadata:
        finalizers = ", ".join(metadata.get("finalizers") or ())
        return progressing("is being deleted" + (f"; waits for finalizer {finalizers}" if finalizers else ""))
    group = document["apiVersion"].rpartition("/")[0]
    if not has_health(group, document["kind"]):
        return healthy()
    observed, generation = (document.get("status") or {}).get("observedGeneration"), metadata.get("generation")
    if isinstance(observed, int) and isinstance(generation, int) and observed < generation:
        return progressing(f"generation {generation} not observed yet")
    rule = RULES.get((group, document["kind"]), custom)
    return rule(document)


def custom(document: Document) -> Health:
    """The conditions that custom resources agree on: Stalled, Reconciling, Ready."""
    if stalled := condition(document, "Stalled", "True"):
        return Health(HealthStatus.DEGRADED, reason_of(stalled))
    if reconciling := condition(document, "Reconciling", "True"):
        return progressing(reason_of(reconciling))
    if failed := condition(document, "Ready", "False") or condition(document, "Available", "False"):
        return progressing(reason_of(failed))
    if unknown := condition(document, "Ready", "Unknown"):
        return progressing(reason_of(unknown))
    return healthy()
