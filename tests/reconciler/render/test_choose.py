import pytest

from reconciler.errors import InvalidManifest, PathMissing
from reconciler.model.declared import Name
from reconciler.render import choose
from reconciler.render.result import LIMIT_OBJECTS, RenderRequest


def rendered(tree, path, kubectl=None):
    return choose.render(tree, RenderRequest(Name("t", "web"), path), choose.Tools(kubectl))


@pytest.mark.parametrize("name", ["kustomization.yaml", "kustomization.yml", "Kustomization"])
def test_a_kustomization_is_built(plant, kubectl, name):
    tree = plant({f"d/{name}": "resources: [a.yaml]\nnamePrefix: x-", "d/a.yaml": "map:a"})
    assert choose.is_built(tree.root, RenderRequest(Name("t", "web"), "d"))
    assert rendered(tree, "d", kubectl).documents[0].document["metadata"]["name"] == "x-a"


def test_all_else_is_plain(plant):
    tree = plant({"d/a.yaml": "map:a", "d/kustomization.txt": ""})
    assert not choose.is_built(tree.root, RenderRequest(Name("t", "web"), "d"))
    assert rendered(tree, "d").documents[0].document["metadata"]["name"] == "a"


def test_an_empty_directory_is_no_mistake(plant):
    assert rendered(plant({"d/.gitkeep": ""}), "d").documents == ()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("e", r"^t/web: the directory 'e' is not in the commit; check spec\.sources\[\]\.git\.path"),
        ("d/a.yaml", r"^t/web: the directory 'd/a\.yaml' is a file, name its directory"),
        ("broken", "is not in the commit"),
    ],
)
def test_a_path_that_is_no_directory_is_missing(plant, path, message):
    with pytest.raises(PathMissing, match=message):
        rendered(plant({"d/a.yaml": "map:a", "broken": "-> nowhere"}), path)


@pytest.mark.parametrize("path", ["..", "out", "d/../../.."])
def test_a_path_that_leaves_the_tree_is_refused(plant, path):
    with pytest.raises(InvalidManifest, match="leaves the repository"):
        rendered(plant({"d/a.yaml": "map:a", "out": "-> /etc"}), path)


def test_a_build_may_have_as_many_objects_as_plain_files(plant, fake_kubectl):
    program = fake_kubectl(f"i=0; while [ $i -le {LIMIT_OBJECTS} ]; do echo 'kind: A'; echo '---'; i=$((i+1)); done")
    with pytest.raises(InvalidManifest, match=r"^d: more than 10000 objects"):
        rendered(plant({"d/kustomization.yaml": "resources: []"}), "d", choose.Kubectl(program, "1"))
