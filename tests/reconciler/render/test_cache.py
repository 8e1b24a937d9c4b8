"""The file of renders: what a name is made of, what is never kept, and that it stays within its size and may break."""

import os
import sqlite3
from dataclasses import replace

import pytest

from reconciler.model.declared import Name
from reconciler.model.objects import RawDocument
from reconciler.model.rendering import HelmOptions, Reference, RenderOptions, Substitution
from reconciler.render.cache import FILE, RenderCache, Scope, may_keep, name_of, scope_of, tools_now
from reconciler.render.result import Data, Given, Rendered, RenderRequest

REQUEST = RenderRequest(Name("t", "web"), "apps/web")
ONE = Rendered((RawDocument({"kind": "ConfigMap"}, "a.yaml, line 1"),), frozenset({"apps/web/"}), frozenset({"x"}), "yaml/1")
TREE, TOOLS = "a" * 40, b"t" * 32


@pytest.fixture
def cache(tmp_path):
    made = RenderCache(tmp_path, 1024 * 1024)
    yield made
    made.close()


def test_what_is_kept_is_found_again_by_another_worker(cache, tmp_path):
    cache.keep({"name": (REQUEST, ONE)})
    other = RenderCache(tmp_path, 1024 * 1024)
    assert other.find(["name", "unknown"]) == {"name": ONE}
    assert other.find(str(number) for number in range(2000)) == {}
    other.close()


@pytest.mark.parametrize(
    ("request_", "tree", "scope", "tools", "knows"),
    [
        pytest.param(replace(REQUEST, application=Name("t", "other")), TREE, Scope.DIRECTORY, TOOLS, False, id="application"),
        pytest.param(replace(REQUEST, path="apps/other"), TREE, Scope.DIRECTORY, TOOLS, False, id="path"),
        pytest.param(
            replace(REQUEST, options=RenderOptions(recursive=False)), TREE, Scope.DIRECTORY, TOOLS, False, id="options"
        ),
        pytest.param(replace(REQUEST, given=Given("n")), TREE, Scope.DIRECTORY, TOOLS, False, id="namespace"),
        pytest.param(replace(REQUEST, given=Given(kube_version="v1.37.0")), TREE, Scope.DIRECTORY, TOOLS, False, id="version"),
        pytest.param(replace(REQUEST, given=Given(api_versions=("v1",))), TREE, Scope.DIRECTORY, TOOLS, False, id="APIs"),
        pytest.param(
            replace(REQUEST, given=Given(data=(Data("ConfigMap", "a", (("k", "v"),)),))),
            TREE, Scope.DIRECTORY, TOOLS, False, id="a ConfigMap",
        ),
        pytest.param(REQUEST, "b" * 40, Scope.DIRECTORY, TOOLS, False, id="tree"),
        pytest.param(REQUEST, TREE, Scope.COMMIT, TOOLS, False, id="which tree"),
        pytest.param(REQUEST, TREE, Scope.DIRECTORY, b"u" * 32, False, id="tools"),
        pytest.param(REQUEST, TREE, Scope.DIRECTORY, TOOLS, True, id="whether the destination is known"),
    ],
)  # fmt: skip
def test_whatever_differs_is_in_the_name(request_, tree, scope, tools, knows):
    usual = name_of(REQUEST, TREE, Scope.DIRECTORY, TOOLS, knows_destination=False)
    assert usual == name_of(REQUEST, TREE, Scope.DIRECTORY, TOOLS, knows_destination=False)
    assert name_of(request_, tree, scope, tools, knows_destination=knows) != usual


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param(RenderOptions(), True, id="plain"),
        pytest.param(RenderOptions(decrypt_secret="age"), False, id="decrypted by SOPS"),
        pytest.param(RenderOptions(helm=HelmOptions(values_from=(Reference("Secret", "v"),))), False, id="values from a Secret"),
        pytest.param(RenderOptions(helm=HelmOptions(values_from=(Reference("ConfigMap", "v"),))), True, id="from a ConfigMap"),
        pytest.param(RenderOptions(substitute=Substitution((), (Reference("Secret", "v"),))), False, id="variables of a Secret"),
        pytest.param(RenderOptions(helm=HelmOptions(allow_changing=True)), False, id="another one at each rendering"),
    ],
)
def test_what_secrets_went_into_is_not_kept(options, expected):
    assert may_keep(replace(REQUEST, options=options)) is expected


@pytest.mark.parametrize(
    ("read", "probed", "expected"),
    [
        pytest.param({"apps/web", "apps/web/a.yaml"}, {"apps/web/kustomization.yaml"}, Scope.DIRECTORY, id="stays beneath"),
        pytest.param({"apps/web/", "base/"}, set(), Scope.COMMIT, id="read elsewhere"),
        pytest.param({"apps/web/"}, {"vendor/x"}, Scope.COMMIT, id="looked elsewhere"),
        pytest.param({"apps/web2/a.yaml"}, set(), Scope.COMMIT, id="a neighbour with a longer name"),
    ],
)
def test_a_render_that_left_its_directory_depends_on_the_commit(read, probed, expected):
    assert scope_of(Rendered((), frozenset(read), frozenset(probed), ""), "apps/web") is expected


def test_the_file_stays_within_its_size_and_forgets_what_is_oldest(tmp_path):
    cache = RenderCache(tmp_path, 100_000)
    big = replace(ONE, documents=(RawDocument({"text": "x" * 10_000}, ""),))
    for number in range(50):
        cache.keep({str(number): (REQUEST, big)})
        found = cache.find(str(one) for one in range(50))
        assert str(number) in found
        assert len(found) <= 10
    cache.keep({"huge": (REQUEST, replace(ONE, documents=(RawDocument({"text": "x" * 90_000}, ""),)))})
    assert not cache.find(["huge"])
    cache.close()
    assert (tmp_path / FILE).stat().st_size < 200_000


def test_only_its_owner_may_read_the_file(cache, tmp_path):
    cache.keep({"name": (REQUEST, ONE)})
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}


def test_a_broken_file_is_begun_anew(tmp_path):
    (tmp_path / FILE).write_bytes(b"no database" * 1000)
    cache = RenderCache(tmp_path, 1024 * 1024)
    assert cache.find(["name"]) == {}
    cache.keep({"name": (REQUEST, ONE)})
    assert cache.find(["name"]) == {"name": ONE}
    cache.close()


def test_a_file_that_another_worker_holds_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("reconciler.render.cache.BUSY_SECONDS", 0.01)
    cache = RenderCache(tmp_path, 1024 * 1024)
    cache.keep({"name": (REQUEST, ONE)})
    with sqlite3.connect(tmp_path / FILE) as held:
        held.execute("BEGIN EXCLUSIVE")
        cache.keep({"other": (REQUEST, ONE)})
    held.close()
    assert cache.find(["name", "other"]) == {"name": ONE}
    cache.close()


def test_a_directory_that_cannot_be_written_costs_only_the_cache(tmp_path):
    (tmp_path / "file").write_text("")
    cache = RenderCache(tmp_path / "file", 1024)
    cache.keep({"name": (REQUEST, ONE)})
    assert cache.find(["name"]) == {}
    cache.close()


def test_another_program_has_another_name(tmp_path):
    program = tmp_path / "helm"
    program.write_text("one")
    before = tools_now(program)
    assert before == tools_now(program)
    program.write_text("two")
    os.utime(program, (1, 1))
    assert len({before, tools_now(program), tools_now(tmp_path / "missing")}) == 3
