"""Every built-in kind, and a custom one, on a real control plane: what we apply is held, and what others change is noticed.

The samples are tests/fixtures/kinds, each once as it stands and twice under other names: two hundred objects. Foreign changes are dry
runs, whose answers carry the managedFields that the change would leave: a thousand of them change nothing. Left out: requests that
are answered once and are nobody's desired state (`ASKED_ONCE`).
"""

import asyncio
import contextlib
import random
import re
from collections import Counter
from pathlib import Path

import orjson
import pytest

from reconciler.errors import TrueupError, Waiting
from reconciler.kube.client import Call
from reconciler.kube.cluster import open_cluster
from reconciler.kube.config import Access
from reconciler.model.declared import Instance, Name
from reconciler.model.objects import LiveMetadata, RawDocument, format_path
from reconciler.plan.drift import assess, lost_fields
from reconciler.plan.manifest import Stamp, is_built_in, prepare
from reconciler.plan.order import stages
from reconciler.settings import ReconcilerSettings
from reconciler.yaml.documents import parse_documents
from tests.servers.patience import until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

SAMPLES = Path(__file__).parents[1] / "fixtures" / "kinds"
ASKED_ONCE = {"PodCertificateRequest"}
ALONE = {"CustomResourceDefinition", "APIService", "IPAddress", "ServiceCIDR", "VolumeAttachment", "ResourceSlice", "CSINode"}
"""Kinds whose names mean something; they have no twins under other names."""

UNVERIFIABLE = {"CertificateSigningRequest"}
"""The server keeps no record of who owns their spec: reported once, never repaired."""

SETTLING = {"PersistentVolumeClaim"}
"""The server writes them once more at the second apply, with nothing changed that shows."""

TIED = {"CustomResourceDefinition", "APIService", "IPAddress"}
"""Objects of the cluster whose names say what they are: deleted at the end."""

CHANGES = 1200
SEED = 20
NEVER_THERE = "zz-not-there"


@pytest.fixture
async def cluster(control_plane):
    settings = ReconcilerSettings(KUBECONFIG=control_plane.kubeconfig, api_concurrency=8)
    instance = Instance(f"kinds-{random.randrange(10**6)}")
    async with open_cluster(Access(control_plane.kubeconfig, None), instance, settings) as cluster:
        await cluster.writer.ensure_namespace(instance.id)
        yield cluster, instance
        for key in [key for key in cluster.index.owned if key.kind in TIED]:
            with contextlib.suppress(TrueupError):  # an APIService without a service would make discovery partial for other tests
                await removed(cluster, key)


async def removed(cluster, key):
    """Deleted, and gone: what the next test applies to a definition that is going would go with it."""
    kind = cluster.kinds.find(key.group, key.kind)
    await cluster.client._exchange(Call("DELETE", kind.path(key.namespace, key.name)))

    async def is_gone():
        return await cluster.client.get(kind, key.namespace, key.name, metadata_only=True) is None

    await until(is_gone, seconds=30)


def samples():
    for file in sorted(SAMPLES.glob("*.yaml")):
        yield from parse_documents(file.read_bytes(), name=file.name)


def raws(suffix):
    """The samples; with a suffix, those of kinds whose names mean nothing, under other names."""
    for raw in samples():
        document = orjson.loads(orjson.dumps(raw.document))
        if suffix and (document["kind"] in ALONE or document["kind"] == "PersistentVolumeClaim"):
            continue
        if suffix:
            document["metadata"]["name"] += suffix
            document["metadata"].setdefault("labels", {})["twin"] = suffix.strip("-")
        if suffix and document["kind"] == "Service":
            for port in document["spec"].get("ports", []):
                port.pop("nodePort", None)
        yield RawDocument(document, raw.source)


async def applied(cluster, instance):
    """Everything applied, with the answers: manifest and live metadata, by key."""
    found = {}
    everything = [renamed(raw, cluster, instance) for suffix in ("", "-b", "-c") for raw in raws(suffix)]
    definitions = [raw for raw in everything if raw.document["kind"] == "CustomResourceDefinition"]
    for part in (definitions, everything):
        stamp = Stamp(instance, Name("trueup", "kinds"), instance.id, b"k" * 32)
        for stage in stages(prepare(part, stamp, cluster.kinds)):
            for manifest in stage:
                found[manifest.key] = (manifest, await taken(cluster, manifest))
        await served(cluster, "kinds.example.com", "Widget")
    return found


async def taken(cluster, manifest):
    """The answer to an apply; a kind that discovery has told of may be served a moment later."""
    for _ in range(50):
        try:
            return await cluster.writer.apply(manifest, force=True)
        except Waiting:
            await asyncio.sleep(0.2)
    return await cluster.writer.apply(manifest, force=True)


def renamed(raw, cluster, instance):
    """An object of the cluster under a name of this test alone, where its name means nothing: other tests have the same samples."""
    document = raw.document
    kind = cluster.kinds.find(document["apiVersion"].rpartition("/")[0], document["kind"])
    is_shared = kind is not None and (not kind.namespaced or "namespace" in document["metadata"])
    if is_shared and kind.kind not in TIED:
        document["metadata"]["name"] += f"-{instance.id}"
    return raw


async def served(cluster, group, kind):
    while cluster.kinds.find(group, kind) is None:
        await cluster.rediscover()


async def test_every_kind_that_can_be_declared_has_a_sample(cluster):
    cluster, _ = cluster
    sampled = {(raw.document["apiVersion"].rpartition("/")[0], raw.document["kind"]) for raw in samples()}
    needed = {
        (kind.group, kind.kind)
        for kind in cluster.kinds
        if kind.verbs >= {"create", "patch", "watch"} and kind.kind not in ASKED_ONCE and is_built_in(kind.group)
    }
    needed.discard(("events.k8s.io", "Event"))  # the same objects as those of the core group
    assert needed <= sampled, f"without a sample: {sorted(needed - sampled)}"


async def is_written(cluster, manifest, live):
    """Whether an apply of the same changes an object, beside what a controller writes in its own fields meanwhile."""
    key = manifest.key
    read = await cluster.client.get(cluster.kinds.find(key.group, key.kind), key.namespace, key.name, metadata_only=True)
    answer = await cluster.writer.apply(manifest, force=True)
    return answer.resource_version != read["metadata"]["resourceVersion"] and answer.managers == live.managers


async def test_what_is_applied_is_held_and_applying_again_changes_nothing(cluster):
    cluster, instance = cluster
    found = await applied(cluster, instance)
    assert len(found) >= 200
    wrong = {}
    for key, (manifest, live) in found.items():
        lost = [format_path(path) for path in lost_fields(manifest, live, instance)]
        drift = assess(manifest, live, instance, kinds=cluster.kinds)
        second, third = [await is_written(cluster, manifest, live) for _ in range(2)]
        is_held = bool(lost or drift) is (key.kind in UNVERIFIABLE)
        if not is_held or third or (second and key.kind not in SETTLING):
            wrong[str(key)] = (lost, drift, second, third)
    assert not wrong


async def test_foreign_changes_of_our_fields_are_noticed_with_their_path_and_others_are_not(cluster, request):
    cluster, instance = cluster
    found = list((await applied(cluster, instance)).values())
    dice = random.Random(SEED)
    counts, missed, false_alarms = Counter(), [], []
    while sum(counts.values()) < CHANGES:
        manifest, live = dice.choice(found)
        if live.deleting or manifest.key.kind in UNVERIFIABLE:
            continue
        is_ours = dice.random() < 0.7
        change = changed_field(manifest.document, dice) if is_ours else added_field(manifest.document, dice)
        if change is None:
            continue
        path, patch = change
        now = await dry_run(cluster, manifest, patch)
        if now is None:
            counts["refused"] += 1
            continue
        drift = assess(manifest, now, instance, kinds=cluster.kinds)
        if not is_ours:
            counts["elsewhere"] += 1
            if drift:
                false_alarms.append((str(manifest.key), path, drift))
        elif now.generation == live.generation and now.managers == live.managers:
            counts["without effect"] += 1
        else:
            counts["ours"] += 1
            named = [field.path for finding in drift for field in finding.fields]
            if not any(is_about(name, path) for name in named):
                missed.append((str(manifest.key), path, named))
    request.config.get_terminal_writer().line(f"\nforeign changes: {dict(counts)}")
    assert counts["ours"] >= 400
    assert counts["elsewhere"] >= 150
    assert not missed
    assert not false_alarms


def is_about(named, path):
    """Whether a finding names the changed field, something in it, or a parent of it."""
    plain = ".".join(str(part) for part in path)
    dotted = re.sub(r"\[([^\]]*)\]", r".\1", named).strip(".")
    return plain == dotted or plain.startswith(f"{dotted}.") or dotted.startswith(f"{plain}.")


def changed_field(document, dice):
    """Another value for one random desired field, as a merge patch from the top; lists are changed as a whole."""
    found = [*fields(document)]
    if not found:
        return None
    path, value = dice.choice(found)
    new = changed(value, dice)
    return None if new in (None, value) else (path, nested(path, new))


def added_field(document, dice):
    """A field that is not ours, beside ours, by a controller."""
    places = [("metadata", "labels"), ("metadata", "annotations")]
    if "template" in document.get("spec", {}) and isinstance(document["spec"]["template"].get("metadata"), dict):
        places.append(("spec", "template", "metadata", "annotations"))
    if document["kind"] == "ConfigMap" and not document.get("immutable"):
        places.append(("data",))
    path = (*dice.choice(places), NEVER_THERE)
    return path, nested(path, "x")


def fields(node, path=()):
    """Every field of a document with its value, but for identity and our own marks; a list is one field."""
    for name, value in node.items():
        here = (*path, name)
        if here in {("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace")} or "trueup.dev/" in str(name):
            continue
        if isinstance(value, dict) and value:
            yield from fields(value, here)
        elif value not in ({}, []):
            yield here, value


def changed(value, dice):
    match value:
        case bool():
            return not value
        case int():
            return value + dice.choice((-1, 1))
        case str():
            return value + "x" if value else "x"
        case list() if len(value) > 1:
            return value[1:]
        case list() if isinstance(value[0], str):
            return [*value, "x"]
        case list() if isinstance(value[0], int):
            return [*value, 7]
        case list() if isinstance(value[0], dict):
            return [{**value[0], **{k: changed(v, dice) for k, v in list(value[0].items())[-1:] if not isinstance(v, dict)}}]
        case _:
            return None


def nested(path, value):
    for part in reversed(path):
        value = {part: value}
    return value


async def dry_run(cluster, manifest, patch):
    """The metadata that an object would have after somebody's merge patch; None where the server refuses it."""
    kind = cluster.kinds.find(manifest.key.group, manifest.key.kind, manifest.version)
    query = {"dryRun": "All", "fieldManager": "some-controller"}
    path = kind.path(manifest.key.namespace, manifest.key.name)
    call = Call("PATCH", path, query, orjson.dumps(patch), "application/merge-patch+json")
    answer = await cluster.client._exchange(call)
    return LiveMetadata.of(orjson.loads(answer.body), kind) if answer.status == 200 else None
