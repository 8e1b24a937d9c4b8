"""What the server refuses with 422: names, labels, required fields, immutable fields.

Only the checks that people meet; the wording is the server's (https://github.com/kubernetes/kubernetes, `pkg/apis/*/validation` and
`apimachinery/pkg/util/validation`). Every function yields one `Cause` for each field that is wrong.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from trueup.sandbox.kinds import Resource
from trueup.sandbox.selectors import matches_selector
from trueup.sandbox.status import Cause
from trueup.sandbox.store import Document

Check: TypeAlias = Callable[[Document], Iterator[Cause]]
ChangeCheck: TypeAlias = Callable[[Document, Document], Iterator[Cause]]

LABEL_VALUE = r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"
NAME_PART = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
DNS_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SUBDOMAIN = DNS_LABEL + r"(\." + DNS_LABEL + ")*"
CONFIG_KEY = r"[-._a-zA-Z0-9]+"
IS_LABEL = re.compile(LABEL_VALUE + r"\Z")
IS_NAME_PART = re.compile(NAME_PART + r"\Z")
IS_DNS_LABEL = re.compile(DNS_LABEL + r"\Z")
IS_SUBDOMAIN = re.compile(SUBDOMAIN + r"\Z")
IS_CONFIG_KEY = re.compile(CONFIG_KEY + r"\Z")
IS_SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?\Z")

BAD_LABEL = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    f"alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '{LABEL_VALUE}')"
)
BAD_NAME_PART = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    f"(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{NAME_PART}')"
)
BAD_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
    f"alphanumeric character (e.g. 'example.com', regex used for validation is '{SUBDOMAIN}')"
)
BAD_DNS_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an "
    f"alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{DNS_LABEL}')"
)
BAD_SERVICE_NAME = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an "
    "alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)
BAD_CONFIG_KEY = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', "
    f"regex used for validation is '{CONFIG_KEY}')"
)
LONGEST_NAME, LONGEST_LABEL = 253, 63


def required(field: str, why: str = "") -> Cause:
    """A field that must be there."""
    return Cause("FieldValueRequired", f"Required value{': ' + why if why else ''}", field)


def wrong(field: str, value: Any, why: str) -> Cause:
    """A value that cannot be."""
    return Cause("FieldValueInvalid", f"Invalid value: {json.dumps(value, separators=(',', ':'))}: {why}", field)


def forbidden(field: str, why: str) -> Cause:
    """A field that must not be set or changed."""
    return Cause("FieldValueForbidden", f"Forbidden: {why}", field)


def check_object(resource: Resource, document: Document) -> Iterator[Cause]:
    """Everything wrong with an object by itself."""
    yield from check_metadata(resource, document["metadata"])
    if check := CHECKS.get((resource.group, resource.kind)):
        yield from check(document)


def check_change(resource: Resource, before: Document, document: Document) -> Iterator[Cause]:
    """Everything wrong with a change."""
    old, new = before["metadata"], document["metadata"]
    if new.get("deletionTimestamp") and (added := [f for f in new.get("finalizers", ()) if f not in old.get("finalizers", ())]):
        listed = ", ".join(json.dumps(name) for name in added)
        why = f"no new finalizers can be added if the object is being deleted, found new finalizers []string{{{listed}}}"
        yield forbidden("metadata.finalizers", why)
    if check := CHANGES.get((resource.group, resource.kind)):
        yield from check(before, document)


def check_metadata(resource: Resource, metadata: Mapping[str, Any]) -> Iterator[Cause]:
    """Name, labels, annotations, finalizers."""
    name = metadata.get("name", "")
    if not name:
        yield required("metadata.name", "name or generateName is required")
    elif why := name_fault(resource, name):
        yield wrong("metadata.name", name, why)
    for key, value in (metadata.get("labels") or {}).items():
        if why := qualified_name_fault(key):
            yield wrong("metadata.labels", key, why)
        if len(value) > LONGEST_LABEL:
            yield wrong("metadata.labels", value, f"must be no more than {LONGEST_LABEL} bytes")
        elif not IS_LABEL.match(value):
            yield wrong("metadata.labels", value, BAD_LABEL)
    for key in metadata.get("annotations") or {}:
        if why := qualified_name_fault(key):
            yield wrong("metadata.annotations", key, why)
    for index, finalizer in enumerate(metadata.get("finalizers") or ()):
        if "/" not in finalizer and finalizer not in ("orphan", "foregroundDeletion", "kubernetes"):
            why = "name is neither a standard finalizer name nor is it fully qualified"
            yield wrong(f"metadata.finalizers[{index}]", finalizer, why)


def name_fault(resource: Resource, name: str) -> str:
    """Why a name is not one for this resource; `""` when it is."""
    match (resource.group, resource.kind):
        case ("", "Namespace"):
            return "" if IS_DNS_LABEL.match(name) and len(name) <= LONGEST_LABEL else BAD_DNS_LABEL
        case ("", "Service"):
            return "" if IS_SERVICE_NAME.match(name) and len(name) <= LONGEST_LABEL else BAD_SERVICE_NAME
        case ("rbac.authorization.k8s.io", _):
            return f"may not contain '{name}'" if "/" in name or "%" in name else ""
        case _:
            return "" if IS_SUBDOMAIN.match(name) and len(name) <= LONGEST_NAME else BAD_SUBDOMAIN


def qualified_name_fault(key: str) -> str:
    """Why a label or annotation key is not one."""
    prefix, slash, name = key.rpartition("/")
    if slash and not (IS_SUBDOMAIN.match(prefix.lower()) and len(prefix) <= LONGEST_NAME):
        return f"prefix part {BAD_SUBDOMAIN}"
    if len(name) > LONGEST_LABEL:
        return f"name part must be no more than {LONGEST_LABEL} bytes"
    return "" if IS_NAME_PART.match(name) else BAD_NAME_PART


def _data_keys(document: Document) -> Iterator[Cause]:
    for key in document.get("data") or {}:
        if not IS_CONFIG_KEY.match(key):
            yield wrong(f"data[{key}]", key, BAD_CONFIG_KEY)


def _service(document: Document) -> Iterator[Cause]:
    spec = document["spec"]
    ports = spec.get("ports") or []
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
    yield from _pod_spec(spec.get("template", {}).get("spec", {}), "spec.template.spec")


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


def _pod_spec(spec: Mapping[str, Any], path: str) -> Iterator[Cause]:
    containers = spec.get("containers") or []
    if not containers:
        yield required(f"{path}.containers")
    volumes = {volume.get("name") for volume in spec.get("volumes") or ()}
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
        for number, variable in enumerate(container.get("env") or ()):
            if not variable.get("name"):
                yield required(f"{at}.env[{number}].name")
        for number, port in enumerate(container.get("ports") or ()):
            if not 0 < port.get("containerPort", 0) < 2**16:
                yield wrong(
                    f"{at}.ports[{number}].containerPort", port.get("containerPort", 0), "must be between 1 and 65535, inclusive"
                )
        for number, mount in enumerate(container.get("volumeMounts") or ()):
            if mount.get("name") not in volumes:
                yield Cause(
                    "FieldValueNotFound", f"Not found: {json.dumps(mount.get('name', ''))}", f"{at}.volumeMounts[{number}].name"
                )


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
    ("", "ConfigMap"): _data_keys,
    ("", "Secret"): _data_keys,
    ("", "Service"): _service,
    ("", "Pod"): _pod,
    ("apps", "Deployment"): _workload,
    ("apps", "StatefulSet"): _workload,
    ("apps", "DaemonSet"): _workload,
    ("apps", "ReplicaSet"): _workload,
    ("batch", "Job"): _template,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
}


def _immutable_data(before: Document, document: Document) -> Iterator[Cause]:
    if before.get("type") != document.get("type"):
        yield wrong("type", document.get("type"), "field is immutable")
    if before.get("immutable"):
        why = "field is immutable when `immutable` is set"
        if not document.get("immutable"):
            yield forbidden("immutable", why)
        for name in ("data", "binaryData"):
            if before.get(name) != document.get(name):
                yield forbidden(name, why)


def _fixed(*names: str) -> ChangeCheck:
    def check(before: Document, document: Document) -> Iterator[Cause]:
        for name in names:
            if before["spec"].get(name) != document["spec"].get(name):
                yield wrong(f"spec.{name}", document["spec"].get(name), "field is immutable")

    return check


def _service_change(before: Document, document: Document) -> Iterator[Cause]:
    old, new = before["spec"], document["spec"]
    is_kept = "ExternalName" not in (old.get("type"), new.get("type"))
    if is_kept and old.get("clusterIP") and old["clusterIP"] != new.get("clusterIP"):
        yield wrong("spec.clusterIPs[0]", [new.get("clusterIP", "")], "may not change once set")


STATEFUL_SET_MUTABLE = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)


def _stateful_set_change(before: Document, document: Document) -> Iterator[Cause]:
    def fixed(spec: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in spec.items() if name not in STATEFUL_SET_MUTABLE}

    if fixed(before["spec"]) != fixed(document["spec"]):
        names = (
            "'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy'"
        )
        yield forbidden("spec", f"updates to statefulset spec for fields other than {names} and 'minReadySeconds' are forbidden")


def _pod_change(before: Document, document: Document) -> Iterator[Cause]:
    def fixed(spec: Mapping[str, Any]) -> dict[str, Any]:
        kept = {name: value for name, value in spec.items() if name not in ("activeDeadlineSeconds", "tolerations", "nodeName")}
        for name in ("containers", "initContainers"):
            kept[name] = [{key: value for key, value in each.items() if key != "image"} for each in spec.get(name) or ()]
        return kept

    if fixed(before["spec"]) != fixed(document["spec"]):
        names = (
            "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to "
            "existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
        )
        yield forbidden("spec", f"pod updates may not change fields other than {names}")


def _role_change(before: Document, document: Document) -> Iterator[Cause]:
    if before.get("roleRef") != document.get("roleRef"):
        yield wrong("roleRef", document.get("roleRef"), "cannot change roleRef")


CHANGES: Mapping[tuple[str, str], ChangeCheck] = {
    ("", "ConfigMap"): _immutable_data,
    ("", "Secret"): _immutable_data,
    ("", "Service"): _service_change,
    ("", "Pod"): _pod_change,
    ("apps", "Deployment"): _fixed("selector"),
    ("apps", "DaemonSet"): _fixed("selector"),
    ("apps", "ReplicaSet"): _fixed("selector"),
    ("apps", "StatefulSet"): _stateful_set_change,
    ("batch", "Job"): _fixed("completions", "selector", "template"),
    ("rbac.authorization.k8s.io", "RoleBinding"): _role_change,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): _role_change,
}
