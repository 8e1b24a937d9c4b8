"""The `/scale` subresource: how many replicas, for every kind that has any.

https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/ (Scale, autoscaling/v1). A write through it is a write to the
object's own replicas by a manager of subresource `scale`.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from trueup.sandbox.paths import Target
from trueup.sandbox.status import bad_request
from trueup.sandbox.store import Document

KEPT = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def scale_of(target: Target, document: Document) -> Document:
    """The Scale of an object."""
    paths = target.resource.scale
    status: dict[str, Any] = {"replicas": _at(document, paths.status_replicas) or 0}
    if selector := _selector(document, paths.selector):
        status["selector"] = selector
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: value for name, value in document["metadata"].items() if name in KEPT},
        "spec": {"replicas": replicas} if (replicas := replicas_of(target, document)) else {},
        "status": status,
    }


def replicas_of(target: Target, document: Document) -> int:
    """How many replicas an object asks for."""
    replicas: int = _at(document, target.resource.scale.replicas) or 0
    return replicas


def scaled(target: Target, document: Document, scale: Any) -> Document:
    """The object with the replicas that a Scale asks for.

    Raises:
        Refused: 400 when it is no Scale.
    """
    if not isinstance(scale, dict) or scale.get("kind", "Scale") != "Scale":
        raise bad_request("the object provided is unrecognized (must be of type Scale)")
    replicas = _at(scale, ("spec", "replicas")) or 0
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        why = "json: cannot unmarshal into Go struct field ScaleSpec.spec.replicas of type int32"
        raise bad_request(f'Scale in version "v1" cannot be handled as a Scale: {why}')
    result = copy.copy(document)
    where = result
    for name in target.resource.scale.replicas[:-1]:
        where[name] = dict(where.get(name) or {})
        where = where[name]
    where[target.resource.scale.replicas[-1]] = replicas
    version = (scale.get("metadata") or {}).get("resourceVersion", document["metadata"]["resourceVersion"])
    return {**result, "metadata": {**document["metadata"], "resourceVersion": version}}


def applied_replicas(target: Target, scale: Any) -> Document:
    """What applying a Scale says about the object itself."""
    fields: Any = _at(scale, ("spec", "replicas")) if isinstance(scale, dict) else None
    for name in reversed(target.resource.scale.replicas):
        fields = {name: fields}
    metadata = {"name": target.name}
    return {"apiVersion": target.resource.api_version, "kind": target.resource.kind, "metadata": metadata, **fields}


def _at(document: Any, path: Sequence[str]) -> Any:
    for name in path:
        document = document.get(name) if isinstance(document, Mapping) else None
    return document


def _selector(document: Document, path: Sequence[str]) -> str:
    if path:
        return str(_at(document, path) or "")
    labels = _at(document, ("spec", "selector", "matchLabels")) or {}
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
