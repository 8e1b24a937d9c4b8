"""Every sort of refusal, provoked on a real API server; what it said stands in `refusals.json`, which this writes anew:

    python -m tests.reconciler.kube.provoke

Run it when the version of the control plane changes, and read the difference. No value of a Secret may stand in what Trueup makes of
them: wherever a Secret is refused, its value is CANARY.
"""

import base64
import copy
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.reconciler.kube.person import (
    APPS,
    CANARY,
    CONTAINER,
    CORE,
    ENCODED,
    POD,
    RBAC,
    STORAGE,
    Document,
    Plane,
    config,
    core,
    deployment,
    named,
    pod,
    secret,
    until,
)
from tests.reconciler.kube.webhooks import webhooks
from tests.servers.control_plane import HERE, ControlPlane

FILE = Path(__file__).with_name("refusals.json")


def invalid(plane: Plane) -> None:
    """What is wrong by itself."""
    path = f"{APPS}/namespaces/shop/deployments/web"
    missing = deployment()
    del missing["spec"]["template"]["spec"]["containers"][0]["image"]
    plane.refused("required", path, missing)
    plane.refused("invalid-port", path, deployment(ports=[{"containerPort": 99999}]))
    several = deployment(ports=[{"containerPort": 99999}])
    several["spec"]["template"]["spec"]["containers"].append({"name": "second"})
    plane.refused("invalid-several", path, several)
    wrong = deployment()
    wrong["spec"] |= {"replicas": "many"}
    plane.refused("wrong-type", path, wrong)
    wrong["spec"] |= {"replicas": 0, "repliacs": 1}
    plane.refused("unknown-field", path, wrong)
    plane.refused("duplicate-key", path, deployment(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]))
    plane.refused("quantity", path, deployment(resources={"limits": {"cpu": "lots"}}))
    plane.refused("too-large-config", core("configmaps", "big"), config("big", data={"a": "x" * 1_100_000}))
    plane.refused("label", core("configmaps", "web"), config(metadata={"labels": {"a": "not a label"}}))


def secrets(plane: Plane) -> None:
    """Secrets, whose values the server likes to quote."""
    path = core("secrets", "web")
    plane.refused("secret-key", path, secret(data={f"a key/{CANARY[:6]}": ENCODED}))
    plane.refused("secret-base64", path, secret(data={"password": f"{CANARY}!"}))
    plane.refused("secret-number", path, secret(data={"password": 12345678}))
    plane.refused("secret-list", path, secret(stringData={"password": [CANARY]}))
    plane.refused("secret-data-list", path, secret(data=[CANARY]))
    plane.refused("secret-text", path, secret(data=CANARY))
    plane.refused("secret-tls", path, secret(type="kubernetes.io/tls", data={"tls.crt": ENCODED}))
    plane.refused("secret-docker", path, secret(type="kubernetes.io/dockerconfigjson", data={".dockerconfigjson": ENCODED}))
    plane.refused("secret-unknown-field", path, secret(password=CANARY))
    plane.refused("secret-label", path, secret(metadata={"labels": {"a": CANARY + " x"}}))
    plane.refused("secret-too-large", path, secret(data={"password": base64.b64encode(CANARY.encode() * 60_000).decode()}))
    plane.changed("secret-immutable", core("secrets", "fixed"), secret("fixed", immutable=True), _other_password)
    plane.changed(
        "secret-type", core("secrets", "typed"), secret("typed", type="Opaque"), lambda one: one.update(type="example.com/t")
    )


def _other_password(document: Document) -> None:
    document["data"] = {"password": base64.b64encode(f"{CANARY}-2".encode()).decode()}


def _set(path: str, value: object) -> Callable[[Document], object]:
    def change(document: Document) -> None:
        *parents, last = path.split(".")
        for name in parents:
            document = document[int(name) if isinstance(document, list) else name]
        document[last] = value

    return change


def unchangeable(plane: Plane) -> None:
    """What cannot be changed once it is there."""

    def selector(document: Document) -> None:
        document["spec"]["selector"]["matchLabels"] = {"app": "other"}
        document["spec"]["template"]["metadata"]["labels"] = {"app": "other"}

    plane.changed("immutable-deployment", f"{APPS}/namespaces/shop/deployments/fixed", deployment("fixed"), selector)
    job = named("batch/v1", "Job", spec={"template": {"spec": {"restartPolicy": "Never", **POD}}})
    plane.changed("immutable-job", "/apis/batch/v1/namespaces/shop/jobs/web", job, _set("spec.template.spec.containers", [
        CONTAINER | {"image": "web:2"}]))  # fmt: skip
    service = named("v1", "Service", spec={"clusterIP": "10.0.0.50", "ports": [{"port": 80}]})
    plane.changed("immutable-service", core("services", "web"), service, _set("spec.clusterIP", "10.0.0.51"))
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    stateful = deployment()
    stateful |= {"kind": "StatefulSet"}
    stateful["spec"] |= {"serviceName": "web", "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}]}
    larger = [{"metadata": {"name": "data"}, "spec": claim | {"resources": {"requests": {"storage": "2Gi"}}}}]
    plane.changed(
        "immutable-stateful-set", f"{APPS}/namespaces/shop/statefulsets/web", stateful, _set("spec.volumeClaimTemplates", larger)
    )
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    binding = named("rbac.authorization.k8s.io/v1", "RoleBinding", roleRef=reference)
    plane.changed("immutable-binding", f"{RBAC}/namespaces/shop/rolebindings/web", binding, _set("roleRef.name", "edit"))
    storage = named("storage.k8s.io/v1", "StorageClass", provisioner="example.com/x", parameters={"a": "1"})
    plane.changed("immutable-storage-class", f"{STORAGE}/storageclasses/web", storage, _set("parameters", {"a": "2"}))
    volume_claim = named("v1", "PersistentVolumeClaim", spec=claim)
    plane.changed(
        "immutable-claim", core("persistentvolumeclaims", "web"), volume_claim, _set("spec.accessModes", ["ReadWriteMany"])
    )
    volume = named(
        "v1", "PersistentVolume",
        spec={"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/x"}},
    )  # fmt: skip
    plane.changed("immutable-volume", f"{CORE}/persistentvolumes/web", volume, _set("spec.hostPath.path", "/y"))
    plane.changed("immutable-config", core("configmaps", "fixed"), config("fixed", immutable=True), _set("data.a", "2"))
    plane.changed("immutable-pod", core("pods", "web"), pod(), _set("spec.containers", [CONTAINER | {"env": [{"name": "A"}]}]))
    priority = named("scheduling.k8s.io/v1", "PriorityClass", value=10)
    plane.changed("immutable-priority", "/apis/scheduling.k8s.io/v1/priorityclasses/web", priority, _set("value", 11))


WIDGET = "/apis/example.com/v1/namespaces/shop/widgets"


def custom(plane: Plane) -> None:
    """Custom resources, and kinds that nobody serves."""
    fixed = {"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "Value is immutable"}]}
    spec = {
        "type": "object",
        "x-kubernetes-validations": [{"rule": "self.size < 10", "message": "size must be small"}],
        "properties": {"size": {"type": "integer"}, "fixed": fixed, "blob": {"type": "string"}},
    }
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}},
    }
    definition = named(
        "apiextensions.k8s.io/v1", "CustomResourceDefinition", "widgets.example.com",
        spec={"group": "example.com", "names": {"kind": "Widget", "plural": "widgets"}, "scope": "Namespaced", "versions": [version]},
    )  # fmt: skip
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com"
    plane.made(path, definition)
    widget = named("example.com/v1", "Widget", spec={"size": 1, "fixed": "a"})
    until(lambda: plane.apply(f"{WIDGET}/web", widget)[0] < 300)
    plane.changed("immutable-definition", path, definition, _set("spec.scope", "Cluster"))
    plane.changed("immutable-custom", f"{WIDGET}/web", widget, _set("spec.fixed", "b"))
    plane.changed("custom-rule", f"{WIDGET}/web", widget, _set("spec.size", 99))
    plane.changed("custom-wrong-type", f"{WIDGET}/web", widget, _set("spec.size", "x"))
    plane.changed("custom-unknown-field", f"{WIDGET}/web", widget, _set("spec.nope", 1))
    large = named("example.com/v1", "Widget", "large", spec={"size": 1, "fixed": "a", "blob": "x" * 1_700_000})
    until(lambda: b"not declared" not in plane.apply(f"{WIDGET}/large", large)[1])
    plane.refused("too-large-for-etcd", f"{WIDGET}/large", large)
    plane.refused("too-large-request", f"{WIDGET}/large", _with(large, "spec.blob", "x" * 3_400_000))
    plane.refused("annotations-too-long", f"{WIDGET}/web", named(
        "example.com/v1", "Widget", metadata={"annotations": {"a": "x" * 300_000}}, spec={"size": 1, "fixed": "a"}))  # fmt: skip
    plane.refused(
        "missing-version", "/apis/example.com/v2/namespaces/shop/widgets/web", widget | {"apiVersion": "example.com/v2"}
    )
    gadget = named("example.org/v1", "Gadget", spec={})
    plane.refused("missing-kind", "/apis/example.org/v1/namespaces/shop/gadgets/web", gadget)
    aggregated = {"group": "away.example.com", "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 100,
                  "insecureSkipTLSVerify": True, "service": {"name": "away", "namespace": "shop", "port": 443}}  # fmt: skip
    plane.made("/apis/apiregistration.k8s.io/v1/apiservices/v1.away.example.com", named(
        "apiregistration.k8s.io/v1", "APIService", "v1.away.example.com", spec=aggregated))  # fmt: skip
    thing = named("away.example.com/v1", "Thing")
    away = "/apis/away.example.com/v1/namespaces/shop/things/web"
    until(lambda: plane.apply(away, thing)[0] == 503)
    plane.refused("aggregated-away", away, thing)
    plane.call("DELETE", "/apis/apiregistration.k8s.io/v1/apiservices/v1.away.example.com")  # nobody prunes while it is there
    _going(plane, path, widget)


def _going(plane: Plane, path: str, widget: Document) -> None:
    """A kind that is being deleted, and waits for one of its objects."""
    held = plane.made(f"{WIDGET}/held", widget | {"metadata": {"name": "held", "finalizers": ["example.com/stay"]}})
    plane.call("DELETE", path)
    late = widget | {"metadata": {"name": "late"}}
    until(lambda: plane.apply(f"{WIDGET}/late", late)[0] == 403)
    plane.refused("terminating-kind", f"{WIDGET}/late", late)
    plane.call("PATCH", held, {"metadata": {"finalizers": None}}, content="application/merge-patch+json")


def _with(document: Document, path: str, value: object) -> Document:
    other = copy.deepcopy(document)
    _set(path, value)(other)
    return other


def forbidden(plane: Plane) -> None:
    """What somebody forbids: namespaces, quotas, rights."""
    plane.refused("missing-namespace", core("configmaps", "web", "nowhere"), config())
    plane.made(f"{CORE}/namespaces/ending", named("v1", "Namespace", "ending"))
    held = plane.made(core("configmaps", "held", "ending"), config("held", metadata={"finalizers": ["example.com/stay"]}))
    plane.call("DELETE", f"{CORE}/namespaces/ending")
    until(lambda: plane.apply(core("configmaps", "web", "ending"), config())[0] == 403)
    plane.refused("terminating-namespace", core("configmaps", "web", "ending"), config())
    plane.call("PATCH", held, {"metadata": {"finalizers": None}}, content="application/merge-patch+json")

    strict = {"pod-security.kubernetes.io/enforce": "restricted"}
    plane.made(f"{CORE}/namespaces/strict", named("v1", "Namespace", "strict", metadata={"labels": strict}))
    plane.refused("pod-security", core("pods", "web", "strict"), pod())
    limits = [{"type": "Container", "max": {"cpu": "1"}}]
    plane.made(core("limitranges", "web", "shop"), named("v1", "LimitRange", spec={"limits": limits}))
    large = pod("large", resources={"requests": {"cpu": "2"}, "limits": {"cpu": "2"}})
    until(lambda: plane.apply(core("pods", "large"), large)[0] == 403)
    plane.refused("limit-range", core("pods", "large"), large)
    _quota(plane)
    plane.refused("forbidden", core("configmaps", "web"), config(), **{"Impersonate-User": "system:serviceaccount:trueup:trueup"})
    role = named(
        "rbac.authorization.k8s.io/v1", "ClusterRole", rules=[{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]
    )
    plane.refused("forbidden-cluster", f"{RBAC}/clusterroles/web", role, **{"Impersonate-User": "bob"})
    _escalation(plane, role)
    plane.note("unauthorized", plane.call("GET", f"{CORE}/namespaces", Authorization="Bearer WRONG"), config(), "read")


def _quota(plane: Plane) -> None:
    plane.made(f"{CORE}/namespaces/poor", named("v1", "Namespace", "poor"))
    hard = {"count/secrets": "0"}
    path = plane.made(core("resourcequotas", "small", "poor"), named("v1", "ResourceQuota", "small", spec={"hard": hard}))
    status = {"status": {"hard": hard, "used": {"count/secrets": "0"}}}
    plane.call("PATCH", f"{path}/status", status, content="application/merge-patch+json")
    names = itertools.count()
    until(lambda: plane.apply(core("secrets", name := f"s{next(names)}", "poor"), secret(name))[0] >= 300)
    plane.refused("quota", core("secrets", "web", "poor"), secret())


def _escalation(plane: Plane, role: Document) -> None:
    rule = {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "verbs": ["get", "create", "patch"]}
    plane.made(f"{RBAC}/clusterroles/giver", named("rbac.authorization.k8s.io/v1", "ClusterRole", "giver", rules=[rule]))
    plane.made(f"{RBAC}/clusterrolebindings/giver", named(
        "rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "giver",
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "giver"},
        subjects=[{"kind": "User", "name": "eve", "apiGroup": "rbac.authorization.k8s.io"}]))  # fmt: skip
    headers = {"Impersonate-User": "eve"}
    until(lambda: b"not currently held" in plane.apply(f"{RBAC}/clusterroles/web", role, **headers)[1])
    plane.refused("escalation", f"{RBAC}/clusterroles/web", role, **headers)


def conflicts(plane: Plane) -> None:
    """What somebody else did meanwhile."""
    path = core("configmaps", "theirs")
    plane.apply(path, config("theirs"), manager="helm")
    plane.refused("field-conflict", path, config("theirs", data={"a": "2"}))
    plane.refused("version-conflict", path, config("theirs", metadata={"resourceVersion": "1"}))
    options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"resourceVersion": "1"}}
    plane.note("delete-conflict", plane.call("DELETE", path, options), config("theirs"), "delete")
    plane.note(
        "delete-forbidden",
        plane.call("DELETE", f"{CORE}/namespaces/kube-system"),
        named("v1", "Namespace", "kube-system"),
        "delete",
    )


def admission(plane: Plane) -> None:
    """What webhooks and policies say."""
    with webhooks() as (url, certificate):
        for name in ("deny", "silent", "busy", "broken", "slow", "garbage", "away"):
            address = "https://127.0.0.1:1/x" if name == "away" else f"{url}/{name}"
            _configure(plane, name, address, certificate)
        policy = _policy(plane)
        for name in ("deny", "silent", "busy", "broken", "slow", "garbage", "away"):
            hooked = secret("hooked", metadata={"labels": {"hook": name}})
            until(lambda one=hooked: plane.apply(core("secrets", "hooked") + "", one)[0] >= 300)
            plane.refused(f"webhook-{name}", core("secrets", "hooked"), hooked)
        plane.refused("policy", core("secrets", "guarded"), policy)
    for kind in ("validatingwebhookconfigurations", "validatingadmissionpolicies", "validatingadmissionpolicybindings"):
        plane.call("DELETE", f"/apis/admissionregistration.k8s.io/v1/{kind}")


def _configure(plane: Plane, name: str, address: str, certificate: str) -> None:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["secrets"]}
    webhook = {
        "name": f"{name}.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Fail",
        "timeoutSeconds": 1, "clientConfig": {"url": address, "caBundle": certificate}, "rules": [rule],
        "objectSelector": {"matchLabels": {"hook": name}},
    }  # fmt: skip
    path = f"/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{name}"
    plane.made(path, named("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", name, webhooks=[webhook]))


def _policy(plane: Plane) -> Document:
    group, path = "admissionregistration.k8s.io/v1", "/apis/admissionregistration.k8s.io/v1"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["secrets"]}
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"objectSelector": {"matchLabels": {"guarded": "1"}}, "resourceRules": [rule]},
        "validations": [{"expression": "false", "messageExpression": "'owner is missing: ' + string(object.data['password'])"}],
    }
    plane.made(f"{path}/validatingadmissionpolicies/owned", named(group, "ValidatingAdmissionPolicy", "owned", spec=spec))
    binding = named(
        group, "ValidatingAdmissionPolicyBinding", "owned", spec={"policyName": "owned", "validationActions": ["Deny"]}
    )
    plane.made(f"{path}/validatingadmissionpolicybindings/owned", binding)
    guarded = secret("guarded", metadata={"labels": {"guarded": "1"}})
    until(lambda: b"owner is missing" in plane.apply(core("secrets", "guarded"), guarded)[1])
    return guarded


def provoke(control_plane: ControlPlane) -> dict[str, Document]:
    """What the server says to all of it."""
    plane = Plane(control_plane)
    plane.made(f"{CORE}/namespaces/shop", named("v1", "Namespace", "shop"))
    for chapter in (invalid, secrets, unchangeable, custom, forbidden, conflicts, admission):
        chapter(plane)
    return plane.said


def main() -> None:
    """Write the file anew."""
    shown = subprocess.run(
        [sys.executable, HERE / "build.py", "--print"], capture_output=True, text=True, check=False, timeout=60
    )
    binaries = Path(os.environ.get("KUBEBUILDER_ASSETS") or shown.stdout.strip())
    with tempfile.TemporaryDirectory() as directory:
        plane = ControlPlane(Path(directory), binaries)
        plane.start()
        try:
            said = provoke(plane)
        finally:
            plane.stop()
    for one in said.values():
        if one["secret"] and len(json.dumps(one["secret"])) > 2000:
            one["secret"] = secret()
    FILE.write_text(json.dumps(said, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
