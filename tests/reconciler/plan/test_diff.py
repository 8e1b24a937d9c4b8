"""Differences for people."""

import pytest

from reconciler.plan.diff import FieldChange, diff, value_at
from reconciler.plan.marks import APPLIED
from tests.reconciler.plan.made import document

SECRET = {"api_version": "v1", "kind": "Secret"}


def spec(**fields):
    return document("apps/v1", "Deployment", spec=fields)


def containers(*items):
    return spec(containers=list(items))


WEB, SIDE = {"name": "web", "image": "web:1"}, {"name": "side", "image": "side:1"}


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        pytest.param(spec(replicas=3), spec(replicas=3), [], id="nothing"),
        pytest.param(spec(replicas=3), spec(replicas=5), [("spec.replicas", 3, 5)], id="a value"),
        pytest.param(spec(), spec(paused=True), [("spec.paused", None, True)], id="set"),
        pytest.param(spec(a=1, b=2), spec(b=2), [("spec.a", 1, None)], id="not set any more"),
        pytest.param(
            containers(SIDE, WEB), containers(SIDE, {**WEB, "image": "web:2"}),
            [("spec.containers[name=web].image", "web:1", "web:2")], id="an item by its name",
        ),
        pytest.param(containers(WEB), containers(WEB, SIDE), [("spec.containers[name=side]", None, SIDE)], id="an item more"),
        pytest.param(containers(WEB, SIDE), containers(SIDE), [("spec.containers[name=web]", WEB, None)], id="an item less"),
        pytest.param(
            containers(WEB, SIDE), containers(SIDE, WEB),
            [("spec.containers (order)", ["web", "side"], ["side", "web"])], id="another order",
        ),
        pytest.param(spec(args=["a"]), spec(args=["b"]), [("spec.args", ["a"], ["b"])], id="a list without names"),
        pytest.param(
            spec(ports=[{"port": 53}, {"port": 53, "protocol": "UDP"}]), spec(ports=[{"port": 53}]),
            [("spec.ports", [{"port": 53}, {"port": 53, "protocol": "UDP"}], [{"port": 53}])], id="a name that stands twice",
        ),
        pytest.param(
            spec(rules=[{"name": {"a": 1}}]), spec(rules=[{"name": {"a": 2}}]),
            [("spec.rules", [{"name": {"a": 1}}], [{"name": {"a": 2}}])], id="a name that is none",
        ),
        pytest.param(spec(args=[]), spec(args=["a"]), [("spec.args", [], ["a"])], id="an empty list"),
        pytest.param(spec(x={"a": 1}), spec(x=[1]), [("spec.x", {"a": 1}, [1])], id="another type"),
        pytest.param(
            document(metadata={"resourceVersion": "1", "uid": "a", "managedFields": [1]}, status={"x": 1}),
            document(metadata={"resourceVersion": "2", "uid": "b"}), [], id="what every write changes",
        ),
        pytest.param(
            document(metadata={"annotations": {APPLIED: "v1:a", "a.b/c": "1"}}),
            document(metadata={"annotations": {APPLIED: "v1:b", "a.b/c": "2"}}),
            [("metadata.annotations[a.b/c]", "1", "2")], id="our own digest",
        ),
        pytest.param({}, document(data={"a": "1"}), [
            ("apiVersion", None, "v1"), ("data", None, {"a": "1"}), ("kind", None, "ConfigMap"), ("metadata.name", None, "web"),
        ], id="a new object"),
        pytest.param(
            document(**SECRET, data={"a": "MQ==", "b": "Mg=="}), document(**SECRET, data={"a": "Mw==", "b": "Mg==", "c": "NA=="}),
            [("data.a", "*** (before)", "*** (after)"), ("data.c", None, "***")], id="a Secret: that, not what",
        ),
    ],
)  # fmt: skip
def test_what_differs(old, new, changes):
    assert diff(old, new) == tuple(FieldChange(*change) for change in changes)


def test_the_documents_are_not_changed():
    old, new = document(data={"a": "1"}), document(data={"a": "2"})
    assert diff(old, new) == (FieldChange("data.a", "1", "2"),)
    assert (old, new) == (document(data={"a": "1"}), document(data={"a": "2"}))


LIVE = document(
    metadata={"labels": {"a.b/c": "x"}, "finalizers": ["x", "y"]},
    data={"8080": "port"},
    spec={"ports": [{"port": 53, "protocol": "UDP"}], "containers": [WEB], "replicas": 3},
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.replicas", 3),
        ("metadata.labels[a.b/c]", "x"),
        ("data.8080", "port"),
        ("spec.ports[0].port", 53),
        ("spec.ports[1]", None),
        ("spec.containers[name=web].image", "web:1"),
        ("spec.containers[name=api]", None),
        ("spec.ports[port=53,protocol=UDP].port", 53),
        ('metadata.finalizers["y"]', "y"),
        ('metadata.finalizers["z"]', None),
        ("spec.replicas.deeper", None),
        ("managedFields", None),
    ],
)
def test_a_value_is_found_by_its_printed_path(path, value):
    assert value_at(LIVE, path) == value
