"""What the server refuses with 422 because it may not change: immutable fields, and finalizers of what is going."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from trueup.sandbox.kinds import Resource
from trueup.sandbox.status import Cause
from trueup.sandbox.store import Document
from trueup.sandbox.validate import forbidden, wrong

ChangeCheck: TypeAlias = Callable[[Document, Document], Iterator[Cause]]


def check_change(resource: Resource, before: Document, document: Document) -> Iterator[Cause]:
    """Everything wrong with a change."""
    old, new = before["metadata"], document["metadata"]
    if new.get("deletionTimestamp") and (added := [f for f in new.get("finalizers", ()) if f not in old.get("finalizers", ())]):
        listed = ", ".join(f'"{name}"' for name in added)
        why = f"no new finalizers can be added if the object is being deleted, found new finalizers []string{{{listed}}}"
        yield forbidden("metadata.finalizers", why)
    if check := CHANGES.get((resource.group, resource.kind)):
        yield from check(before, document)


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


STATEFUL_SET_FIXED = ("serviceName", "volumeClaimTemplates", "podManagementPolicy", "selector")
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
    yield from _fixed(*STATEFUL_SET_FIXED)(before, document)

    def fixed(spec: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in spec.items() if name not in (*STATEFUL_SET_MUTABLE, *STATEFUL_SET_FIXED)}

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


def _claim_change(before: Document, document: Document) -> Iterator[Cause]:
    is_bound = before.get("status", {}).get("phase") == "Bound"

    def fixed(spec: Mapping[str, Any]) -> dict[str, Any]:
        kept = {name: value for name, value in spec.items() if name != "volumeAttributesClassName"}
        if is_bound:
            kept["resources"] = {name: value for name, value in spec.get("resources", {}).items() if name != "requests"}
        if not before["spec"].get("volumeName"):
            kept.pop("volumeName", None)  # given to it when it is bound
        return kept

    if fixed(before["spec"]) != fixed(document["spec"]):
        why = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
        yield forbidden("spec", why)


def _job_change(before: Document, document: Document) -> Iterator[Cause]:
    """The template of a Job that is suspended may change in what places its pods, so the field that is named is another."""
    yield from _fixed("completions", "selector")(before, document)
    old, new = before["spec"]["template"], document["spec"]["template"]
    if not before["spec"].get("suspend"):
        if old != new:
            yield wrong("spec.template", new, "field is immutable")
    elif _pod_without_placement(old) != _pod_without_placement(new):
        yield wrong("spec.template.spec", new["spec"], "field is immutable")


def _pod_without_placement(template: Mapping[str, Any]) -> dict[str, Any]:
    placement = ("nodeSelector", "affinity", "tolerations", "schedulingGates")
    spec = {name: value for name, value in template.get("spec", {}).items() if name not in placement}
    for name in ("containers", "initContainers"):
        spec[name] = [{key: value for key, value in each.items() if key != "resources"} for each in spec.get(name) or ()]
    return spec


def _role_change(before: Document, document: Document) -> Iterator[Cause]:
    if before.get("roleRef") != document.get("roleRef"):
        yield wrong("roleRef", document.get("roleRef"), "field is immutable")


CHANGES: Mapping[tuple[str, str], ChangeCheck] = {
    ("", "ConfigMap"): _immutable_data,
    ("", "Secret"): _immutable_data,
    ("", "Service"): _service_change,
    ("", "Pod"): _pod_change,
    ("", "PersistentVolumeClaim"): _claim_change,
    ("apps", "Deployment"): _fixed("selector"),
    ("apps", "DaemonSet"): _fixed("selector"),
    ("apps", "ReplicaSet"): _fixed("selector"),
    ("apps", "StatefulSet"): _stateful_set_change,
    ("batch", "Job"): _job_change,
    ("rbac.authorization.k8s.io", "RoleBinding"): _role_change,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): _role_change,
}
