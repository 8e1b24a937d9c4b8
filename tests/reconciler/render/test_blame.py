"""Which file and line is wrong, by what Kustomize and Helm said when they were run on such trees."""

import pytest

from reconciler.errors import InvalidManifest, RenderFailed, mend_of
from reconciler.render.blame import MENDS, helm_error, kustomize_error, kustomize_file

OBJECT = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
FROM = "accumulating resources: accumulating resources from 'a.yaml': "
TWICE = 'map[string]interface {}(nil): yaml: unmarshal errors:\n  line 4: mapping key "kind" already defined at line 2'
ERR = "accumulating resources: accumulation err='"
NO_DIRECTORY = "': must build at directory: 'app/a.yaml': file is not directory"
IN_BASE = (
    f"{ERR}accumulating resources from 'base': 'app/base' must resolve to a file': recursed accumulation of path 'app/base': "
)
PATCH = "trouble configuring builtin PatchTransformer with config: `\npath: p.yaml\n`: "


@pytest.mark.parametrize(
    ("said", "file"),
    [
        pytest.param(
            f"{FROM}MalformedYAMLError: yaml: line 4: did not find expected key in File: a.yaml", "app/a.yaml", id="YAML"
        ),
        pytest.param(f"{IN_BASE}{FROM}MalformedYAMLError: yaml: no in File: a.yaml", "app/base/a.yaml", id="YAML of a base"),
        pytest.param(
            f"{ERR}accumulating resources from 'a.yaml': missing kind in object {{}}{NO_DIRECTORY}", "app/a.yaml", id="no kind"
        ),
        pytest.param(
            f"{ERR}merging resources from '../b.yaml': may not add resource with an already registered id: x",
            "b.yaml",
            id="twice",
        ),
        pytest.param(f'{PATCH}unable to parse SM or JSON patch from [path: "p.yaml"]', "app/p.yaml", id="patch"),
        pytest.param("paths:\n- p.yaml\n`: MalformedYAMLError: yaml: line 1: no in File: p.yaml", "app/p.yaml", id="strategic"),
        pytest.param("nothing selected by Foo.[noVer].[noGrp]/x.[noNs]", "", id="no file"),
        pytest.param(
            "replace operation does not apply: doc is missing path: /data/x/y: missing value", "", id="no file of a patch"
        ),
        pytest.param("", "", id="nothing"),
    ],
)
def test_the_file_that_kustomize_means(said, file):
    assert kustomize_file(said, "app") == file


@pytest.mark.parametrize(
    ("said", "mend"),
    [
        pytest.param(
            'no resource matches strategic merge patch "x": no matches for Id x',
            "kind, name and namespace in a patch",
            id="patch",
        ),
        pytest.param("may not add resource with an already registered id: x", "list one of them, or rename it", id="twice"),
        pytest.param("replace operation does not apply: doc is missing path: /spec/x", "or say op: add", id="path"),
        pytest.param("found in Chart.yaml, but missing in charts/ directory: x", "run `helm dependency update`", id="dependency"),
        pytest.param("nil pointer evaluating interface {}.b", "ask for it by `with` or `default`", id="nil"),
        pytest.param('function "foo" not defined', "is called by include", id="function"),
        pytest.param('no template "x" associated with template "gotpl"', "mind its name", id="template"),
        pytest.param("values don't meet the specifications of the schema(s)", "spec.render.helm.values", id="schema"),
    ],
)
def test_what_a_person_does_about_it(said, mend):
    assert mend in mend_of(said, MENDS)
    assert not mend_of("execution error at (app/templates/cm.yaml:5:8): need x", MENDS)


@pytest.mark.parametrize(
    ("text", "said", "kind", "told"),
    [
        pytest.param(
            f"{OBJECT}---\nfoo: [\n",
            f"{FROM}MalformedYAMLError: yaml: line 1: no in File: a.yaml",
            InvalidManifest,
            r"^app/a.yaml, line 6: did not find expected node content",
            id="a line counted from the file's beginning",
        ),
        pytest.param(
            f"{OBJECT}kind: Secret\n",
            TWICE,
            InvalidManifest,
            r"^app/a.yaml, line 4: key 'kind' stands twice",
            id="a key twice, without the file's name",
        ),
        pytest.param(
            f"{OBJECT}---\napiVersion: v1\nmetadata: {{name: b}}\n",
            f"{ERR}accumulating resources from 'a.yaml': missing kind in object {{}}{NO_DIRECTORY}",
            RenderFailed,
            r"^app: kustomize: app/a.yaml, line 5: accumulating resources: .* missing kind in object",
            id="a document without a kind",
        ),
        pytest.param(
            "apiVersion: v1\nkind: ConfigMap\n",
            f"{ERR}accumulating resources from 'a.yaml': missing metadata.name in object {{}}{NO_DIRECTORY}",
            RenderFailed,
            r"^app: kustomize: app/a.yaml, line 1: .* missing metadata.name in object",
            id="a document without a name",
        ),
        pytest.param(
            OBJECT,
            f"{ERR}merging resources from 'a.yaml': may not add resource with an already registered id: x{NO_DIRECTORY}",
            RenderFailed,
            r"^app: kustomize: app/a.yaml, line 1: .*already registered",
            id="an object twice",
        ),
        pytest.param(OBJECT, "nothing selected by Foo", RenderFailed, r"^app: kustomize: nothing selected by Foo$", id="no file"),
        pytest.param(
            OBJECT,
            f"{FROM}MalformedYAMLError: no in File: ../../etc/passwd",
            RenderFailed,
            r"^app: kustomize: accumulating",
            id="not read",
        ),
    ],
)
def test_what_is_wrong_with_a_build(plant, text, said, kind, told):
    tree = plant({"app/a.yaml": text, "app/kustomization.yaml": "resources: [a.yaml]\n"})
    error = kustomize_error(tree, "app", said, {"app/a.yaml", "app/kustomization.yaml"})
    assert type(error) is kind
    with pytest.raises(kind, match=f"(?s){told}"):
        raise error


@pytest.mark.parametrize(
    ("where", "said", "kind", "told"),
    [
        pytest.param(
            "app",
            "cannot load values.yaml: cannot unmarshal yaml document: yaml: line 2: did not find expected node content",
            InvalidManifest,
            r"^app/values.yaml, line 3: did not find",
            id="values",
        ),
        pytest.param(
            "app",
            "cannot load Chart.yaml: error converting YAML to JSON: yaml: line 3: no",
            RenderFailed,
            r"^app: helm: cannot load Chart.yaml",
            id="a chart that is YAML",
        ),
        pytest.param(
            ".",
            "validation: chart.metadata.version is required",
            RenderFailed,
            r"^\.: helm: Chart.yaml, line 1: chart.metadata.version is required$",
            id="a chart at the top that lacks its version",
        ),
        pytest.param(
            "app",
            "YAML parse error on app/templates/cm.yaml: error converting YAML to JSON: yaml: line 6: did not find",
            RenderFailed,
            r"^app: helm: app/templates/cm.yaml, line 1: what it renders is no YAML: .* line 6: did not find; `helm template` shows the lines",
            id="what a template renders",
        ),
        pytest.param(
            "app",
            "execution error at (app/templates/cm.yaml:5:8): need x",
            RenderFailed,
            r"^app: helm: execution error at \(app/templates/cm.yaml:5:8\)",
            id="a template",
        ),
    ],
)
def test_what_is_wrong_with_a_chart(plant, where, said, kind, told):
    tree = plant({"app/Chart.yaml": "apiVersion: v2\nname: shop\n", "app/values.yaml": "a: 1\nb: [\n"})
    with pytest.raises(kind, match=told):
        raise helm_error(tree, where, said)
