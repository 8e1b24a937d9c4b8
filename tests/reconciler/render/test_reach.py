"""What a build would read, and every way out of the tree that was found by trying: they are refused before Kustomize runs."""

import subprocess

import pytest

from reconciler.errors import InvalidManifest
from reconciler.render.reach import FIELDS, kustomization_in, reach_of

URL = "http://127.0.0.1:1/x.yaml"


def reach(tree, path="d"):
    return reach_of(tree, tree.root / path)


def test_everything_that_a_build_reads_is_known(plant):
    tree = plant({
        "over/kustomization.yaml": """
            resources: [../base, own.yaml]
            components: [../part]
            patches: [{path: patch.yaml}, {patch: "inline: true"}]
            configMapGenerator:
            - {name: a, files: [config.txt, key=other.txt], envs: [a.env], literals: [x=http://not.a/file]}
            secretGenerator: [{name: b, env: b.env}]
            replacements: [{path: replacement.yaml}, {source: {kind: A}}]
            openapi: {path: schema.json}
            crds: [crd.json]
            transformers: [transform.yaml]
            """,
        "base/kustomization.yml": "resources: [base.yaml]",
        "part/Kustomization": "kind: Component\npatchesStrategicMerge: [merge.yaml, 'kind: A', '{kind: B}']",
        "over/transform.yaml": "kind: PatchTransformer\nmetadata: {name: t}\npath: deep.yaml",
        **{f"over/{name}": "{}" for name in (
            "own.yaml", "patch.yaml", "config.txt", "other.txt", "a.env", "b.env", "replacement.yaml", "schema.json", "crd.json",
            "deep.yaml")},
        "base/base.yaml": "", "part/merge.yaml": "", "other/file.yaml": "",
    })  # fmt: skip
    found = reach(tree, "over")
    everything = {str(path.relative_to(tree.root)) for path in tree.root.rglob("*") if path.is_file()}
    assert found.read == everything - {"other/file.yaml"}
    assert found.probed == {
        "over/kustomization.yml", "over/Kustomization", "base/kustomization.yaml", "base/Kustomization",
        "part/kustomization.yaml", "part/kustomization.yml",
    }  # fmt: skip


def test_a_base_that_several_name_is_read_once_and_is_no_circle(plant):
    files = {f"d{level}/kustomization.yaml": f"resources: [../d{level + 1}, ../e{level + 1}]" for level in range(30)}
    files |= {f"e{level}/kustomization.yaml": f"resources: [../d{level + 1}, ../e{level + 1}]" for level in range(30)}
    tree = plant(files | {"d30/kustomization.yaml": "resources: []", "e30/kustomization.yaml": ""})
    with pytest.raises(InvalidManifest, match=r"e30/kustomization\.yaml: must be a mapping"):
        reach(tree, "d0")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("resources: [.]", r"^d: .* in a circle: d -> d$", id="itself"),
        pytest.param("resources: [../e]", r"in a circle: d -> e -> d$", id="each other"),
        pytest.param("resources: [again]", r"in a circle: d -> d$", id="itself through a link"),
        pytest.param(
            "resources: [no.yaml]", r"^d/kustomization.yaml: resources: 'no.yaml' is not in the repository", id="missing"
        ),
        pytest.param("resources: [../f]", r"^f: there is no kustomization.yaml in this directory", id="no kustomization"),
        pytest.param("Resources: [x]", r"Resources: is no field .* did you mean resources", id="case"),
        pytest.param("re\u017fources: [x]", r"is no field", id="case as Unicode folds it"),
        pytest.param("resource: [x]", r"did you mean resources", id="typing error"),
        pytest.param("- x", r"must be a mapping", id="a list"),
        pytest.param("resources: x", r"resources: must be a list of texts", id="text for a list"),
        pytest.param("resources: [y]", r"must be a list of texts; quote what is a number or `y`", id="a boolean"),
        pytest.param("a: 1\n---\nb: 1", r"line 3: a second document", id="two documents"),
        pytest.param("resources: []\nresources: []", r"line 2: key 'resources' stands twice", id="a field twice"),
        pytest.param("resources: [/etc/passwd]", r"'/etc/passwd' leaves the repository", id="absolute"),
        pytest.param("resources: [../../../etc]", r"leaves the repository", id="above the top"),
        pytest.param("resources: [file]", r"leaves the repository", id="link to a file outside"),
        pytest.param("resources: [directory]", r"leaves the repository", id="link to a directory outside"),
        pytest.param("configMapGenerator: [{files: [k=/etc/passwd]}]", r"leaves the repository", id="generator"),
        pytest.param("configMapGenerator: [{FILES: [k=/etc/passwd]}]", r"leaves the repository", id="generator, other case"),
        pytest.param("helmCharts: [{name: a}]", r"charts are not inflated here", id="helm"),
        pytest.param("helmGlobals: {configHome: x}", r"charts are not inflated here", id="helm's plugins"),
    ],
)
def test_what_cannot_be_built_is_named_with_file_and_entry(plant, text, message):
    others = {"d/again": "-> .", "d/file": "-> /etc/passwd", "d/directory": "-> /etc", "f/x.yaml": ""}
    tree = plant({"d/kustomization.yaml": text, "e/kustomization.yaml": "components: [../d]", **others})
    with pytest.raises(InvalidManifest, match=message):
        reach(tree)


PLUGIN = f"{{apiVersion: builtin, kind: ConfigMapGenerator, metadata: {{name: q}}, files: ['k={URL}']}}"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"resources: ['{URL}']", id="resources"),
        pytest.param(f"bases: ['{URL}']", id="bases"),
        pytest.param(f"components: ['{URL}']", id="components"),
        pytest.param(f"crds: ['{URL}']", id="crds"),
        pytest.param(f"configurations: ['{URL}']", id="configurations"),
        pytest.param(f"generators: ['{URL}']", id="generators"),
        pytest.param(f"transformers: ['{URL}']", id="transformers"),
        pytest.param(f"validators: ['{URL}']", id="validators"),
        pytest.param(f"patchesStrategicMerge: ['{URL}']", id="patchesStrategicMerge"),
        pytest.param(f"patches: [{{path: '{URL}'}}]", id="patches"),
        pytest.param(f"patches: [{{Path: '{URL}'}}]", id="patches, other case"),
        pytest.param(f"patchesJson6902: [{{path: '{URL}'}}]", id="patchesJson6902"),
        pytest.param(f"replacements: [{{path: '{URL}'}}]", id="replacements"),
        pytest.param(f"openapi: {{path: '{URL}'}}", id="openapi"),
        pytest.param(f"openapi: {{PATH: '{URL}'}}", id="openapi, other case"),
        pytest.param(f"configMapGenerator: [{{name: a, files: ['{URL}']}}]", id="files"),
        pytest.param(f"configMapGenerator: [{{name: a, files: ['k={URL}']}}]", id="files with a key"),
        pytest.param(f"configMapGenerator: [{{name: a, File\u017f: ['k={URL}']}}]", id="files as Unicode folds it"),
        pytest.param(f"configMapGenerator: [{{name: a, envs: ['{URL}']}}]", id="envs"),
        pytest.param(f"secretGenerator: [{{name: a, env: '{URL}'}}]", id="env"),
        pytest.param(f"generators:\n- |\n  {PLUGIN}\n", id="inline plugin"),
        pytest.param(f"generators:\n- >-\n  {PLUGIN}\n", id="inline plugin of one line"),
        pytest.param("generators: [plugin.yaml]", id="plugin in a file"),
        pytest.param("transformers: [plugins]", id="plugin in a directory"),
        pytest.param("resources: [HTTPS://x.example/y]", id="upper case"),
        pytest.param("resources: ['git::http://x.example/y']", id="git::"),
        pytest.param("resources: ['git@x.example:y/z']", id="scp"),
        pytest.param("resources: ['ssh://git@x.example/y']", id="ssh"),
        pytest.param("resources: ['gh:y/z']", id="gh"),
        pytest.param("resources: [github.com/y/z]", id="github.com"),
        pytest.param("resources: ['x/y?ref=--upload-pack=touch /tmp/z']", id="ref that is an option"),
    ],
)  # fmt: skip
def test_what_is_remote_is_refused_wherever_it_is_named(plant, text):
    tree = plant({
        "d/kustomization.yaml": text,
        "d/plugin.yaml": PLUGIN,
        "d/plugins/kustomization.yaml": "resources: [../plugin.yaml]",
    })  # fmt: skip
    with pytest.raises(InvalidManifest, match="is remote; copy it into the repository") as caught:
        reach(tree)
    assert caught.match(r"^d/(kustomization|plugin)\.yaml: ")


def test_an_address_that_is_only_text_is_no_file(plant):
    tree = plant({"d/kustomization.yaml": f"""
        commonAnnotations: {{see: "{URL}"}}
        configMapGenerator: [{{name: a, literals: ["url={URL}"], options: {{annotations: {{path: "{URL}"}}}}}}]
        patches: [{{patch: "url: {URL}"}}]
        """})  # fmt: skip
    assert reach(tree).read == {"d/kustomization.yaml"}


@pytest.mark.parametrize("name", ["kustomization.yaml", "kustomization.yml", "Kustomization"])
def test_a_kustomization_has_one_of_three_names(plant, name):
    tree = plant({f"d/{name}": ""})
    assert kustomization_in(tree.root / "d") == tree.root / "d" / name


def test_every_field_that_is_known_is_one_of_kustomize(kubectl, plant):
    tree = plant({"d/kustomization.yaml": "".join(f"{name}:\n" for name in FIELDS)})
    argv = [kubectl.path, "kustomize", str(tree.root / "d")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env={})
    assert "unknown field" not in done.stderr


def test_a_tower_of_bases_is_refused_with_its_height(plant):
    files = {f"b{n}/kustomization.yaml": f"resources: [../b{n + 1}]" for n in range(300)}
    tree = plant(files | {"b300/kustomization.yaml": "resources: []"})
    with pytest.raises(InvalidManifest, match=r"b100: more than 100 kustomizations one above the other"):
        reach_of(tree, tree.root / "b0")
    assert reach_of(tree, tree.root / "b250").read
