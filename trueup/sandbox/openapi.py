"""OpenAPI v3 as far as clients read it: types with their merge rules, and which query parameters a PATCH understands.

kubectl asks for it before an apply, a diff or a dry run. Descriptions are left out.
"""

from typing import Any

from trueup.sandbox.kinds import Kinds, Resource
from trueup.sandbox.schema import Fields, ListOf, Scalar, Type, Untyped
from trueup.sandbox.status import NoSuchPath

PARAMETERS = ("dryRun", "fieldManager", "fieldValidation", "force", "pretty")
SCHEMAS = "#/components/schemas/"


def index(kinds: Kinds) -> dict[str, Any]:
    """`/openapi/v3`: where the document of each group version is."""
    paths = dict.fromkeys(_path(resource) for resource in kinds)
    return {"paths": {path: {"serverRelativeURL": f"/openapi/v3/{path}"} for path in paths}}


def document(kinds: Kinds, path: str) -> dict[str, Any]:
    """The document of one group version, such as `apis/apps/v1`."""
    resources = [resource for resource in kinds if _path(resource) == path]
    if not resources:
        raise NoSuchPath
    schemas: dict[str, Any] = {}
    for resource in resources:
        _add_kind(resource, schemas)
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes (sandbox)", "version": "v1.37.2"},
        "paths": {f"/{path}/{_item(resource)}": _operations(resource) for resource in resources},
        "components": {"schemas": schemas},
    }


def _path(resource: Resource) -> str:
    return f"apis/{resource.group}/{resource.version}" if resource.group else f"api/{resource.version}"


def _item(resource: Resource) -> str:
    return f"namespaces/{{namespace}}/{resource.plural}/{{name}}" if resource.is_namespaced else f"{resource.plural}/{{name}}"


def _operations(resource: Resource) -> dict[str, Any]:
    parameters = [{"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}} for name in PARAMETERS]
    operation = {"parameters": parameters, "responses": {}, "x-kubernetes-group-version-kind": _kind(resource)}
    return {verb: {**operation, "x-kubernetes-action": verb} for verb in ("get", "put", "patch", "delete")}


def _kind(resource: Resource) -> dict[str, str]:
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}


def _add_kind(resource: Resource, schemas: dict[str, Any]) -> None:
    name = f"{'.'.join(reversed(resource.group.split('.'))) or 'core'}.{resource.version}.{resource.kind}"
    schemas[name] = resource.validation or _object(resource.type, schemas)
    schemas[name] = {**schemas[name], "x-kubernetes-group-version-kind": [_kind(resource)]}


def _schema(kind: Type, schemas: dict[str, Any]) -> dict[str, Any]:
    match kind:
        case Scalar(form):
            return SCALARS[form]
        case Untyped():
            return {}
        case ListOf():
            return _list(kind, schemas)
        case Fields(name="" as name):
            return _object(kind, schemas)
        case Fields(name=name):
            if name not in schemas:
                schemas[name] = {}  # a type that mentions itself finds this
                schemas[name] = _object(kind, schemas)
            return {"$ref": SCHEMAS + name}


SCALARS: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "byte": {"type": "string", "format": "byte"},
    "date-time": {"type": "string", "format": "date-time"},
    "int-or-string": {"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string"},
    "quantity": {"oneOf": [{"type": "string"}, {"type": "number"}]},
}


def _list(kind: ListOf, schemas: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": "array", "items": _schema(kind.items, schemas)}
    shown["x-kubernetes-list-type"] = "map" if kind.keys else "set" if kind.is_set else "atomic"
    if kind.keys:
        shown["x-kubernetes-list-map-keys"] = list(kind.keys)
    if kind.merge is not None:
        shown["x-kubernetes-patch-strategy"] = "merge"
        if kind.merge:
            shown["x-kubernetes-patch-merge-key"] = kind.merge
    return shown


def _object(kind: Type, schemas: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": "object"}
    if not isinstance(kind, Fields):
        return shown
    if kind.known:
        shown["properties"] = {name: _schema(child, schemas) for name, child in kind.known.items()}
    if kind.others is not None:
        shown["additionalProperties"] = _schema(kind.others, schemas)
    if kind.required:
        shown["required"] = list(kind.required)
    if kind.is_atomic:
        shown["x-kubernetes-map-type"] = "atomic"
    return shown
