"""Which applications a change touches: inputs that are files, directories, and paths that were looked for in vain."""

import time

import pytest

from reconciler.model.declared import Name
from reconciler.plan.affected import InputTrie

WEB, API = Name("trueup", "web"), Name("trueup", "api")


def trie(**inputs):
    made = InputTrie()
    for name, paths in inputs.items():
        made.put(Name("trueup", name), paths)
    return made


@pytest.mark.parametrize(
    ("paths", "changed", "touched"),
    [
        pytest.param(["web/a.yaml"], "web/a.yaml", True, id="a file it read"),
        pytest.param(["web/a.yaml"], "web/b.yaml", False, id="another file"),
        pytest.param(["web/a.yaml"], "web/a.yaml.orig", False, id="a longer name"),
        pytest.param(["web/"], "web/deep/b.yaml", True, id="in a directory it listed"),
        pytest.param(["web/"], "website/b.yaml", False, id="a directory with a longer name"),
        pytest.param(["web/"], "web", True, id="the directory became a file"),
        pytest.param(["web/kustomization.yml"], "web/kustomization.yml", True, id="a file that was missing appeared"),
        pytest.param(["base/"], "base/a.yaml", True, id="a directory that was missing appeared"),
        pytest.param(["web/a"], "web/a/b.yaml", True, id="a file became a directory"),
        pytest.param(["web/link/a.yaml"], "web/link", True, id="a link on the way changed"),
        pytest.param(["web/link/deep/"], "web/link", True, id="a link above a directory changed"),
        pytest.param([""], "anything", True, id="the top"),
        pytest.param(["/"], "any/thing", True, id="the top, written otherwise"),
        pytest.param([], "web/a.yaml", False, id="no input"),
    ],
)
def test_what_a_change_touches(paths, changed, touched):
    assert trie(web=paths).affected([changed]) == ({WEB} if touched else frozenset())


def test_each_application_is_found_by_its_own_inputs():
    found = trie(web=["web/", "base/a.yaml"], api=["api/", "base/a.yaml"])
    assert found.affected(["web/x"]) == {WEB}
    assert found.affected(["base/a.yaml"]) == {WEB, API}
    assert found.affected(["docs/x", "api/y"]) == {API}
    assert found.affected([]) == frozenset()


def test_new_inputs_replace_the_old_ones():
    found = trie(web=["web/"])
    found.put(WEB, ["new/"])
    assert found.affected(["web/x"]) == frozenset()
    assert found.affected(["new/x"]) == {WEB}


def test_an_application_is_forgotten_and_leaves_the_others():
    found = trie(web=["base/", "web/a/b"], api=["base/", "web/a"])
    found.remove(WEB)
    assert WEB not in found
    assert API in found
    assert found.affected(["base/x", "web/a/b"]) == {API}
    found.remove(WEB)


def test_nothing_is_left_of_applications_that_are_gone():
    found = trie(web=["base/", "web/a/b", "web/a/b", ""], api=["web/a"])
    found.remove(WEB)
    found.remove(API)
    assert found._root.is_empty


def test_ten_changes_among_ten_thousand_applications_are_found_at_once():
    found = InputTrie()
    for number in range(10_000):
        found.put(Name("trueup", f"app-{number}"), [f"apps/{number}/", f"values/{number}.yaml", "shared/tools.yaml"])
    changed = [f"apps/{number}/deployment.yaml" for number in range(0, 10_000, 1000)]
    seconds = []
    for _ in range(20):
        began = time.perf_counter()
        assert len(found.affected(changed)) == 10
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 0.001
