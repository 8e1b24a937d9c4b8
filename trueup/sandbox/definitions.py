"""Custom resources: from a CustomResourceDefinition to resources, their types, and the check of their objects.

Rules: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/ (structural schemas,
pruning, defaulting). Validation rules in CEL are not evaluated.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from trueup.sandbox.kinds import Resource, ScalePaths
from trueup.sandbox.schema import SCALARS, UNTYPED, Fields, ListOf, Type, named
from trueup.sandbox.status import Cause
from trueup.sandbox.store import Document

META: dict[str, Any] = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}
OBJECT_FIELDS = ("apiVersion", "kind", "metadata")


def resources_of(definition: Document) -> Iterator[Resource]:
    """The resources that a definition serves, one for each version that is served."""
    spec = definition["spec"]
    names = spec["names"]
    for version in spec["versions"]:
        if not version.get("served", False):
            continue
        schema = version.get("schema", {}).get("openAPIV3Schema") or {"type": "object"}
        subresources = version.get("subresources") or {}
        yield Resource(
            group=spec["group"],
            version=version["name"],
            kind=names["kind"],
            plural=names["plural"],
            singular=names.get("singular") or names["kind"].lower(),
            is_namespaced=spec["scope"] == "Namespaced",
            type=_root(schema),
            short_names=tuple(names.get("shortNames", ())),
            categories=tuple(names.get("categories", ())),
            subresources=tuple(name for name in ("status", "scale") if name in subresources),
            validation=schema,
            columns=tuple(version.get("additionalPrinterColumns", ())),
            scale=_scale(subresources.get("scale") or {}),
            list_kind=names.get("listKind") or f"{names['kind']}List",
        )


def storage_version(definition: Document) -> str:
    """The version that objects are kept in."""
    return next((version["name"] for version in definition["spec"]["versions"] if version.get("storage")), "")


def _scale(scale: Mapping[str, str]) -> ScalePaths:
    def path(name: str, default: str) -> tuple[str, ...]:
        return tuple(part for part in scale.get(name, default).split(".") if part)

    return ScalePaths(
        path("specReplicasPath", ".spec.replicas"), path("statusReplicasPath", ".status.replicas"), path("labelSelectorPath", "")
    )


def _root(schema: Mapping[str, Any]) -> Fields:
    root = type_of(schema)
    if not isinstance(root, Fields):
        root = Fields(others=UNTYPED)
    root.known = {
        **root.known,
        "apiVersion": SCALARS["string"],
        "kind": SCALARS["string"],
        "metadata": named("meta.v1.ObjectMeta"),
    }
    root.always = ("metadata",)
    return root


def type_of(schema: Mapping[str, Any], *, is_open: bool = False) -> Type:
    """The type of a structural schema; `is_open` when an enclosing schema preserves unknown fields."""
    is_open = is_open or bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    nullable = bool(schema.get("nullable"))
    if schema.get("x-kubernetes-int-or-string"):
        return SCALARS["int-or-string"]
    match schema.get("type"):
        case "object":
            return _object(schema, is_open=is_open, is_nullable=nullable)
        case "array":
            items = type_of(schema.get("items") or {}, is_open=is_open)
            kind = schema.get("x-kubernetes-list-type", "atomic")
            keys = tuple(schema.get("x-kubernetes-list-map-keys", ())) if kind == "map" else ()
            return ListOf(items, keys, is_set=kind == "set", is_nullable=nullable)
        case "integer":
            return SCALARS["int64"]
        case "string" | "boolean" | "number" as form:
            return SCALARS[form]
        case _:
            return UNTYPED


def _object(schema: Mapping[str, Any], *, is_open: bool, is_nullable: bool) -> Type:
    properties = schema.get("properties") or {}
    if schema.get("x-kubernetes-embedded-resource"):
        properties = META | {"metadata": {"type": "object"}} | properties
    free = schema.get("additionalProperties")
    others: Type | None = None
    if isinstance(free, dict):
        others = type_of(free, is_open=is_open)
    elif free or is_open or not properties:
        others = UNTYPED
    return Fields(
        known={name: type_of(child, is_open=is_open) for name, child in properties.items()},
        others=others,
        is_atomic=schema.get("x-kubernetes-map-type") == "atomic",
        required=tuple(schema.get("required", ())),
        defaults={name: child["default"] for name, child in properties.items() if "default" in child},
        is_nullable=is_nullable,
    )


def pruned(schema: Mapping[str, Any], value: Any, unknown: list[str], at: str = "") -> Any:
    """The value without fields that the schema does not know, whose paths are added to `unknown`."""
    if isinstance(value, list):
        below = schema.get("items") or {}
        return [pruned(below, item, unknown, f"{at}[{index}]") for index, item in enumerate(value)]
    if not isinstance(value, dict) or not schema:
        return value
    known: Mapping[str, Any] = schema.get("properties") or {}
    free = schema.get("additionalProperties")
    is_object = not at or schema.get("x-kubernetes-embedded-resource", False)
    result: dict[str, Any] = {}
    for name, child in value.items():
        path = f"{at}.{name}" if at else name
        if is_object and name in OBJECT_FIELDS:
            result[name] = child
        elif name in known or isinstance(free, dict):
            result[name] = pruned(known.get(name, free), child, unknown, path)
        elif free or schema.get("x-kubernetes-preserve-unknown-fields"):
            result[name] = child
        else:
            unknown.append(path)
    return result


def without_nulls(schema: Mapping[str, Any], value: Any) -> Any:
    """The value without nulls in fields that take none and have no default; an apply keeps them, and is refused for them."""
    if isinstance(value, list):
        return [without_nulls(schema.get("items") or {}, item) for item in value]
    if not isinstance(value, dict):
        return value
    known, free = schema.get("properties") or {}, schema.get("additionalProperties")
    result = {}
    for name, child in value.items():
        below = known.get(name) or (free if isinstance(free, dict) else {})
        if child is not None or not below or below.get("nullable") or "default" in below:
            result[name] = without_nulls(below, child)
    return result


def faults(schema: Mapping[str, Any], value: Any, path: str = "") -> Iterator[Cause]:
    """Where a value breaks its OpenAPI schema, in the server's words."""
    if value is None and (schema.get("nullable") or not schema.get("type")):
        return
    wanted = schema.get("type")
    if schema.get("x-kubernetes-int-or-string"):
        wanted = None
    if wanted and not _is_of(wanted, value):
        found = '"null"' if value is None else json.dumps(JSON_NAMES.get(type(value), "object"))
        text = f"Invalid value: {found}: {path} in body must be of type {wanted}: {found}"
        yield Cause("FieldValueTypeInvalid", text, path)
        return
    yield from _faults_of_scalar(schema, value, path)
    if isinstance(value, dict):
        for name in schema.get("required", ()):
            if name not in value:
                yield Cause("FieldValueRequired", "Required value", f"{path}.{name}" if path else name)
        for name, child in value.items():
            below = (schema.get("properties") or {}).get(name) or schema.get("additionalProperties")
            if isinstance(below, dict):
                yield from faults(below, child, f"{path}.{name}" if path else name)
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for index, item in enumerate(value):
            yield from faults(schema["items"], item, f"{path}[{index}]")


JSON_NAMES: Mapping[type, str] = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}


def _is_of(wanted: str, value: Any) -> bool:
    match wanted:
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case _:
            return JSON_NAMES.get(type(value)) == wanted


def _faults_of_scalar(schema: Mapping[str, Any], value: Any, path: str) -> Iterator[Cause]:
    shown = json.dumps(value, separators=(",", ":"))
    if "enum" in schema and value not in schema["enum"]:
        allowed = ", ".join(json.dumps(item) for item in schema["enum"])
        yield Cause("FieldValueNotSupported", f"Unsupported value: {shown}: supported values: {allowed}", path)
    if isinstance(value, int | float) and not isinstance(value, bool):
        if "minimum" in schema and value < schema["minimum"]:
            text = f"Invalid value: {shown}: {path} in body should be greater than or equal to {schema['minimum']}"
            yield Cause("FieldValueInvalid", text, path)
        if "maximum" in schema and value > schema["maximum"]:
            text = f"Invalid value: {shown}: {path} in body should be less than or equal to {schema['maximum']}"
            yield Cause("FieldValueInvalid", text, path)
    if isinstance(value, str):
        yield from _faults_of_text(schema, value, shown, path)
    if isinstance(value, list) and len(value) < schema.get("minItems", 0):
        text = f"Invalid value: {len(value)}: {path} in body should have at least {schema['minItems']} items"
        yield Cause("FieldValueInvalid", text, path)


def _faults_of_text(schema: Mapping[str, Any], value: str, shown: str, path: str) -> Iterator[Cause]:
    if len(value) < schema.get("minLength", 0):
        text = f"Invalid value: {shown}: {path} in body should be at least {schema['minLength']} chars long"
        yield Cause("FieldValueInvalid", text, path)
    if "maxLength" in schema and len(value) > schema["maxLength"]:
        yield Cause("FieldValueTooLong", f"Too long: may not be more than {schema['maxLength']} bytes", path)
    if "pattern" in schema and not re.search(schema["pattern"], value):
        text = f"Invalid value: {shown}: {path} in body should match '{schema['pattern']}'"
        yield Cause("FieldValueInvalid", text, path)
