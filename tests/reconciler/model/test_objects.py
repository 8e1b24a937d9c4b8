"""What Kubernetes objects are called, and what metadata says of a live one."""

import pytest

from reconciler.model.objects import Kind, Kinds, LiveMetadata, Manifest, ObjectKey, format_path

DEPLOYMENT = Kind("apps", "v1", "Deployment", "deployments", namespaced=True, has_status=True)
NODE = Kind("", "v1", "Node", "nodes", namespaced=False)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("spec", "replicas"), "spec.replicas"),
        (("spec", "ports", 0, "nodePort"), "spec.ports[0].nodePort"),
        (("containers", "[name=web]", "image"), "containers[name=web].image"),
        (("metadata", "labels", "app.kubernetes.io/name"), "metadata.labels[app.kubernetes.io/name]"),
        (("data", "a.b"), "data[a.b]"),
        (("a/b",), "[a/b]"),
    ],
)
def test_paths_as_people_write_them(path, text):
    assert format_path(path) == text


@pytest.mark.parametrize(
    ("key", "identity", "text"),
    [
        (ObjectKey("apps", "Deployment", "shop", "web"), "apps/Deployment:shop/web", "shop/Deployment/web"),
        (ObjectKey("", "Namespace", "", "shop"), "/Namespace:/shop", "Namespace/shop"),
        (ObjectKey("", "ConfigMap", "shop", "a.b"), "/ConfigMap:shop/a.b", "shop/ConfigMap/a.b"),
        (ObjectKey("networking.k8s.io", "Ingress", "s", "w"), "networking.k8s.io/Ingress:s/w", "s/Ingress/w"),
        (
            ObjectKey("cert-manager.io", "Certificate", "s", "w"),
            "cert-manager.io/Certificate:s/w",
            "s/Certificate.cert-manager.io/w",
        ),
        (
            ObjectKey("rbac.authorization.k8s.io", "ClusterRole", "", "a:b"),
            "rbac.authorization.k8s.io/ClusterRole:/a:b",
            "ClusterRole/a:b",
        ),
    ],
)
def test_an_identity_reads_back(key, identity, text):
    assert (key.identity, str(key)) == (identity, text)
    assert ObjectKey.parse(identity) == key


@pytest.mark.parametrize(
    "text", ["", "Deployment:shop/web", "apps/Deployment", "apps/:shop/web", "apps/Deployment:web", "apps/Deployment:shop/"]
)
def test_what_is_no_identity_is_refused(text):
    with pytest.raises(ValueError, match="not an object identity"):
        ObjectKey.parse(text)


@pytest.mark.parametrize(
    ("document", "key"),
    [
        (
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}},
            ("apps", "Deployment", "shop", "web"),
        ),
        ({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}, ("", "Namespace", "", "shop")),
        ({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": None}}, ("", "ConfigMap", "", "a")),
    ],
)
def test_the_key_of_a_document_has_no_version(document, key):
    assert ObjectKey.of(document) == ObjectKey(*key)


@pytest.mark.parametrize(
    ("kind", "arguments", "path"),
    [
        (DEPLOYMENT, (), "/apis/apps/v1/deployments"),
        (DEPLOYMENT, ("shop",), "/apis/apps/v1/namespaces/shop/deployments"),
        (DEPLOYMENT, ("shop", "web"), "/apis/apps/v1/namespaces/shop/deployments/web"),
        (DEPLOYMENT, ("shop", "web", "status"), "/apis/apps/v1/namespaces/shop/deployments/web/status"),
        (NODE, (), "/api/v1/nodes"),
        (NODE, ("ignored", "n1"), "/api/v1/nodes/n1"),
    ],
)
def test_where_a_kind_is_served(kind, arguments, path):
    assert kind.path(*arguments) == path
    assert kind.api_version == ("apps/v1" if kind is DEPLOYMENT else "v1")


def test_the_preferred_version_is_the_first():
    beta = Kind("apps", "v1beta1", "Deployment", "deployments", namespaced=True)
    kinds = Kinds([DEPLOYMENT, beta, NODE], version="v1.37.1")
    assert list(kinds) == [DEPLOYMENT, NODE]
    assert kinds.find("apps", "Deployment") is DEPLOYMENT
    assert kinds.find("apps", "Deployment", "v1beta1") is beta
    assert kinds.find("apps", "Deployment", "v2") is None
    assert kinds.find("", "Deployment") is None
    assert kinds.api_versions == ("apps/v1", "apps/v1/Deployment", "v1", "v1/Node")
    assert (kinds.is_complete, kinds.version) == (True, "v1.37.1")
    assert not Kinds([], failed=["metrics.k8s.io"]).is_complete


def test_a_manifest_shows_its_document():
    manifest = Manifest(ObjectKey("apps", "Deployment", "s", "w"), "apps/v1", b'{"metadata":{"annotations":{"a":"b"}}}', "v1:x")
    assert (manifest.version, manifest.annotations, manifest.document) == (
        "v1",
        {"a": "b"},
        {"metadata": {"annotations": {"a": "b"}}},
    )
    assert Manifest(manifest.key, "v1", b'{"metadata":{}}', "v1:x").annotations == {}


def test_live_metadata_is_read_whole():
    metadata = {
        "name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "7", "generation": 3, "deletionTimestamp": "t",
        "finalizers": ["f"], "labels": {"l": "1"}, "annotations": {"a": "1"}, "ownerReferences": [{"uid": "o"}],
        "managedFields": [
            {"manager": "m", "operation": "Apply", "subresource": "status", "apiVersion": "apps/v1", "time": "t", "fieldsV1": {"f:a": {}}}
        ],
    }  # fmt: skip
    live = LiveMetadata.of({"metadata": metadata}, DEPLOYMENT)
    assert live.key == ObjectKey("apps", "Deployment", "shop", "web")
    assert (live.uid, live.resource_version, live.generation, live.deleting) == ("u", "7", 3, True)
    assert (live.finalizers, live.labels, live.annotations, live.owners) == (("f",), {"l": "1"}, {"a": "1"}, ("o",))
    (entry,) = live.managers
    assert (entry.manager, entry.operation, entry.subresource, entry.time, entry.fields) == (
        "m",
        "Apply",
        "status",
        "t",
        {"f:a": {}},
    )


def test_live_metadata_may_say_almost_nothing():
    live = LiveMetadata.of({"metadata": {"name": "n1", "managedFields": [{}], "labels": None}}, NODE)
    assert (live.key, live.uid, live.generation, live.deleting) == (ObjectKey("", "Node", "", "n1"), "", 0, False)
    assert (live.labels, live.managers[0].manager, live.managers[0].fields) == ({}, "", {})
