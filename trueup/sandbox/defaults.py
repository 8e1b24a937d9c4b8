"""Values that the server fills in where an object says nothing, beyond the defaults that stand in the schema.

Taken from https://github.com/kubernetes/kubernetes/tree/master/pkg/apis (the `defaults.go` of each group) as observed. Functions
change the document they are given, which is the caller's own copy.
"""

import base64
import copy
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from trueup.sandbox.schema import Fields, ListOf, Type
from trueup.sandbox.store import Document

Fill: TypeAlias = Callable[[Document], None]

POD = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
}
CONTAINER = {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}
PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
# kind of volume source: what is filled in
VOLUMES: Mapping[str, Mapping[str, Any]] = {
    "secret": {"defaultMode": 420},
    "configMap": {"defaultMode": 420},
    "downwardAPI": {"defaultMode": 420},
    "projected": {"defaultMode": 420},
    "hostPath": {"type": ""},
}


def fill_defaults(group: str, document: Document) -> None:
    """Fill in a built-in object of this group."""
    if fill := FILLS.get((group, document["kind"])):
        fill(document)


def _set(where: dict[str, Any], values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        where.setdefault(name, value)


def _pod_spec(spec: dict[str, Any]) -> None:
    _set(spec, POD)
    spec.setdefault("securityContext", {})
    for container in (*spec.get("containers", ()), *spec.get("initContainers", ())):
        _container(container, host_network=spec.get("hostNetwork", False))
    for volume in spec.get("volumes", ()):
        if set(volume) == {"name"}:
            volume["emptyDir"] = {}
        for source, values in VOLUMES.items():
            if isinstance(volume.get(source), dict):
                _set(volume[source], values)
    if "serviceAccountName" in spec:
        spec.setdefault("serviceAccount", spec["serviceAccountName"])
    elif "serviceAccount" in spec:
        spec["serviceAccountName"] = spec["serviceAccount"]


def _container(container: dict[str, Any], *, host_network: bool) -> None:
    _set(container, CONTAINER)
    _, _, tag = container.get("image", "").rpartition("/")[2].partition(":")
    is_latest = "@" not in container.get("image", "") and tag in ("", "latest")
    container.setdefault("imagePullPolicy", "Always" if is_latest else "IfNotPresent")
    for name in PROBES:
        if name in container:
            _set(container[name], PROBE)
            _http_get(container[name])
    for hook in container.get("lifecycle", {}).values():
        if isinstance(hook, dict):
            _http_get(hook)
    for port in container.get("ports", ()):
        if host_network and "containerPort" in port:
            port.setdefault("hostPort", port["containerPort"])
    for variable in container.get("env", ()):
        reference = variable.get("valueFrom", {}).get("fieldRef")
        if reference is not None:
            reference.setdefault("apiVersion", "v1")


def _http_get(action: dict[str, Any]) -> None:
    if "httpGet" in action:
        _set(action["httpGet"], {"path": "/", "scheme": "HTTP"})
    if "grpc" in action:
        action["grpc"].setdefault("service", "")


def _template(document: Document) -> dict[str, Any]:
    spec: dict[str, Any] = document["spec"]
    _pod_spec(spec["template"].setdefault("spec", {}))
    return spec


def _deployment(document: Document) -> None:
    spec = _template(document)
    _set(spec, {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600})
    strategy = spec["strategy"]
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _set(strategy.setdefault("rollingUpdate", {}), {"maxUnavailable": "25%", "maxSurge": "25%"})


def _stateful_set(document: Document) -> None:
    spec = _template(document)
    _set(spec, {"replicas": 1, "revisionHistoryLimit": 10, "podManagementPolicy": "OrderedReady"})
    strategy = spec["updateStrategy"]
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _set(strategy.setdefault("rollingUpdate", {}), {"partition": 0, "maxUnavailable": 1})
    _set(spec.setdefault("persistentVolumeClaimRetentionPolicy", {}), {"whenDeleted": "Retain", "whenScaled": "Retain"})
    for claim in spec.get("volumeClaimTemplates", ()):
        _set(claim, {"kind": "PersistentVolumeClaim", "apiVersion": "v1"})
        _claim(claim)


def _daemon_set(document: Document) -> None:
    spec = _template(document)
    spec.setdefault("revisionHistoryLimit", 10)
    document["metadata"].setdefault("annotations", {}).setdefault("deprecated.daemonset.template.generation", "1")
    strategy = spec["updateStrategy"]
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _set(strategy.setdefault("rollingUpdate", {}), {"maxUnavailable": 1, "maxSurge": 0})


def _replica_set(document: Document) -> None:
    _template(document).setdefault("replicas", 1)


def _replication_controller(document: Document) -> None:
    spec = document["spec"]
    spec.setdefault("replicas", 1)
    template = spec.get("template")
    if template is None:
        return
    _pod_spec(template.setdefault("spec", {}))
    if labels := template.get("metadata", {}).get("labels"):
        spec.setdefault("selector", labels)
        if not document["metadata"].get("labels"):
            document["metadata"]["labels"] = labels


def _pod_template(document: Document) -> None:
    _pod_spec(document["template"].setdefault("spec", {}))


def _endpoints(document: Document) -> None:
    for subset in document.get("subsets", ()):
        for port in subset.get("ports", ()):
            port.setdefault("protocol", "TCP")


def _event(document: Document) -> None:
    _set(document, dict.fromkeys(("eventTime", "firstTimestamp", "lastTimestamp")))
    _set(document, {"reportingComponent": "", "reportingInstance": ""})


def _admission_policy(document: Document) -> None:
    document["spec"].setdefault("failurePolicy", "Fail")
    constraints = document["spec"].get("matchConstraints")
    if constraints is not None:
        _set(constraints, {"matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}})
        for rule in (*constraints.get("resourceRules", ()), *constraints.get("excludeResourceRules", ())):
            rule.setdefault("scope", "*")


def _driver(document: Document) -> None:
    _set(document["spec"], {"attachRequired": True, "podInfoOnMount": False, "fsGroupPolicy": "ReadWriteOnceWithFSType"})
    _set(document["spec"], dict.fromkeys(DRIVER_SWITCHES, False))
    document["spec"].setdefault("volumeLifecycleModes", ["Persistent"])


DRIVER_SWITCHES = ("storageCapacity", "requiresRepublish", "seLinuxMount", "preventPodSchedulingIfMissing")


def _job_spec(spec: dict[str, Any]) -> None:
    _pod_spec(spec["template"].setdefault("spec", {}))
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    _set(
        spec,
        {
            "parallelism": 1,
            "backoffLimit": 6,
            "completionMode": "NonIndexed",
            "suspend": False,
            "podReplacementPolicy": "TerminatingOrFailed",
            "manualSelector": False,
        },
    )


def _job(document: Document) -> None:
    _job_spec(document["spec"])
    labels = document["spec"]["template"].get("metadata", {}).get("labels")
    if labels and not document["metadata"].get("labels"):
        document["metadata"]["labels"] = labels  # the same map, to which the server adds later


def _cron_job(document: Document) -> None:
    spec = document["spec"]
    _set(spec, {"concurrencyPolicy": "Allow", "suspend": False, "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1})
    _pod_spec(spec["jobTemplate"].setdefault("spec", {}).setdefault("template", {}).setdefault("spec", {}))


def _pod(document: Document) -> None:
    spec = document["spec"]
    _pod_spec(spec)
    spec.setdefault("enableServiceLinks", True)
    for container in (*spec.get("containers", ()), *spec.get("initContainers", ())):
        resources = container.get("resources", {})  # of pods only: a template keeps what it says
        for name, limit in resources.get("limits", {}).items():
            resources.setdefault("requests", {}).setdefault(name, limit)


def _service(document: Document) -> None:
    spec = document["spec"]
    _set(spec, {"type": "ClusterIP", "sessionAffinity": "None"})
    for port in spec.get("ports", ()):
        port.setdefault("targetPort", port.get("port", 0))
    if spec["type"] in ("NodePort", "LoadBalancer"):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if spec["type"] == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
    if spec["type"] != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if spec["sessionAffinity"] == "ClientIP":
        spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {}).setdefault("timeoutSeconds", 10800)


def _secret(document: Document) -> None:
    document.setdefault("type", "Opaque")
    if "stringData" in document:
        plain = document.pop("stringData")
        document["data"] = document.get("data", {}) | {key: base64.b64encode(v.encode()).decode() for key, v in plain.items()}


def _claim(document: Document) -> None:
    document["spec"].setdefault("volumeMode", "Filesystem")
    document.setdefault("status", {}).setdefault("phase", "Pending")


def _volume(document: Document) -> None:
    _set(document["spec"], {"persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem"})
    if "hostPath" in document["spec"]:
        document["spec"]["hostPath"].setdefault("type", "")
    document.setdefault("status", {}).setdefault("phase", "Pending")


def _namespace(document: Document) -> None:
    document.setdefault("status", {}).setdefault("phase", "Active")
    document["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = document["metadata"].get("name", "")


def _network_policy(document: Document) -> None:
    spec = document["spec"]
    spec.setdefault("policyTypes", ["Ingress", "Egress"] if "egress" in spec else ["Ingress"])
    for rule in (*(spec.get("ingress") or ()), *(spec.get("egress") or ())):
        for port in rule.get("ports", ()):
            port.setdefault("protocol", "TCP")


def _binding(document: Document) -> None:
    document.get("roleRef", {}).setdefault("apiGroup", "rbac.authorization.k8s.io")
    for subject in document.get("subjects", ()):
        if subject.get("kind") in ("User", "Group"):
            subject.setdefault("apiGroup", "rbac.authorization.k8s.io")


def _autoscaler(document: Document) -> None:
    spec = document["spec"]
    spec.setdefault("minReplicas", 1)
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    if "behavior" in spec:
        _set(spec["behavior"].setdefault("scaleUp", {}), copy.deepcopy(SCALE_UP))
        _set(spec["behavior"].setdefault("scaleDown", {}), copy.deepcopy(SCALE_DOWN))


SCALE_UP = {
    "stabilizationWindowSeconds": 0,
    "selectPolicy": "Max",
    "policies": [
        {"type": "Pods", "value": 4, "periodSeconds": 15},
        {"type": "Percent", "value": 100, "periodSeconds": 15},
    ],
}
SCALE_DOWN = {"selectPolicy": "Max", "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]}


def _role(document: Document) -> None:
    if not document.get("rules"):
        document["rules"] = None  # the one list that is printed when there is none


def _limit_range(document: Document) -> None:
    for limit in document["spec"].get("limits", ()):
        if limit.get("type") == "Container":
            for wider, narrower in (("max", "default"), ("default", "defaultRequest"), ("min", "defaultRequest")):
                for name, quantity in limit.get(wider, {}).items():
                    limit.setdefault(narrower, {}).setdefault(name, quantity)


def _storage_class(document: Document) -> None:
    _set(document, {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"})


def _priority_class(document: Document) -> None:
    document.setdefault("preemptionPolicy", "PreemptLowerPriority")


def _webhooks(document: Document) -> None:
    for webhook in document.get("webhooks", ()):
        _set(webhook, {"failurePolicy": "Fail", "matchPolicy": "Equivalent", "timeoutSeconds": 10})
        _set(webhook, {"namespaceSelector": {}, "objectSelector": {}})
        if document["kind"] == "MutatingWebhookConfiguration":
            webhook.setdefault("reinvocationPolicy", "Never")
        service = webhook.get("clientConfig", {}).get("service")
        if service is not None:
            service.setdefault("port", 443)
        for rule in webhook.get("rules", ()):
            rule.setdefault("scope", "*")


def _definition(document: Document) -> None:
    spec = document["spec"]
    names = spec.get("names", {})
    names.setdefault("singular", names.get("kind", "").lower())
    names.setdefault("listKind", f"{names.get('kind', '')}List")
    spec.setdefault("conversion", {}).setdefault("strategy", "None")


FILLS: Mapping[tuple[str, str], Fill] = {
    ("", "Pod"): _pod,
    ("", "Service"): _service,
    ("", "Secret"): _secret,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "PersistentVolume"): _volume,
    ("", "Namespace"): _namespace,
    ("", "LimitRange"): _limit_range,
    ("", "Endpoints"): _endpoints,
    ("", "Event"): _event,
    ("", "PodTemplate"): _pod_template,
    ("", "ReplicationController"): _replication_controller,
    ("storage.k8s.io", "CSIDriver"): _driver,
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"): _admission_policy,
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicy"): _admission_policy,
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "ReplicaSet"): _replica_set,
    ("batch", "Job"): _job,
    ("batch", "CronJob"): _cron_job,
    ("networking.k8s.io", "NetworkPolicy"): _network_policy,
    ("rbac.authorization.k8s.io", "Role"): _role,
    ("rbac.authorization.k8s.io", "ClusterRole"): _role,
    ("rbac.authorization.k8s.io", "RoleBinding"): _binding,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): _binding,
    ("autoscaling", "HorizontalPodAutoscaler"): _autoscaler,
    ("storage.k8s.io", "StorageClass"): _storage_class,
    ("scheduling.k8s.io", "PriorityClass"): _priority_class,
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): _webhooks,
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): _webhooks,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
}


def fill_custom(kind: Type, value: Any) -> Any:
    """A custom resource with the defaults of its structural schema; returns a new value."""
    if isinstance(kind, ListOf) and isinstance(value, list):
        return [fill_custom(kind.items, item) for item in value]
    if not isinstance(kind, Fields) or not isinstance(value, dict):
        return value
    result = dict(value)
    for name, default in kind.defaults.items():
        if result.get(name) is None:
            result[name] = default
    return {name: fill_custom(child, item) if (child := kind.of(name)) else item for name, item in result.items()}
