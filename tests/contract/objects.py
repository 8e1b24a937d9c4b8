"""Documents that the tests apply: small, and with the fields that matter."""

import secrets
from typing import Any

Document = dict[str, Any]


def document(api_version: str, kind: str, name: str, **fields: Any) -> Document:
    """Any object; `metadata` adds to its name."""
    metadata = {"name": name, **fields.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def config_map(name: str = "settings", data: dict[str, str] | None = None, **metadata: Any) -> Document:
    """A ConfigMap; without `data` it has one key."""
    return document("v1", "ConfigMap", name, metadata=metadata, data={"colour": "blue"} if data is None else data)


def container(name: str = "web", **fields: Any) -> Document:
    """A container."""
    return {"name": name, "image": f"{name}:1", **fields}


def deployment(name: str = "web", *containers: Document, metadata: Document | None = None, **spec: Any) -> Document:
    """A Deployment without replicas unless told."""
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": list(containers) or [container()]}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": name}}, "template": template} | spec
    return document("apps/v1", "Deployment", name, metadata=metadata or {}, spec=spec)


def service(name: str = "web", ports: list[Document] | None = None, **fields: Any) -> Document:
    """A Service on port 80 unless told."""
    return document(
        "v1", "Service", name, spec={"selector": {"app": name}, "ports": [{"port": 80}] if ports is None else ports}, **fields
    )


def secret(name: str = "password", **data: str) -> Document:
    """A Secret with base64 data."""
    return document("v1", "Secret", name, data=data)


def job(name: str = "task") -> Document:
    """A Job that does not start."""
    pod = {"restartPolicy": "Never", "containers": [container()]}
    return document("batch/v1", "Job", name, spec={"suspend": True, "template": {"spec": pod}})


def cron_job(name: str = "nightly", *containers: Document, **spec: Any) -> Document:
    """A workload that no controller of the control plane looks at, so that only the test writes it."""
    pod = {"restartPolicy": "Never", "containers": list(containers) or [container()]}
    spec = {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": {"spec": pod}}}} | spec
    return document("batch/v1", "CronJob", name, spec=spec)


def network_policy(name: str = "deny-all", **spec: Any) -> Document:
    """Lets nothing in unless told."""
    spec = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": []} | spec
    return document("networking.k8s.io/v1", "NetworkPolicy", name, spec=spec)


def unique(prefix: str) -> str:
    """A name for an object of the whole cluster, which other tests share."""
    return f"{prefix}-{secrets.token_hex(4)}"


OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def definition(kind: str, *, versions: tuple[str, ...] = ("v1",), spec: Document | None = None, **names: Any) -> Document:
    """A CustomResourceDefinition of a group of its own, with status and scale; the newest version is the stored one.

    Args:
        kind: in CamelCase; the plural is made of it.
        versions: what is served, oldest first.
        spec: the schema of `spec`; anything goes when it is left out.
    """
    group = f"{unique('g')}.example.com"
    plural = f"{kind.lower()}s"
    schema = {"type": "object", "properties": {"spec": spec or OPEN, "status": OPEN}}
    scale = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
    served = [
        {
            "name": version,
            "served": True,
            "storage": version == versions[-1],
            "schema": {"openAPIV3Schema": schema},
            "subresources": {"status": {}, "scale": scale},
        }
        for version in versions
    ]
    body = {"group": group, "scope": "Namespaced", "names": {"kind": kind, "plural": plural, **names}, "versions": served}
    return document("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{plural}.{group}", spec=body)


def custom(of: Document, name: str = "left", version: str = "v1", **fields: Any) -> Document:
    """An object of a definition."""
    spec = of["spec"]
    return document(f"{spec['group']}/{version}", spec["names"]["kind"], name, **fields)
