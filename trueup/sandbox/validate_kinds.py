"""What the server refuses with 422 in objects of one kind, each looked at by itself."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, TypeAlias

from trueup.sandbox.decode import amount
from trueup.sandbox.kinds import Resource
from trueup.sandbox.selectors import matches_selector
from trueup.sandbox.status import Cause
from trueup.sandbox.store import Document
from trueup.sandbox.validate import BAD_CONFIG_KEY, BAD_DNS_LABEL, IS_CONFIG_KEY, IS_DNS_LABEL, check_metadata, required, wrong

Check: TypeAlias = Callable[[Document], Iterator[Cause]]

MOST_DATA_BYTES = 1024 * 1024  # https://kubernetes.io/docs/concepts/configuration/configmap/
TOO_LONG = f"Too long: may not be more than {MOST_DATA_BYTES} bytes"
SECRET_KEYS = {"kubernetes.io/tls": ("tls.crt", "tls.key"), "kubernetes.io/dockerconfigjson": (".dockerconfigjson",)}
CRON_FIELDS = 5


def check_object(resource: Resource, document: Document) -> Iterator[Cause]:
    """Everything wrong with an object by itself."""
    yield from check_metadata(resource, document["metadata"])
    if check := CHECKS.get((resource.group, resource.kind)):
        yield from check(document)


def _config_map(document: Document) -> Iterator[Cause]:
    yield from _data_keys(document)
    size = sum(len(value.encode()) for value in (document.get("data") or {}).values())
    if size + _decoded_size(document.get("binaryData")) > MOST_DATA_BYTES:
        yield Cause("FieldValueTooLong", TOO_LONG, "[]")


def _secret(document: Document) -> Iterator[Cause]:
    yield from _data_keys(document)
    data = document.get("data") or {}
    if _decoded_size(data) > MOST_DATA_BYTES:
        yield Cause("FieldValueTooLong", TOO_LONG, "data")
    for key in SECRET_KEYS.get(document.get("type", ""), ()):
        if key not in data:
            yield required(f"data[{key}]")


def _data_keys(document: Document) -> Iterator[Cause]:
    for key in document.get("data") or {}:
        if not IS_CONFIG_KEY.match(key):
            yield wrong(f"data[{key}]", key, BAD_CONFIG_KEY)


def _decoded_size(data: Mapping[str, str] | None) -> int:
    return sum(len(value) * 3 // 4 for value in (data or {}).values())


def _service(document: Document) -> Iterator[Cause]:
    spec = document["spec"]
    ports = spec.get("ports") or []
    if spec.get("type") == "ExternalName" and not spec.get("externalName"):
        yield required("spec.externalName")
    if not ports and spec.get("type") != "ExternalName" and spec.get("clusterIP") != "None":
        yield required("spec.ports")
    for index, port in enumerate(ports):
        if len(ports) > 1 and not port.get("name"):
            yield required(f"spec.ports[{index}].name")
        if not 0 < port.get("port", 0) < 2**16:
            yield wrong(f"spec.ports[{index}].port", port.get("port", 0), "must be between 1 and 65535, inclusive")


def _workload(document: Document) -> Iterator[Cause]:
    spec = document["spec"]
    if spec.get("replicas", 0) < 0:
        yield wrong("spec.replicas", spec["replicas"], "must be greater than or equal to 0")
    selector = spec.get("selector")
    if not selector:
        yield required("spec.selector")
    labels = spec.get("template", {}).get("metadata", {}).get("labels")
    if not selector or not matches_selector(selector, labels or {}):
        yield wrong("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")
    pod = spec.get("template", {}).get("spec", {})
    claims = {claim["metadata"].get("name") for claim in spec.get("volumeClaimTemplates", ())}
    yield from _pod_spec(pod, "spec.template.spec", claims)
    if (policy := pod.get("restartPolicy")) != "Always":
        text = f'Unsupported value: {json.dumps(policy)}: supported values: "Always"'
        yield Cause("FieldValueNotSupported", text, "spec.template.spec.restartPolicy")


def _template(document: Document) -> Iterator[Cause]:
    spec = document["spec"]["template"].get("spec", {})
    yield from _pod_spec(spec, "spec.template.spec")
    if spec.get("restartPolicy") == "Always":
        yield Cause(
            "FieldValueNotSupported",
            'Unsupported value: "Always": supported values: "OnFailure", "Never"',
            "spec.template.spec.restartPolicy",
        )


def _pod(document: Document) -> Iterator[Cause]:
    yield from _pod_spec(document["spec"], "spec")


def _pod_spec(spec: Mapping[str, Any], path: str, claims: AbstractSet[str] = frozenset()) -> Iterator[Cause]:
    containers = spec.get("containers") or []
    if not containers:
        yield required(f"{path}.containers")
    volumes = {volume.get("name") for volume in spec.get("volumes") or ()} | claims
    yield from _containers(containers, f"{path}.containers", volumes)
    yield from _containers(spec.get("initContainers") or (), f"{path}.initContainers", volumes)


def _containers(containers: Sequence[Mapping[str, Any]], path: str, volumes: set[Any]) -> Iterator[Cause]:
    for index, container in enumerate(containers):
        at = f"{path}[{index}]"
        if not container.get("name"):
            yield required(f"{at}.name")
        elif not IS_DNS_LABEL.match(container["name"]):
            yield wrong(f"{at}.name", container["name"], BAD_DNS_LABEL)
        if not container.get("image"):
            yield required(f"{at}.image")
        yield from _environment(container.get("env") or (), f"{at}.env")
        yield from _container_ports(container.get("ports") or (), f"{at}.ports")
        yield from _mounts(container.get("volumeMounts") or (), f"{at}.volumeMounts", volumes)
        yield from _resources(container.get("resources", {}), f"{at}.resources")


def _environment(variables: Sequence[Mapping[str, Any]], path: str) -> Iterator[Cause]:
    for index, variable in enumerate(variables):
        if not variable.get("name"):
            yield required(f"{path}[{index}].name")
        if variable.get("value") and "valueFrom" in variable:
            yield wrong(f"{path}[{index}].valueFrom", "", "may not be specified when `value` is not empty")


def _container_ports(ports: Sequence[Mapping[str, Any]], path: str) -> Iterator[Cause]:
    seen: set[str] = set()
    for index, port in enumerate(ports):
        number, name = port.get("containerPort", 0), port.get("name", "")
        if not number:
            yield required(f"{path}[{index}].containerPort")
        elif not 0 < number < 2**16:
            yield wrong(f"{path}[{index}].containerPort", number, "must be between 1 and 65535, inclusive")
        if name and name in seen:
            yield Cause("FieldValueDuplicate", f"Duplicate value: {json.dumps(name)}", f"{path}[{index}].name")
        seen.add(name)


def _mounts(mounts: Sequence[Mapping[str, Any]], path: str, volumes: set[Any]) -> Iterator[Cause]:
    for index, mount in enumerate(mounts):
        if mount.get("name") not in volumes:
            yield Cause("FieldValueNotFound", f"Not found: {json.dumps(mount.get('name', ''))}", f"{path}[{index}].name")
        if not mount.get("mountPath"):
            yield required(f"{path}[{index}].mountPath")


def _resources(resources: Mapping[str, Any], path: str) -> Iterator[Cause]:
    limits = resources.get("limits", {})
    for name, request in resources.get("requests", {}).items():
        if name in limits and amount(request) > amount(limits[name]):
            yield wrong(f"{path}.requests", request, f"must be less than or equal to {name} limit of {limits[name]}")


def _claim(document: Document) -> Iterator[Cause]:
    spec = document["spec"]
    if not spec.get("accessModes"):
        yield required("spec.accessModes", "at least 1 access mode is required")
    if "storage" not in spec.get("resources", {}).get("requests", {}):
        yield required("spec.resources[storage]")


def _cron_job(document: Document) -> Iterator[Cause]:
    schedule = document["spec"].get("schedule", "")
    fields = schedule.split()
    if not schedule:
        yield required("spec.schedule")
    elif len(fields) != CRON_FIELDS and not schedule.startswith("@"):
        yield wrong("spec.schedule", schedule, f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]")


def _ingress(document: Document) -> Iterator[Cause]:
    if not document["spec"].get("rules") and not document["spec"].get("defaultBackend"):
        yield wrong("spec", None, "either `defaultBackend` or `rules` must be specified")


def _disruption_budget(document: Document) -> Iterator[Cause]:
    spec = document["spec"]
    if "minAvailable" in spec and "maxUnavailable" in spec:
        yield wrong("spec", spec, "minAvailable and maxUnavailable cannot be both set")


def _network_policy(document: Document) -> Iterator[Cause]:
    for index, kind in enumerate(document["spec"].get("policyTypes") or ()):
        if kind not in ("Ingress", "Egress"):
            text = f'Unsupported value: {json.dumps(kind)}: supported values: "Ingress", "Egress"'
            yield Cause("FieldValueNotSupported", text, f"spec.policyTypes[{index}]")


def _autoscaler(document: Document) -> Iterator[Cause]:
    spec = document["spec"]
    if spec.get("maxReplicas", 0) < spec.get("minReplicas", 1):
        yield wrong("spec.maxReplicas", spec.get("maxReplicas", 0), "must be greater than or equal to `minReplicas`")
    if not spec.get("scaleTargetRef", {}).get("kind"):
        yield required("spec.scaleTargetRef.kind")


def _definition(document: Document) -> Iterator[Cause]:
    spec = document["spec"]
    plural, group = spec.get("names", {}).get("plural", ""), spec.get("group", "")
    if document["metadata"].get("name") != f"{plural}.{group}":
        yield wrong("metadata.name", document["metadata"].get("name", ""), 'must be spec.names.plural+"."+spec.group')
    if not spec.get("versions"):
        yield required("spec.versions", "must have exactly one version marked as storage version")
    for index, version in enumerate(spec.get("versions") or ()):
        if not version.get("schema", {}).get("openAPIV3Schema"):
            yield required(f"spec.versions[{index}].schema.openAPIV3Schema", "schemas are required")


CHECKS: Mapping[tuple[str, str], Check] = {
    ("", "ConfigMap"): _config_map,
    ("", "Secret"): _secret,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Service"): _service,
    ("", "Pod"): _pod,
    ("apps", "Deployment"): _workload,
    ("apps", "StatefulSet"): _workload,
    ("apps", "DaemonSet"): _workload,
    ("apps", "ReplicaSet"): _workload,
    ("autoscaling", "HorizontalPodAutoscaler"): _autoscaler,
    ("batch", "CronJob"): _cron_job,
    ("batch", "Job"): _template,
    ("networking.k8s.io", "Ingress"): _ingress,
    ("networking.k8s.io", "NetworkPolicy"): _network_policy,
    ("policy", "PodDisruptionBudget"): _disruption_budget,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
}
