"""What somebody does to an object after our apply, and which of our fields are lost by it: judged by our own functions.

The table is the one that the drift check rests on. Each row: what is desired, what is done, and what is no longer ours after it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from reconciler.model.outcome import DriftKind
from tests.contract.api import MERGE, STRATEGIC, Api, Document
from tests.contract.objects import (
    config_map,
    container,
    cron_job,
    custom,
    definition,
    deployment,
    document,
    network_policy,
    service,
    unique,
)
from tests.contract.trueup import Trueup

CONTAINER = container(
    args=["--port", "8080"],
    env=[{"name": "COLOUR", "value": "blue"}, {"name": "SIZE", "value": "3"}],
    resources={"limits": {"cpu": "1000m"}},
)
WEB = deployment("web", CONTAINER, metadata={"labels": {"tier": "front"}}, replicas=3, paused=True)
DNS = service("dns", [{"name": "tcp", "port": 53}, {"name": "udp", "port": 53, "protocol": "UDP"}])
IMAGE = "spec.template.spec.containers[0].image"
POD = ("spec", "template", "spec")
Deed = Callable[[Api, Document], Awaitable[Any]]


def of_pod(change: Document) -> Document:
    """A change of the pod template's spec."""
    return {"spec": {"template": {"spec": change}}}


def of_container(**change: Any) -> Document:
    """A change of the container."""
    return of_pod({"containers": [{"name": "web", **change}]})


def patched(change: Any, manager: str = "kubectl-edit", *, content: str = STRATEGIC, subresource: str = "") -> Deed:
    """Somebody sends a patch."""

    async def deed(api: Api, desired: Document) -> None:
        assert (await api.patch(desired, change, manager, content=content, subresource=subresource)).code == 200

    return deed


def applied(change: Document, manager: str = "other") -> Deed:
    """Somebody applies with force."""

    async def deed(api: Api, desired: Document) -> None:
        names = {"apiVersion": desired["apiVersion"], "kind": desired["kind"], "metadata": {"name": desired["metadata"]["name"]}}
        wanted = names | change
        wanted["metadata"] = names["metadata"] | change.get("metadata", {})
        assert (await api.apply(wanted, manager, force="true")).code == 200

    return deed


def replaced(edit: Callable[[Document], Any], manager: str = "kubectl-replace") -> Deed:
    """Somebody reads the object, edits it, and writes it back, whatever controllers wrote meanwhile."""

    async def deed(api: Api, desired: Document) -> None:
        live = (await api.get(desired)).object
        edit(live)
        del live["metadata"]["resourceVersion"]
        assert (await api.replace(live, manager)).code == 200

    return deed


def both(*deeds: Deed) -> Deed:
    """One after the other."""

    async def deed(api: Api, desired: Document) -> None:
        for each in deeds:
            await each(api, desired)

    return deed


async def nothing(api: Api, desired: Document) -> None:
    """Nobody does anything."""


async def read(api: Api, desired: Document) -> None:
    """Somebody writes back what is there."""
    await api.replace((await api.get(desired)).object)


def image(of: Document) -> Document:
    """The container that carries the image."""
    return of["spec"]["template"]["spec"]["containers"][0]


@dataclass(frozen=True, slots=True)
class Row:
    """One deed and what comes of it."""

    desired: Document
    deed: Deed
    lost: list[str] = field(default_factory=list)
    by: str = ""
    """Who is named for it; empty when nobody can be."""


STATUS = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
ROWS = {
    "nothing": Row(WEB, nothing),
    "written back as it is": Row(cron_job(), read),
    "status update": Row(WEB, patched(STATUS, "controller", subresource="status")),
    "foreign label": Row(WEB, patched({"metadata": {"labels": {"theirs": "1"}}})),
    "foreign annotation": Row(WEB, patched({"metadata": {"annotations": {"note": "1"}}})),
    "rollout restart": Row(
        WEB,
        patched(
            {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026"}}}}}, "kubectl-rollout"
        ),
    ),
    "env item added": Row(WEB, patched(of_container(env=[{"name": "MORE", "value": "1"}]))),
    "container added": Row(WEB, patched(of_pod({"containers": [container("side")]}))),
    "co-owned by equal values": Row(WEB, applied({"spec": {"replicas": 3}})),
    "scaled": Row(WEB, patched({"spec": {"replicas": 5}}, "scaler", content=MERGE, subresource="scale"), ["spec.replicas"], "scaler"),
    "scaled to zero": Row(WEB, patched({"spec": {"replicas": 0}}, "scaler", content=MERGE, subresource="scale"), ["spec.replicas"]),
    "image edited": Row(WEB, patched(of_container(image="web:2")), [IMAGE], "kubectl-edit"),
    "image edited by PUT": Row(WEB, replaced(lambda live: image(live).update(image="web:2")), [IMAGE], "kubectl-replace"),
    "one env value": Row(
        WEB, patched(of_container(env=[{"name": "SIZE", "value": "4"}])),
        ["spec.template.spec.containers[0].env[1].value"], "kubectl-edit",
    ),
    "env item removed": Row(
        WEB, patched(of_container(env=[{"name": "SIZE", "$patch": "delete"}])), ["spec.template.spec.containers[0].env[1]"]
    ),
    "one item of an atomic list": Row(
        WEB, patched(of_container(args=["--port", "8081"])), ["spec.template.spec.containers[0].args"], "kubectl-edit"
    ),
    "our label changed": Row(
        WEB, patched({"metadata": {"labels": {"tier": "back"}}}, "kubectl-label"), ["metadata.labels.tier"], "kubectl-label"
    ),
    "our label removed": Row(WEB, patched({"metadata": {"labels": {"tier": None}}}), ["metadata.labels.tier"]),
    "a whole map removed": Row(config_map(), patched({"data": None}), ["data.colour"]),
    "one key of two removed": Row(config_map(data={"a": "1", "b": "2"}), patched({"data": {"b": None}}), ["data.b"]),
    "forced apply by another": Row(WEB, applied({"spec": {"replicas": 4}}), ["spec.replicas"], "other"),
    "co-owner who then changes": Row(
        WEB, both(applied({"spec": {"replicas": 3}}), applied({"spec": {"replicas": 4}})), ["spec.replicas"], "other"
    ),
    "co-owner who then stops": Row(
        WEB, both(applied({"spec": {"replicas": 3, "minReadySeconds": 1}}), applied({"spec": {"minReadySeconds": 1}}))
    ),
    "changed and back": Row(
        WEB, both(patched(of_container(image="web:2")), patched(of_container(image="web:1"))), [IMAGE], "kubectl-edit"
    ),
    "Update by a manager with our name": Row(WEB, patched(of_container(image="web:2"), "trueup"), [IMAGE], "trueup"),
    "quantity respelt by an update": Row(WEB, patched(of_container(resources={"limits": {"cpu": "1"}}))),
    "quantity respelt by a forced apply": Row(
        WEB, applied(of_container(resources={"limits": {"cpu": "1000m"}})),
        ["spec.template.spec.containers[0].resources.limits.cpu"], "other",
    ),
    "deny-all policy opened": Row(network_policy(), patched({"spec": {"ingress": [{}]}}), ["spec.ingress"], "kubectl-edit"),
    "deny-all policy left alone": Row(network_policy(), patched({"metadata": {"labels": {"theirs": "1"}}})),
    "tolerations filled by somebody": Row(
        deployment("web", tolerations_of := container(), paused=True)
        | {"spec": deployment("web", tolerations_of, paused=True)["spec"] | {"template": {
            "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [tolerations_of], "tolerations": []}}}},
        patched(of_pod({"tolerations": [{"operator": "Exists"}]})), ["spec.template.spec.tolerations"], "kubectl-edit",
    ),
    "DNS over TCP removed": Row(
        DNS, replaced(lambda live: live["spec"].update(ports=[p for p in live["spec"]["ports"] if p["protocol"] == "UDP"])),
        ["spec.ports[0]"],
    ),
    "DNS over UDP removed": Row(
        DNS, replaced(lambda live: live["spec"].update(ports=[p for p in live["spec"]["ports"] if p["protocol"] == "TCP"])),
        ["spec.ports[1]"],
    ),
    "DNS left alone": Row(DNS, read),
    "default changed beside us": Row(WEB, patched({"spec": {"revisionHistoryLimit": 3}})),
    "finalizer of ours removed": Row(
        config_map(finalizers=["example.com/a", "example.com/b"]),
        replaced(lambda live: live["metadata"].update(finalizers=["example.com/b"])), ["metadata.finalizers[0]"],
    ),
    "our owner annotation changed": Row(
        config_map(), patched({"metadata": {"annotations": {"trueup.dev/owner": "x"}}}),
        ["metadata.annotations[trueup.dev/owner]"], "kubectl-edit",
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
async def test_what_is_lost(api: Api, trueup: Trueup, row: Row):
    manifest = await trueup.applied(row.desired)
    await row.deed(api, row.desired)
    assert await trueup.lost(manifest) == row.lost
    changed = [each for each in await trueup.drift(manifest) if each.kind is DriftKind.CHANGED]
    assert {each.manager for finding in changed for each in finding.fields} == ({row.by} if row.lost else set())


@pytest.mark.parametrize("row", [row for row in ROWS.values() if row.lost], ids=[name for name, row in ROWS.items() if row.lost])
async def test_one_forced_apply_takes_back_what_is_lost(api: Api, trueup: Trueup, row: Row):
    manifest = await trueup.applied(row.desired)
    await row.deed(api, row.desired)
    before = (await api.get(row.desired)).object
    await trueup.apply(manifest)
    assert await trueup.lost(manifest) == []
    after = (await api.get(row.desired)).object
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


async def test_a_set_member_with_escaped_characters_is_not_lost(api, trueup, defined):
    words = {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}
    widgets = await defined(definition("Widget", spec={"type": "object", "properties": {"words": words}}))
    manifest = await trueup.applied(custom(widgets, spec={"words": ["a<b&c", "plain"]}))
    assert await trueup.lost(manifest) == []
    await api.patch(manifest.document, {"spec": {"words": ["plain"]}})
    assert await trueup.lost(manifest) == ["spec.words[0]"]


async def test_rules_that_are_an_empty_list(api, trueup):
    role = document("rbac.authorization.k8s.io/v1", "ClusterRole", unique("nothing"), rules=[])
    manifest = await trueup.applied(role)
    assert await trueup.lost(manifest) == []
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
    await api.patch(role, {"rules": [rule]})
    assert await trueup.lost(manifest) == ["rules"]


async def test_an_object_that_is_gone_or_going_is_missing(api, trueup):
    manifest = await trueup.applied(config_map(finalizers=["example.com/wait"]))
    await api.delete(manifest.document)
    assert [each.kind for each in await trueup.drift(manifest)] == [DriftKind.MISSING]
    assert await trueup.lost(manifest) == []  # it looks in sync, and an apply succeeds
    assert (await trueup.apply(manifest)).code == 200
    await api.patch(manifest.document, {"metadata": {"finalizers": None}})
    assert [each.kind for each in await trueup.drift(manifest)] == [DriftKind.MISSING]
