import pytest

from reconciler.errors import InvalidManifest
from reconciler.render.tree import join


def test_a_path_is_named_from_the_top(plant):
    tree = plant({"a/b.yaml": ""})
    assert tree.name(tree.root / "a/b.yaml") == "a/b.yaml"
    assert tree.name(tree.root) == ""


def test_a_link_depends_on_itself_and_on_where_it_leads(plant):
    tree = plant({"a/b.yaml": "", "c/d.yaml": "-> ../a/b.yaml", "e": "-> a"})
    assert tree.names(tree.root / "c/d.yaml") == {"c/d.yaml", "a/b.yaml"}
    assert tree.names(tree.root / "e/b.yaml") == {"e/b.yaml", "a/b.yaml"}
    assert tree.names(tree.root / "c/../a") == {"a"}


@pytest.mark.parametrize("path", ["..", "a/../../x", "/etc/passwd", "out", "out/passwd", "chain"])
def test_what_leaves_the_tree_is_refused(plant, path):
    tree = plant({"a": "", "out": "-> /etc", "chain": "-> out"})
    with pytest.raises(InvalidManifest, match="leaves the repository"):
        tree.names(tree.root / path)


def test_join():
    assert (join("", "a"), join("a/b", "c")) == ("a", "a/b/c")
