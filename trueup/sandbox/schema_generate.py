"""Write `schema.json` out of a real API server: `python -m trueup.sandbox.schema_generate URL TOKEN $(go env GOMODCACHE)/k8s.io`.

What it keeps of the server's OpenAPI v3 and discovery documents is what decides the shape of objects: fields, types, which lists
are atomic, sets or maps and by which keys, defaults, patch strategies, and the names of the resources. Descriptions stay behind.
The meaning of the extensions: https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy and
https://github.com/kubernetes/kubernetes/tree/master/api/openapi-spec

A type is one of
    "string"                     a scalar; also integer, int64, number, boolean, byte, date-time, int-or-string, quantity, any
    "#v1.PodSpec"                another type of the table
    {"items": T, "list": "map", "keys": [...], "merge": key}     a list; without "list" it is atomic
    {"values": T}                a map with free keys
    {"fields": {name: T}, "required": [...], "always": [...], "defaults": {...}, "zero": [...]}   a struct
and any of the last two may be `"atomic": true`. "always" names the structs that the server prints even when they are empty, "zero"
the scalars that it does not print when they are empty, false or 0.
"""

import json
import ssl
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

from trueup.sandbox.schema_zeroes import zeroes

Node: TypeAlias = str | dict[str, Any]

GROUP_VERSIONS = (
    "api/v1",
    "apis/admissionregistration.k8s.io/v1",
    "apis/apiextensions.k8s.io/v1",
    "apis/apps/v1",
    "apis/autoscaling/v2",
    "apis/batch/v1",
    "apis/coordination.k8s.io/v1",
    "apis/discovery.k8s.io/v1",
    "apis/networking.k8s.io/v1",
    "apis/node.k8s.io/v1",
    "apis/policy/v1",
    "apis/rbac.authorization.k8s.io/v1",
    "apis/scheduling.k8s.io/v1",
    "apis/storage.k8s.io/v1",
)
SUBRESOURCES = ("status", "scale")
SPECIAL = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "int-or-string",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "date-time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "date-time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "any",
    "io.k8s.apimachinery.pkg.runtime.RawExtension": "any",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON": "any",
}
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
TABLE = Path(__file__).with_name("schema.json")


def main() -> None:
    """Read the server named on the command line and write the table beside this file."""
    url, token, sources = sys.argv[1:4]
    schemas: dict[str, Any] = {}
    for path in GROUP_VERSIONS:
        schemas |= fetch(url, token, f"/openapi/v3/{path}")["components"]["schemas"]
    resources = [
        resource
        for root in ("/api", "/apis")
        for group in fetch(url, token, root, AGGREGATED)["items"]
        for version in group["versions"]
        for resource in resources_of(group["metadata"].get("name", ""), version)
    ]
    kinds = {kind(schema): name for name, schema in schemas.items() if kind(schema)}
    for resource in resources:
        resource["type"] = short(kinds[resource["group"], resource["version"], resource["kind"]])
    types = reachable(schemas, [kinds[r["group"], r["version"], r["kind"]] for r in resources])
    for name, fields in zeroes(Path(sources), types).items():
        types[name] = {**cast("dict[str, Any]", types[name]), "zero": fields}
    write(resources, types)


def fetch(url: str, token: str, path: str, accept: str = "application/json") -> dict[str, Any]:
    """The JSON document at `path`; the server's certificate is not checked, since it is a test server on loopback."""
    request = urllib.request.Request(url + path, headers={"Authorization": f"Bearer {token}", "Accept": accept})  # noqa: S310 - given by hand
    context = ssl._create_unverified_context()  # noqa: S323, SLF001 - a throw-away server signs its own certificate
    with urllib.request.urlopen(request, context=context, timeout=30) as answer:  # noqa: S310 - given by hand
        document: dict[str, Any] = json.load(answer)
        return document


def resources_of(group: str, version: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The resources of one discovered group version that can be created and listed."""
    path = f"apis/{group}/{version['version']}" if group else f"api/{version['version']}"
    return [
        {
            "group": group,
            "version": version["version"],
            "kind": resource["responseKind"]["kind"],
            "plural": resource["resource"],
            "singular": resource["singularResource"],
            "short": resource.get("shortNames", []),
            "categories": resource.get("categories", []),
            "namespaced": resource["scope"] == "Namespaced",
            "subresources": [s["subresource"] for s in resource.get("subresources", []) if s["subresource"] in SUBRESOURCES],
        }
        for resource in version["resources"]
        if path in GROUP_VERSIONS and {"create", "list", "watch"} <= set(resource["verbs"])
    ]


def kind(schema: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Group, version and kind of a schema that describes exactly one kind."""
    match schema.get("x-kubernetes-group-version-kind"):
        case [{"group": str(group), "version": str(version), "kind": str(name)}]:
            return group, version, name
        case _:
            return None


def short(name: str) -> str:
    """`io.k8s.api.core.v1.PodSpec` is `core.v1.PodSpec`."""
    return ".".join(name.split(".")[-3:])


def reachable(schemas: Mapping[str, Any], roots: list[str]) -> dict[str, Node]:
    """Every type that the roots use, by its short name."""
    types: dict[str, Node] = {}
    todo = list(roots)
    while todo:
        name = todo.pop()
        if short(name) not in types:
            types[short(name)] = node(schemas[name], todo)
    return types


def node(schema: Mapping[str, Any], todo: list[str]) -> Node:
    """One schema in the table's notation; the types it refers to are added to `todo`."""
    match schema:
        case {"$ref": ref} | {"allOf": [{"$ref": ref}]}:
            return reference(ref.rpartition("/")[2], schema, todo)
        case {"type": "array", "items": items}:
            return list_node(schema, node(items, todo))
        case {"type": "object"} if schema.get("properties"):
            return struct_node(schema, todo)
        case {"type": "object", "additionalProperties": values}:
            return {"values": node(values, todo)} | atomic(schema)
        case {"type": "integer", "format": "int64"}:
            return "int64"
        case {"type": "string", "format": "byte" | "date-time" as form}:
            return str(form)
        case {"type": str(name)} if name != "object":
            return name
        case _:
            return "any"


def reference(name: str, schema: Mapping[str, Any], todo: list[str]) -> Node:
    """A reference, which may say of itself that it is atomic where its type is not."""
    if name in SPECIAL:
        return SPECIAL[name]
    todo.append(name)
    return {"ref": f"#{short(name)}"} | atomic(schema) if atomic(schema) else f"#{short(name)}"


def list_node(schema: Mapping[str, Any], items: Node) -> Node:
    """A list with its merge rules, for apply and for strategic merge patches."""
    result: dict[str, Any] = {"items": items}
    if schema.get("x-kubernetes-list-type", "atomic") != "atomic":
        result["list"] = schema["x-kubernetes-list-type"]
    if "x-kubernetes-list-map-keys" in schema:
        result["keys"] = schema["x-kubernetes-list-map-keys"]
    if "merge" in schema.get("x-kubernetes-patch-strategy", "").split(","):
        result["merge"] = schema.get("x-kubernetes-patch-merge-key", "")
    return result


def struct_node(schema: Mapping[str, Any], todo: list[str]) -> Node:
    """A struct; its defaults are kept where they say something."""
    properties = schema["properties"]
    fields = {name: node(field, todo) for name, field in properties.items()}
    result: dict[str, Any] = {"fields": fields} | atomic(schema)
    if schema.get("required"):
        result["required"] = schema["required"]
    always = [
        name for name, field in properties.items() if field.get("default") == {} and str(fields[name]).startswith(("#", "{"))
    ]
    if always:
        result["always"] = always
    defaults = {name: field["default"] for name, field in properties.items() if field.get("default", {}) != {}}
    if defaults:
        result["defaults"] = defaults
    return result


def atomic(schema: Mapping[str, Any]) -> dict[str, bool]:
    """The mark of a map that is owned as a whole."""
    return {"atomic": True} if schema.get("x-kubernetes-map-type") == "atomic" else {}


def write(resources: list[dict[str, Any]], types: Mapping[str, Node]) -> None:
    """One line a resource and one line a type, sorted, so that a new server version makes a readable difference."""
    rows = [
        json.dumps(row, separators=(",", ":"), sort_keys=True)
        for row in sorted(resources, key=lambda r: (r["group"], r["plural"]))
    ]
    lines = [f"{json.dumps(name)}:{json.dumps(types[name], separators=(',', ':'), sort_keys=True)}" for name in sorted(types)]
    TABLE.write_text('{"resources":[\n' + ",\n".join(rows) + '\n],"types":{\n' + ",\n".join(lines) + "\n}}\n")


if __name__ == "__main__":
    main()
