"""What a real API server (1.37.2) recorded of objects after something was done to them; the files in `live/` are its words.

Each file has the name of what was done after our apply, the metadata that the server answered with, and which of the documents here
is desired. The digest of the manifest stands in them as DIGEST, so that they outlive a change of hashing.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from reconciler.model.objects import LiveMetadata, Manifest
from reconciler.plan.marks import APPLIED
from tests.reconciler.plan.made import KINDS, document, manifest

FILES = Path(__file__).parent / "live"

CONTAINER = {
    "name": "web",
    "image": "web:1",
    "args": ["--port", "8080"],
    "env": [{"name": "COLOUR", "value": "blue"}, {"name": "SIZE", "value": "3"}],
    "ports": [{"containerPort": 8080}],
    "resources": {"limits": {"cpu": "1000m"}},
}

DESIRED: dict[str, dict[str, Any]] = {
    "deployment": document(
        "apps/v1",
        "Deployment",
        metadata={"labels": {"tier": "front"}},
        spec={
            "replicas": 3,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [CONTAINER]}},
        },
    ),
    "networkpolicy": document(
        "networking.k8s.io/v1", "NetworkPolicy", "deny-all", spec={"podSelector": {}, "policyTypes": ["Ingress"], "ingress": []}
    ),
    "service": document(
        "v1",
        "Service",
        "dns",
        spec={"selector": {"app": "dns"}, "ports": [{"name": "tcp", "port": 53}, {"name": "udp", "port": 53, "protocol": "UDP"}]},
    ),
    "configmap": document(data={"colour": "blue"}),
    "webhook": document(
        "admissionregistration.k8s.io/v1",
        "ValidatingWebhookConfiguration",
        "guard",
        webhooks=[
            {
                "name": f"{name}.example.com",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Ignore",
                "clientConfig": {"url": "https://127.0.0.1:1/", "caBundle": "Cg=="},
            }
            for name in ("first", "second")
        ],
    ),
    "widget": document("example.com/v1alpha1", "Widget", "left", spec={"size": 3}),
}


def recorded(case: str) -> tuple[Manifest, LiveMetadata]:
    """What is desired, and what the server said after this was done."""
    told = json.loads((FILES / f"{case}.json").read_text())
    desired = manifest(DESIRED[told["desired"]], namespace=told["metadata"].get("namespace", ""))
    kind = KINDS.find(desired.key.group, desired.key.kind)
    assert kind is not None
    live = LiveMetadata.of({"metadata": told["metadata"]}, kind)
    annotations = {name: desired.digest if value == "DIGEST" else value for name, value in live.annotations.items()}
    assert APPLIED in annotations
    return desired, replace(live, annotations=annotations)
