"""An Application's own options give what `kubectl kustomize` gives of the same, written as a kustomization beside the tree."""

import subprocess
from pathlib import Path

import orjson
import pytest
import yaml

from reconciler.errors import InvalidManifest, RenderFailed
from reconciler.model.declared import Name
from reconciler.model.rendering import (
    Image,
    KustomizeOptions,
    Labels,
    Patch,
    PatchTarget,
    RenderOptions,
    Replicas,
)
from reconciler.render.choose import Tools, render
from reconciler.render.overlay import kustomization
from reconciler.render.result import RenderRequest
from reconciler.yaml.documents import parse_documents

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {tier: front}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "nginx:1.0", envFrom: [{configMapRef: {name: settings}}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: "yes", b: "0644", c: "2001-12-14"}
---
apiVersion: v1
kind: Namespace
metadata: {name: old}
"""
COMPONENT = """
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
patches:
- patch: |
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: settings}
    data: {from: component}
"""

FILES = {
    "app/kustomization.yaml": "resources: [all.yaml]\nnamePrefix: base-\n",
    "app/all.yaml": DEPLOYMENT,
    "plain/all.yaml": DEPLOYMENT,
    "component/kustomization.yaml": COMPONENT.replace("name: settings", "name: base-settings"),
    "plain-component/kustomization.yaml": COMPONENT,
}

OPTIONS = {
    "prefix": KustomizeOptions(name_prefix="prod-"),
    "suffix": KustomizeOptions(name_suffix="-1"),
    "namespace": KustomizeOptions(namespace="shop"),
    "labels": KustomizeOptions(labels=(Labels((("a", "1"), ("b", "true"))),)),
    "labels everywhere": KustomizeOptions(labels=(Labels((("a", "1"),), include_selectors=True),)),
    "labels of templates": KustomizeOptions(labels=(Labels((("a", "1"),), include_templates=True),)),
    "annotations": KustomizeOptions(annotations=(("a", "no"), ("b", "2"))),
    "tag": KustomizeOptions(images=(Image("nginx", new_tag="2"),)),
    "image": KustomizeOptions(images=(Image("nginx", "mirror.example/nginx", digest=f"sha256:{'0' * 64}"),)),
    "replicas": KustomizeOptions(replicas=(Replicas("web", 3),)),
    "JSON patch": KustomizeOptions(
        patches=(Patch("- {op: add, path: /metadata/labels/z, value: q}", PatchTarget("apps", "v1", "Deployment", ".*web")),)
    ),
    "patch by label": KustomizeOptions(
        patches=(Patch("- {op: replace, path: /spec/replicas, value: 2}".replace("replace", "add"), PatchTarget(label_selector="tier=front")),)
    ),
    "strategic patch": KustomizeOptions(
        patches=(Patch("apiVersion: v1\nkind: Namespace\nmetadata: {name: old, labels: {a: b}}"),), name_suffix="-x"
    ),
}  # fmt: skip


def rendered(tree, path, options, kubectl):
    return render(tree, RenderRequest(Name("t", "web"), path, RenderOptions(kustomize=options)), Tools(kubectl))


def kubectl_says(tree, content, kubectl):
    directory = tree.root / "overlay"
    directory.mkdir()
    (directory / "kustomization.yaml").write_text(yaml.safe_dump(content))
    done = subprocess.run([kubectl.path, "kustomize", directory], capture_output=True, check=True, timeout=30)
    return [raw.document for raw in parse_documents(done.stdout, name="")]


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_over_a_kustomization(plant, kubectl, options):
    tree = plant(FILES)
    ours = rendered(tree, "app", options, kubectl)
    theirs = kubectl_says(tree, kustomization(options, ["../app"], []), kubectl)
    assert [raw.document for raw in ours.documents] == theirs
    assert ours.read == {"app/kustomization.yaml", "app/all.yaml"}
    assert ours.tool == f"kustomize/{kubectl.version}"


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_over_plain_yaml(plant, kubectl, options):
    tree = plant(FILES)
    ours = rendered(tree, "plain", options, kubectl)
    (tree.root / "quoted").mkdir()
    documents = [raw.document for raw in parse_documents(DEPLOYMENT.encode(), name="")]
    (tree.root / "quoted/all.yaml").write_bytes(b"\n---\n".join(map(orjson.dumps, documents)))
    (tree.root / "quoted/kustomization.yaml").write_text("resources: [all.yaml]")
    assert [raw.document for raw in ours.documents] == kubectl_says(tree, kustomization(options, ["../quoted"], []), kubectl)
    assert (ours.read, ours.tool) == ({"plain/"}, f"yaml/2+kustomize/{kubectl.version}")


@pytest.mark.parametrize(
    ("path", "component"),
    [("app", "../component"), ("app", "/component"), ("plain", "/plain-component"), ("plain", "../plain-component")],
)
def test_a_component_is_found_and_counts(plant, kubectl, path, component):
    found = rendered(plant(FILES), path, KustomizeOptions(components=(component,), namespace="shop"), kubectl)
    data = next(raw.document["data"] for raw in found.documents if raw.document["kind"] == "ConfigMap")
    assert data == {"a": "yes", "b": "0644", "c": "2001-12-14", "from": "component"}
    place = component.lstrip("./")
    assert f"{place}/kustomization.yaml" in found.read
    assert f"{place}/kustomization.yml" in found.probed


@pytest.mark.parametrize("component", ["../../etc", "/../etc", "../nowhere", "../out"])
@pytest.mark.parametrize("path", ["app", "plain"])
def test_a_component_must_be_in_the_tree(plant, kubectl, path, component):
    tree = plant({**FILES, "out": "-> /etc"})
    with pytest.raises(
        InvalidManifest, match=r"Application: render\.kustomize\.components: '.*' (leaves|is not in) the repository"
    ):
        rendered(tree, path, KustomizeOptions(components=(component,)), kubectl)


def test_what_kustomize_says_of_an_overlay_has_no_path_of_the_machine(plant, kubectl):
    options = KustomizeOptions(patches=(Patch("- {op: remove, path: /nothing}", PatchTarget(kind="ConfigMap")),))
    tree = plant(FILES)
    for path in ("app", "plain"):
        with pytest.raises(RenderFailed, match=r"^spec\.render\.kustomize: kustomize: .*nonexistent key") as caught:
            rendered(tree, path, options, kubectl)
        assert str(tree.root) not in str(caught.value)
        assert "trueup-kustomize" not in str(caught.value)


def test_nothing_stays_beside_the_tree(plant, kubectl):
    tree = plant(FILES)
    before = sorted(Path(tree.root).rglob("*"))
    rendered(tree, "app", KustomizeOptions(name_prefix="a-"), kubectl)
    assert sorted(Path(tree.root).rglob("*")) == before


def test_an_empty_directory_stays_empty(plant, kubectl):
    tree = plant({"plain/README.md": "x"})
    assert rendered(tree, "plain", KustomizeOptions(name_prefix="a-"), kubectl).documents == ()
