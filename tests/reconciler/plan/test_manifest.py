"""From documents to manifests: where they go, what they carry, and when their hash changes."""

import re
from dataclasses import replace

import orjson
import pytest

from reconciler.errors import InvalidManifest
from reconciler.model.declared import Instance
from reconciler.model.objects import Kind, Kinds, ObjectKey
from reconciler.plan.manifest import is_built_in, prepare
from reconciler.plan.marks import APPLICATION, APPLIED, INSTANCE, OWNER, parse_owner
from tests.reconciler.plan.made import KINDS, OTHER, SHOP, document, manifest, raw, stamp

DEFINITION = document(
    "apiextensions.k8s.io/v1",
    "CustomResourceDefinition",
    "gears.example.com",
    spec={
        "group": "example.com",
        "scope": "Cluster",
        "names": {"kind": "Gear", "plural": "gears"},
        "versions": [{"name": "v1", "subresources": {"status": {}}}, {"name": "v1alpha1"}],
    },
)
GEAR = document("example.com/v1", "Gear", "left", status={"x": 1})


def test_a_manifest_carries_the_marks():
    made = manifest(document(metadata={"labels": {"a": "1"}, "annotations": {"b": "2"}}))
    metadata = made.document["metadata"]
    assert metadata["labels"] == {"a": "1", INSTANCE: "trueup", APPLICATION: "shop"}
    assert parse_owner(metadata["annotations"][OWNER]) == (SHOP, ObjectKey("", "ConfigMap", "shop", "web"))
    assert metadata["annotations"] == {"b": "2", OWNER: "trueup/shop:/ConfigMap:shop/web", APPLIED: made.digest}


def test_the_marks_of_a_document_that_was_copied_from_a_cluster_are_replaced():
    copied = manifest(document(name="other")).document
    copied["metadata"]["name"] = "web"
    assert manifest(copied).body == manifest(document()).body


def test_the_body_is_canonical():
    made = manifest(document(data={"b": "1", "a": "2"}))
    assert made.body == orjson.dumps(made.document, option=orjson.OPT_SORT_KEYS)
    assert made.body == manifest(dict(reversed(document(data={"a": "2", "b": "1"}).items()))).body


def test_a_manifest_knows_where_it_comes_from_and_its_wave():
    made = prepare([raw(document(metadata={"annotations": {"trueup.dev/wave": "-2"}}), "web.yaml, line 9")], stamp(), KINDS)[0]
    assert (made.source, made.wave, made.api_version, made.version) == ("web.yaml, line 9", -2, "v1", "v1")
    assert manifest(document()).wave == 0


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(stamp(application=OTHER), id="application"),
        pytest.param(replace(stamp(), instance=Instance("blue")), id="instance"),
        pytest.param(stamp("stage"), id="namespace"),
    ],
)
def test_the_digest_is_that_of_everything_that_is_sent(other):
    assert prepare([raw(document())], other, KINDS)[0].digest != manifest(document()).digest


@pytest.mark.parametrize(
    ("kind", "keyed"),
    [pytest.param("Secret", True, id="keyed for Secrets"), pytest.param("ConfigMap", False, id="not keyed for others")],
)
def test_the_digest_of_a_secret_tells_nothing_to_who_has_no_key(kind, keyed):
    written, other = raw(document("v1", kind, data={"a": "MQ=="})), replace(stamp(), seal_key=b"\x02" * 32)
    digests = {prepare([written], one, KINDS)[0].digest for one in (stamp(), other)}
    assert len(digests) == (2 if keyed else 1)
    assert all(digest.startswith("v1:") and len(digest) == 35 for digest in digests)


@pytest.mark.parametrize(
    ("written", "namespace", "key"),
    [
        pytest.param(document(), "shop", ObjectKey("", "ConfigMap", "shop", "web"), id="the application's"),
        pytest.param(document(metadata={"namespace": "x"}), "shop", ObjectKey("", "ConfigMap", "x", "web"), id="its own"),
        pytest.param(document(metadata={"namespace": ""}), "shop", ObjectKey("", "ConfigMap", "shop", "web"), id="empty is none"),
        pytest.param(
            document("v1", "Namespace", metadata={"namespace": "x"}), "shop", ObjectKey("", "Namespace", "", "web"), id="cluster"
        ),
        pytest.param(document("x.io/v1", "Odd"), "shop", ObjectKey("x.io", "Odd", "shop", "web"), id="unknown: the application's"),
        pytest.param(document("x.io/v1", "Odd"), "", ObjectKey("x.io", "Odd", "", "web"), id="unknown: as written"),
        pytest.param(document("autoscaling/v2beta2", "HorizontalPodAutoscaler"), "shop",
                     ObjectKey("autoscaling", "HorizontalPodAutoscaler", "shop", "web"), id="version that is not served"),
    ],
)  # fmt: skip
def test_where_an_object_goes(written, namespace, key):
    made = manifest(written, namespace=namespace)
    assert made.key == key
    assert made.document["metadata"].get("namespace", "") == key.namespace


def test_a_namespaced_object_without_a_namespace_is_a_mistake():
    with pytest.raises(InvalidManifest) as error:
        manifest(document(), namespace="")
    assert str(error.value) == (
        "web.yaml, line 1: ConfigMap web: metadata.namespace is missing; "
        "name one there or in the Application's spec.destination.namespace"
    )


@pytest.mark.parametrize("order", [[DEFINITION, GEAR], [GEAR, DEFINITION]], ids=["before", "after"])
def test_a_definition_in_the_set_says_how_its_kind_is_placed(order):
    made = {one.key.kind: one for one in prepare([raw(written) for written in order], stamp(), KINDS)}
    assert made["Gear"].key == ObjectKey("example.com", "Gear", "", "left")
    assert "status" not in made["Gear"].document


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        pytest.param(document("apps/v1", "Deployment", status={"x": 1}), False, id="subresource"),
        pytest.param(document("networking.k8s.io/v1", "NetworkPolicy", status={"x": 1}), True, id="no subresource"),
        pytest.param(document("batch/v7", "Job", status={"x": 1}), False, id="unknown, built in"),
        pytest.param(document("x.io/v1", "Odd", status={"x": 1}), True, id="unknown, custom"),
        pytest.param({**GEAR, "apiVersion": "example.com/v1alpha1"}, True, id="defined without it at this version"),
    ],
)
def test_a_status_stays_only_where_it_is_an_ordinary_field(written, kept):
    made = prepare([raw(DEFINITION), raw(written)], stamp(), KINDS)[1]
    assert ("status" in made.document) is kept


@pytest.mark.parametrize(
    "spec",
    [None, "x", {}, {"names": "x"}, {"names": {}, "versions": "v1"}, {"versions": ["v1", {"subresources": "x"}, {"name": 3}]}],
)
def test_a_definition_of_any_shape_is_no_crash(spec):
    broken = {**DEFINITION, "spec": spec}
    assert len(prepare([raw(broken), raw(document())], stamp(), KINDS)) == 2


def test_an_object_that_is_declared_twice_is_a_mistake_also_at_two_versions():
    kinds = Kinds([Kind("autoscaling", version, "HorizontalPodAutoscaler", "", namespaced=True) for version in ("v2", "v1")])
    twins = [raw(document(f"autoscaling/{version}", "HorizontalPodAutoscaler"), f"{version}.yaml") for version in ("v1", "v2")]
    with pytest.raises(InvalidManifest) as error:
        prepare(twins, stamp(), kinds)
    assert str(error.value) == ("shop/HorizontalPodAutoscaler/web is declared twice: in v1.yaml and in v2.yaml; keep one of them")


@pytest.mark.parametrize(
    ("group", "built_in"),
    [("", True), ("apps", True), ("networking.k8s.io", True), ("cert-manager.io", False), ("cluster.x-k8s.io", False)],
)
def test_which_groups_are_built_in(group, built_in):
    assert is_built_in(group) is built_in


def hook(**metadata):
    written = document("v1", "ConfigMap", "x", metadata={"annotations": {"trueup.dev/hook": "pre-sync"}, **metadata})
    del written["metadata"]["name"]
    return written


def test_a_hook_without_a_name_gets_another_one_for_every_content():
    named = [
        prepare([raw(hook(generateName="migrate-")), raw(document(name="web", data={"x": text}))], stamp(), KINDS)[0].key.name
        for text in ("1", "1", "2")
    ]
    assert named[0] == named[1] != named[2]
    assert all(re.fullmatch(r"migrate-[0-9a-f]{10}", name) for name in named)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(hook(), id="a hook without any"),
        pytest.param({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "x-"}}, id="an ordinary object"),
    ],
)
def test_a_name_is_generated_for_hooks_with_a_prefix_only(written):
    with pytest.raises(InvalidManifest, match=r"metadata\.name"):
        prepare([raw(written)], stamp(), KINDS)


def test_a_run_that_somebody_exported_is_taken_out():
    made = manifest(document(metadata={"annotations": {"trueup.dev/run": "pre-sync:1"}}))
    assert "trueup.dev/run" not in made.annotations
