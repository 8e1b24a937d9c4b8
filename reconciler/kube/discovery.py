"""What a cluster serves: two requests to servers that aggregate (1.30 and newer), one a group to older ones.

https://kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from reconciler.errors import TrueupError
from reconciler.kube.client import Client
from reconciler.model.objects import Document, Kind, Kinds

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


async def discover(client: Client) -> Kinds:
    """Every kind that is served, and the groups that did not answer.

    Raises:
        ClusterUnavailable: when the server does not answer at all.
    """
    version = await client.raw("/version") or {}
    answers = await asyncio.gather(client.raw("/api", accept=AGGREGATED), client.raw("/apis", accept=AGGREGATED))
    served: list[Kind] = []
    failed: set[str] = set()
    for answer in answers:
        if answer is None:
            continue
        if answer.get("kind") == "APIGroupDiscoveryList":
            served += _aggregated(answer.get("items") or (), failed)
        else:
            served += await _one_by_one(client, answer, failed)
    return Kinds(served, failed=failed, version=version.get("gitVersion", ""))


def _aggregated(groups: Iterable[Mapping[str, Any]], failed: set[str]) -> Iterator[Kind]:
    for group in groups:
        name = group["metadata"].get("name", "")
        for version in group.get("versions") or ():
            if version.get("freshness") == "Stale":
                failed.add(name)
            for resource in version.get("resources") or ():
                yield _kind(name, version["version"], resource)


def _kind(group: str, version: str, resource: Mapping[str, Any]) -> Kind:
    subresources = {entry["subresource"] for entry in resource.get("subresources") or ()}
    response = resource.get("responseKind") or {}
    return Kind(
        group=group,
        version=version,
        kind=response.get("kind", ""),
        plural=resource["resource"],
        namespaced=resource.get("scope") == "Namespaced",
        verbs=frozenset(resource.get("verbs") or ()),
        has_status="status" in subresources,
        has_scale="scale" in subresources,
    )


async def _one_by_one(client: Client, answer: Document, failed: set[str]) -> list[Kind]:
    """For servers that do not aggregate: every group and version by itself."""
    if "versions" in answer:
        wanted = [("", version) for version in answer["versions"]]
    else:
        wanted = [
            (group["name"], version["version"])
            for group in answer.get("groups") or ()
            for version in sorted(group["versions"], key=lambda v, g=group: v != g.get("preferredVersion"))  # type: ignore[misc]  # bound
        ]
    found = await asyncio.gather(*(_group(client, group, version, failed) for group, version in wanted))
    return [kind for kinds in found for kind in kinds]


async def _group(client: Client, group: str, version: str, failed: set[str]) -> list[Kind]:
    try:
        answer = await client.raw(f"/apis/{group}/{version}" if group else f"/api/{version}")
    except TrueupError:
        answer = None
    if answer is None:
        failed.add(group)
        return []
    resources = answer.get("resources") or ()
    names = {resource["name"] for resource in resources}
    return [
        Kind(
            group, version, resource["kind"], resource["name"], resource["namespaced"], frozenset(resource.get("verbs") or ()),
            f"{resource['name']}/status" in names, f"{resource['name']}/scale" in names,
        )
        for resource in resources
        if "/" not in resource["name"]
    ]  # fmt: skip
