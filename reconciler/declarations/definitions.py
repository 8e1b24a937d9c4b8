"""The CustomResourceDefinitions of Repository and Application, made from the schema of declarations: one schema, wherever it is checked.

Structural schemas: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/. Unknown fields
cannot be forbidden there: `kubectl` asks the server to refuse them, and who does not ask has them dropped.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from reconciler.declarations.repository import RepositorySpec
from reconciler.declarations.schema import API_VERSION, ApplicationSpec
from reconciler.declarations.status import ApplicationStatus, RepositoryStatus
from reconciler.model.objects import Document, Kind

GROUP, _, VERSION = API_VERSION.partition("/")
REPOSITORY = Kind(GROUP, VERSION, "Repository", "repositories", namespaced=True, has_status=True)
APPLICATION = Kind(GROUP, VERSION, "Application", "applications", namespaced=True, has_status=True)

_KEPT = frozenset(
    {"description", "type", "enum", "pattern", "minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum",
     "x-kubernetes-validations", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-list-type", "x-kubernetes-list-map-keys"}
)  # fmt: skip
"""What a structural schema may say; titles and the like are left out."""

_SHORT = {"Repository": "trepo", "Application": "tapp"}
"""Other tools have an Application too, and the short names that come to mind first."""

_AGE = {"name": "AGE", "type": "date", "jsonPath": ".metadata.creationTimestamp"}


def definitions() -> tuple[Document, ...]:
    """Both definitions, as they are applied."""
    return (
        _definition(
            REPOSITORY,
            "A Git repository that Trueup follows.",
            (RepositorySpec, RepositoryStatus),
            {"URL": ".spec.url", "READY": '.status.conditions[?(@.type=="Ready")].status'},
        ),
        _definition(
            APPLICATION,
            "What Trueup keeps true: sources in Git, and a destination.",
            (ApplicationSpec, ApplicationStatus),
            {"SYNC": ".status.sync", "HEALTH": ".status.health", "REVISION": ".status.revision"},
        ),
    )


def structural(model: type[BaseModel]) -> Document:
    """The schema of a part of a declaration, as the API server takes it."""
    schema = model.model_json_schema(by_alias=True)
    return _structural(schema, schema.get("$defs", {}))


def _definition(
    kind: Kind, description: str, models: tuple[type[BaseModel], type[BaseModel]], columns: Mapping[str, str]
) -> Document:
    spec, status = structural(models[0]), _without_defaults(structural(models[1]))
    schema = {
        "description": description,
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
    }
    version = {
        "name": kind.version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
        "additionalPrinterColumns": [*({"name": n, "type": "string", "jsonPath": p} for n, p in columns.items()), _AGE],
    }
    names: Document = {"kind": kind.kind, "listKind": f"{kind.kind}List", "plural": kind.plural, "singular": kind.kind.lower()}
    names["shortNames"] = [_SHORT[kind.kind]]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{kind.group}"},
        "spec": {"group": kind.group, "names": {**names, "categories": ["trueup"]}, "scope": "Namespaced", "versions": [version]},
    }


def _structural(node: Mapping[str, Any], known: Mapping[str, Any]) -> Document:
    """One node of a JSON schema without references, alternatives and whatever else the API server does not take."""
    node = _resolved(node, known)
    found = {name: node[name] for name in node if name in _KEPT}
    if "const" in node:
        found |= {"type": "string", "enum": [node["const"]]}
    if "exclusiveMinimum" in node:
        found |= {"minimum": node["exclusiveMinimum"], "exclusiveMinimum": True}
    if node.get("type") == "array":
        found = {"x-kubernetes-list-type": "atomic", **found, "items": _structural(node["items"], known)}
    if properties := node.get("properties"):
        found["properties"] = {name: _structural(child, known) for name, child in properties.items()}
        found |= {"required": list(node["required"])} if node.get("required") else {}
    elif isinstance(node.get("additionalProperties"), dict) and "x-kubernetes-preserve-unknown-fields" not in node:
        found["additionalProperties"] = _structural(node["additionalProperties"], known)
    if (default := node.get("default")) is not None:
        found["default"] = _default(default, found)
    return found


def _resolved(node: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any]:
    """A node with what it refers to; what stands beside the reference is said of this place, and wins."""
    alternatives = [entry for entry in node.get("anyOf", ()) if entry.get("type") != "null"]
    if alternatives:
        (only,) = alternatives  # a field has one type, or nothing
        node = {**only, **{name: value for name, value in node.items() if name != "anyOf"}}
    if reference := node.get("$ref"):
        target = _resolved(known[reference.rpartition("/")[2]], known)
        return {**target, **{name: value for name, value in node.items() if name != "$ref"}}
    return node


def _without_defaults(schema: Any) -> Any:
    """What is told is told by us: nothing is filled in."""
    if isinstance(schema, dict):
        return {name: _without_defaults(child) for name, child in schema.items() if name != "default"}
    return [_without_defaults(child) for child in schema] if isinstance(schema, list) else schema


def _default(value: Any, schema: Mapping[str, Any]) -> Any:
    """A default as people write it; that of a mapping is an empty one, which the server fills from the defaults in it."""
    if "properties" in schema:
        return {}
    is_duration = schema["type"] == "string" and isinstance(value, int | float)
    return _duration(value) if is_duration else value


def _duration(seconds: float) -> str:
    """The shortest way to write it: `5m`, `90s`."""
    for unit, length in (("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:g}s"
