"""Which resources there are: `/api`, `/apis` and below, plain and aggregated, and `/version`.

https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
"""

from collections.abc import Collection
from typing import Any

from trueup.sandbox.kinds import VERBS, Kinds, Resource
from trueup.sandbox.status import NoSuchPath

AGGREGATED = ("g=apidiscovery.k8s.io", "as=APIGroupDiscoveryList")
AGGREGATED_TYPE = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
SUBRESOURCE_VERBS = ["get", "patch", "update"]
VERSION = {
    "major": "1",
    "minor": "37",
    "gitVersion": "v1.37.2+sandbox",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "sandbox",
}


def is_aggregated(accept: str) -> bool:
    """Does the client want everything in one document?"""
    return any(
        all(mark in clause.replace(" ", "") for mark in AGGREGATED) and "v=v2;" in f"{clause};" for clause in accept.split(",")
    )


def aggregated(kinds: Kinds, *, is_core: bool, silent: Collection[str] = ()) -> dict[str, Any]:
    """All groups, versions and resources below `/api` or `/apis`; of silent groups only that their server is away."""
    items = []
    for group in _groups(kinds, is_core=is_core):
        versions = [
            {
                "version": version,
                "resources": [_aggregated_resource(each) for each in _resources(kinds, group, version)],
                "freshness": "Current",
            }
            for version in _versions(kinds, group)
        ]
        items.append({"metadata": {"name": group} if group else {}, "versions": versions})
    silent = () if is_core else silent
    items += [{"metadata": {"name": group}, "versions": [{"version": "v1", "freshness": "Stale"}]} for group in sorted(silent)]
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def _aggregated_resource(resource: Resource) -> dict[str, Any]:
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    shown: dict[str, Any] = {
        "resource": resource.plural,
        "responseKind": kind,
        "scope": "Namespaced" if resource.is_namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(VERBS),
    }
    if resource.short_names:
        shown["shortNames"] = list(resource.short_names)
    if resource.categories:
        shown["categories"] = list(resource.categories)
    if resource.subresources:
        shown["subresources"] = [
            {
                "subresource": name,
                "responseKind": {"group": "autoscaling", "version": "v1", "kind": "Scale"} if name == "scale" else kind,
                "verbs": SUBRESOURCE_VERBS,
            }
            for name in resource.subresources
        ]
    return shown


def core_versions(address: str) -> dict[str, Any]:
    """`/api`."""
    addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}


def group_list(kinds: Kinds) -> dict[str, Any]:
    """`/apis`."""
    groups = [_group(kinds, group) for group in _groups(kinds, is_core=False)]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def group(kinds: Kinds, name: str) -> dict[str, Any]:
    """`/apis/GROUP`."""
    if not name or not kinds.has_group(name):
        raise NoSuchPath
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(kinds, name)}


def resource_list(kinds: Kinds, group_name: str, version: str) -> dict[str, Any]:
    """`/api/v1` and `/apis/GROUP/VERSION`."""
    if not kinds.has_group(group_name, version):
        raise kinds.unserved(group_name)
    rows = [row for resource in _resources(kinds, group_name, version) for row in _rows(resource)]
    name = f"{group_name}/{version}" if group_name else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": rows}


def _rows(resource: Resource) -> list[dict[str, Any]]:
    main: dict[str, Any] = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.is_namespaced,
        "kind": resource.kind,
        "verbs": list(VERBS),
    }
    if resource.short_names:
        main["shortNames"] = list(resource.short_names)
    if resource.categories:
        main["categories"] = list(resource.categories)
    rows = [main]
    for name in resource.subresources:
        row = {"name": f"{resource.plural}/{name}", "singularName": "", "namespaced": resource.is_namespaced}
        if name == "scale":
            row |= {"group": "autoscaling", "version": "v1"}
        rows.append(row | {"kind": "Scale" if name == "scale" else resource.kind, "verbs": SUBRESOURCE_VERBS})
    return rows


def _group(kinds: Kinds, name: str) -> dict[str, Any]:
    versions = [{"groupVersion": f"{name}/{version}", "version": version} for version in _versions(kinds, name)]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def _groups(kinds: Kinds, *, is_core: bool) -> list[str]:
    return list(dict.fromkeys(resource.group for resource in kinds if (resource.group == "") is is_core))


def _versions(kinds: Kinds, group_name: str) -> list[str]:
    return list(dict.fromkeys(resource.version for resource in kinds if resource.group == group_name))


def _resources(kinds: Kinds, group_name: str, version: str) -> list[Resource]:
    return [resource for resource in kinds if (resource.group, resource.version) == (group_name, version)]
