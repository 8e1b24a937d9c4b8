import pytest

from reconciler.errors import InvalidManifest
from reconciler.model.declared import Name, RenderOptions
from reconciler.render.plain import TOOL, render
from reconciler.render.result import LIMIT_OBJECTS, RenderRequest

FILES = {
    "app/b.yaml": "map:b",
    "app/a.yml": "map:a",
    "app/c.json": '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}',
    "app/sub/d.yaml": "map:d",
    "app/README.md": "map:not-yaml",
    "app/.hidden.yaml": "map:hidden",
    "app/.git/x.yaml": "map:git",
    "other/e.yaml": "map:e",
}


def names(tree, path="app", kubectl=None, **options):
    return [raw.document["metadata"]["name"] for raw in rendered(tree, path, kubectl, **options).documents]


def rendered(tree, path="app", kubectl=None, **options):
    return render(tree, RenderRequest(Name("t", "web"), path, RenderOptions(**options)), kubectl)


def test_every_file_beneath_is_read_in_the_order_of_names(plant):
    assert names(plant(FILES)) == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("include", "exclude", "found"),
    [
        pytest.param(("b.yaml",), (), ["b"], id="one file"),
        pytest.param(("*.yaml",), (), ["b", "d"], id="name in any directory"),
        pytest.param(("sub/*",), (), ["d"], id="path"),
        pytest.param((), ("sub/*", "*.json"), ["a", "b"], id="all but"),
        pytest.param(("*.yaml",), ("b*",), ["d"], id="exclude wins"),
        pytest.param(("README.md",), (), ["not-yaml"], id="any suffix, when asked for"),
        pytest.param(("nothing",), (), [], id="nothing"),
    ],
)
def test_globs_choose_files(plant, include, exclude, found):
    assert names(plant(FILES), include=include, exclude=exclude) == found


def test_a_change_anywhere_beneath_counts(plant):
    found = rendered(plant(FILES))
    assert (found.read, found.probed, found.tool) == ({"app/"}, frozenset(), TOOL)


def test_the_top_of_the_tree_can_be_rendered(plant):
    found = rendered(plant(FILES), path="")
    assert found.read == {"/"}
    assert len(found.documents) == 5


def test_a_link_within_the_tree_is_read_and_its_target_counts(plant):
    tree = plant({**FILES, "app/e.yaml": "-> ../other/e.yaml"})
    assert names(tree) == ["a", "b", "c", "e", "d"]
    assert rendered(tree).read == {"app/", "app/e.yaml", "other/e.yaml"}


def test_a_directory_that_is_a_link_depends_on_both(plant):
    tree = plant({**FILES, "current": "-> other"})
    assert names(tree, "current") == ["e"]
    assert rendered(tree, "current").read == {"current/", "other/"}


def test_a_link_to_a_directory_is_not_followed(plant):
    assert names(plant({**FILES, "app/link": "-> ../other", "app/loop": "-> ."})) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("target", ["/etc/hostname", "../../../../etc/hostname", "nowhere.yaml", "x.yaml"])
def test_a_link_that_leaves_the_tree_or_leads_nowhere_is_refused(plant, target):
    with pytest.raises(InvalidManifest, match=r"^app/x\.yaml: cannot be read|leaves the repository"):
        rendered(plant({"app/x.yaml": f"-> {target}"}))


def test_a_kustomization_beneath_is_built(plant, kubectl):
    tree = plant({
        **FILES,
        "app/k/kustomization.yaml": "resources: [../../base]\nnamePrefix: k-",
        "app/k/ignored.yaml": "map:ignored",
        "base/kustomization.yaml": "resources: [x.yaml]",
        "base/x.yaml": "map:x",
    })  # fmt: skip
    found = rendered(tree, kubectl=kubectl)
    assert [raw.document["metadata"]["name"] for raw in found.documents] == ["a", "b", "c", "k-x", "d"]
    assert {"app/", "base/x.yaml", "base/kustomization.yaml"} <= found.read
    assert found.tool == f"kustomize/{kubectl.version}+{TOOL}"


def test_a_kustomization_beneath_that_is_excluded_is_a_directory_like_any_other(plant):
    tree = plant({"app/k/kustomization.yaml": "resources: [x.yaml]", "app/k/x.yaml": "map:x"})
    assert names(tree, exclude=("kustomization.yaml",)) == ["x"]


def test_a_mistake_names_the_file_from_the_top_of_the_tree(plant):
    with pytest.raises(InvalidManifest, match=r"^app/sub/d\.yaml, line 1: "):
        rendered(plant({**FILES, "app/sub/d.yaml": "a: b: c"}))


def test_too_many_objects_are_refused(plant):
    text = "---\n".join(["kind: A\n"] * (LIMIT_OBJECTS + 1))
    with pytest.raises(InvalidManifest, match=r"^app: more than 10000 objects; split the application"):
        rendered(plant({"app/x.yaml": text}))


def test_a_file_that_is_too_large_is_not_read_to_its_end(plant):
    tree = plant(FILES)
    with (tree.root / "app/z.yaml").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(InvalidManifest, match=r"app/z\.yaml: 5\.0 MiB are too much for one file"):
        rendered(tree)
