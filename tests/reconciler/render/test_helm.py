"""The real Helm: what it templates is what `helm template` prints, and what it may not do is refused before."""

import re
import subprocess

import orjson
import pytest

from reconciler.errors import InvalidManifest, RenderFailed
from reconciler.model.declared import Name
from reconciler.model.rendering import HelmOptions, KustomizeOptions, Reference, RenderOptions, Substitution
from reconciler.render.choose import Tools, render
from reconciler.render.helm import Helm, ask_version
from reconciler.render.result import Data, Given, RenderRequest
from reconciler.yaml.documents import parse_documents
from tests.tools.build import find

pytestmark = pytest.mark.tool("helm")

CHART = {
    "c/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.2.3\n",
    "c/values.yaml": "image: {repository: nginx, tag: '1'}\nsize: 1\nlist: [a]\n",
    "c/crds/d.yaml": "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a.b.c}\n",
    "c/templates/_helpers.tpl": '{{ define "name" }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}',
    "c/templates/a.yaml": """
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ include "name" . }}, namespace: {{ .Release.Namespace }}}
data:
  image: {{ .Values.image.repository }}:{{ .Values.image.tag }}
  size: {{ .Values.size | quote }}
  version: {{ .Capabilities.KubeVersion.Version }}
  monitors: {{ .Capabilities.APIVersions.Has "monitoring.coreos.com/v1/ServiceMonitor" | quote }}
  found: {{ lookup "v1" "Secret" "x" "y" | len | quote }}
""",
    "c/templates/job.yaml": "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j, annotations: {helm.sh/hook: pre-install}}\n",
    "c/templates/tests/t.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: t, annotations: {helm.sh/hook: test}}\n",
    "c/templates/NOTES.txt": "hello",
    "c/more.yaml": "size: 2\n",
    "env/prod.yaml": "size: 3\nimage: {tag: prod}\n",
}
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: b}\nspec: {containers: [{name: a, image: '${I}'}]}"
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: {{ %s | quote }}}\n"
GIVEN = Given(
    "web", "v1.31.4", ("monitoring.coreos.com/v1", "monitoring.coreos.com/v1/ServiceMonitor"),
    (Data("ConfigMap", "more", (("values.yaml", "size: 4"), ("tag", "77\n"))), Data("Secret", "s", (("k", "size: 5"),))),
)  # fmt: skip


@pytest.fixture(scope="module")
def helm() -> Helm:
    found = ask_version(find("helm") or "")
    assert found is not None
    return found


def rendered(tree, helm, kubectl=None, given=GIVEN, **options):
    helm_options = HelmOptions(**options) if options else None
    return render(tree, RenderRequest(Name("t", "web"), "c", RenderOptions(helm=helm_options), given), Tools(kubectl, helm))


def data(found):
    return next(raw.document["data"] for raw in found.documents if raw.document["kind"] == "ConfigMap")


def test_it_is_what_helm_itself_prints(plant, helm):
    tree = plant(CHART)
    found = rendered(tree, helm)
    argv = [
        helm.path,
        "template",
        "web",
        tree.root / "c",
        "-n",
        "web",
        "--include-crds",
        "--skip-tests",
        "--kube-version",
        "v1.31.4",
    ]
    argv += ["-a", "monitoring.coreos.com/v1/ServiceMonitor"]
    done = subprocess.run(argv, capture_output=True, check=True, env={"HOME": "/nonexistent"}, timeout=30)
    assert [raw.document for raw in found.documents] == [raw.document for raw in parse_documents(done.stdout, name="")]
    assert [raw.document["kind"] for raw in found.documents] == ["CustomResourceDefinition", "ConfigMap", "Job"]
    assert data(found) == {"image": "nginx:1", "size": "1", "version": "v1.31.4", "monitors": "true", "found": "0"}
    assert (found.read, found.probed, found.tool) == ({"c/"}, frozenset(), f"helm/{helm.version}")
    assert found.documents[1].source.startswith("c/templates/a.yaml (rendered by helm), line ")


VALUES_FROM = (Reference("ConfigMap", "more"), Reference("Secret", "s", "k"))


@pytest.mark.parametrize(
    ("options", "size", "tag"),
    [
        pytest.param({"values_files": ("more.yaml",)}, "2", "1", id="a file of the chart"),
        pytest.param({"values_files": ("more.yaml", "../env/prod.yaml")}, "3", "prod", id="the last file wins"),
        pytest.param({"values_files": ("/env/prod.yaml", "more.yaml")}, "2", "prod", id="from the top"),
        pytest.param({"values_files": ("more.yaml",), "values_from": VALUES_FROM}, "5", "1", id="references win over files"),
        pytest.param({"values_from": VALUES_FROM, "values": '{"size": 6}'}, "6", "1", id="what is written wins"),
        pytest.param({"values_from": (Reference("ConfigMap", "more", "tag", "image.tag"),)}, "1", "77", id="one value"),
        pytest.param({"values_from": (Reference("ConfigMap", "none", optional=True),)}, "1", "1", id="it may be missing"),
    ],
)
def test_values(plant, helm, options, size, tag):
    found = data(rendered(plant(CHART), helm, **options))
    assert (found["size"], found["image"]) == (size, f"nginx:{tag}")


def test_a_file_of_values_counts_and_one_that_is_missing_too(plant, helm):
    found = rendered(plant(CHART), helm, values_files=("../env/prod.yaml", "../env/x.yaml"), ignore_missing_values_files=True)
    assert (found.read, found.probed) == ({"c/", "env/prod.yaml"}, {"env/x.yaml"})


def test_name_versions_and_definitions(plant, helm):
    found = rendered(plant(CHART), helm, release_name="r", kube_version="1.30.0", api_versions=("a/v1",), skip_crds=True)
    assert [raw.document["kind"] for raw in found.documents] == ["ConfigMap", "Job"]
    assert found.documents[0].document["metadata"]["name"] == "r-shop"
    assert data(found)["version"] == "v1.30.0"


def test_an_overlay_and_variables_come_after_it(plant, helm, kubectl):
    tree = plant({**CHART, "c/templates/b.yaml": POD})
    overlay = KustomizeOptions(name_prefix="x-")
    options = RenderOptions(kustomize=overlay, substitute=Substitution((("I", "busybox"),)))
    found = render(tree, RenderRequest(Name("t", "web"), "c", options, GIVEN), Tools(kubectl, helm))
    pod = next(raw.document for raw in found.documents if raw.document["kind"] == "Pod")
    assert (pod["metadata"]["name"], pod["spec"]["containers"][0]["image"]) == ("x-b", "busybox")


@pytest.mark.parametrize(
    "function", ["randAlphaNum 8", "uuidv4", 'genCA "a" 1 | toString', 'now | date "05"', 'htpasswd "a" "b"']
)
def test_what_never_settles_is_explained(plant, helm, function):
    message = (
        rf"^c/templates/s\.yaml: Secret s: stringData\.a is .* c/templates/s\.yaml calls {function.split()[0]}, .*allowChanging"
    )
    with pytest.raises(RenderFailed, match=message):
        rendered(plant({**CHART, "c/templates/s.yaml": SECRET % function}), helm)
    assert len(rendered(plant({}), helm, allow_changing=True).documents) == 4


def test_a_random_function_that_is_not_called_stands_in_nobodys_way(plant, helm):
    files = {**CHART, "c/templates/s.yaml": "{{ if .Values.never }}{{ uuidv4 }}{{ end }}"}
    assert len(rendered(plant(files), helm).documents) == 3


def test_an_error_in_a_chart_within_the_chart_names_its_file(plant, helm):
    sub = {"c/charts/sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.0.0\n"}
    with pytest.raises(RenderFailed, match=r"^c: helm: .*c/charts/sub/templates/x.yaml:1:"):
        rendered(plant({**CHART, **sub, "c/charts/sub/templates/x.yaml": "a: {{ .Values.no.such }}\n"}), helm)


@pytest.mark.parametrize("place", ["c/pw", "c/templates/x.yaml", "c/charts"])
def test_a_chart_may_have_no_links(plant, helm, place):
    with pytest.raises(InvalidManifest, match=f"^{place}: is a link, which Helm would follow"):
        rendered(plant({**CHART, place: "-> /etc/hostname"}), helm)


@pytest.mark.parametrize(
    ("files", "options", "kind", "message"),
    [
        pytest.param({}, {"values_files": ("../../../etc/passwd",)}, InvalidManifest, "leaves the repository", id="outside"),
        pytest.param({"env/l": "-> /etc/passwd"}, {"values_files": ("/env/l",)}, InvalidManifest, "leaves the repository", id="link"),
        pytest.param({}, {"values_files": ("no.yaml",)}, InvalidManifest, r"^c/no\.yaml: spec\.render\.helm\.valuesFiles names it", id="gone"),
        pytest.param({}, {"values_from": (Reference("Secret", "s", "q"),)}, InvalidManifest, "Secret s has no key q", id="no key"),
        pytest.param({}, {"values": '{"image": 1}'}, RenderFailed, "^c: helm: ", id="Helm's words"),
        pytest.param({}, {"release_name": "A_b"}, RenderFailed, "^c: helm: .*release name", id="release name"),
        pytest.param(
            {"c/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.2.3\ndependencies: [{name: d, version: 1, repository: 'https://x.example'}]\n"},
            {"skip_crds": True}, RenderFailed, "helm dependency update", id="dependency",
        ),
        pytest.param(
            {"c/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.2.3\nkubeVersion: '>=1.99'\n"},
            {"skip_crds": True}, RenderFailed, "kubeVersion", id="version of the cluster",
        ),
        pytest.param({"c/templates/a.yaml": 'kind: {{ fail "no" }}'}, {"skip_crds": True}, RenderFailed, "c: helm: .*no", id="fail"),
        pytest.param({"c/templates/z.yaml": "a: b: c"}, {"skip_crds": True}, RenderFailed, "helm", id="no YAML"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_named_without_paths_of_the_machine(plant, helm, files, options, kind, message):  # noqa: PLR0917 - a table's columns
    tree = plant({**CHART, **files})
    with pytest.raises(kind, match=message) as caught:
        rendered(tree, helm, **options)
    assert str(tree.root) not in str(caught.value)
    assert "trueup-helm" not in str(caught.value)


def test_without_helm_the_mend_is_named(plant):
    with pytest.raises(RenderFailed, match=r"^t/web: c is a Helm chart, and helm is missing: put it on PATH, or set TRUEUP_HELM"):
        rendered(plant(CHART), None)


def test_options_for_what_is_no_chart(plant, helm):
    with pytest.raises(InvalidManifest, match=r"^c: spec\.render\.helm needs a chart"):
        rendered(plant({"c/a.yaml": "map:a"}), helm, skip_crds=True)


def test_secrets_are_in_no_argument(plant, helm, tmp_path):
    spy = tmp_path / "helm"
    spy.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/argv\n/usr/bin/env > {tmp_path}/env\nexec {helm.path} "$@"\n')
    spy.chmod(0o755)
    given = Given("web", data=(Data("Secret", "s", (("values.yaml", "size: canary"),)),))
    options = HelmOptions(values_from=(Reference("Secret", "s"),), values=orjson.dumps({"list": ["canary"]}).decode())
    found = render(
        plant(CHART), RenderRequest(Name("t", "w"), "c", RenderOptions(helm=options), given), Tools(None, Helm(str(spy), "4"))
    )
    assert data(found)["size"] == "canary"
    assert "canary" not in (tmp_path / "argv").read_text() + (tmp_path / "env").read_text()
    assert {line.partition("=")[0] for line in (tmp_path / "env").read_text().splitlines()} <= {
        "HOME", "TMPDIR", "PATH", "KUBECONFIG", "HTTP_PROXY", "HTTPS_PROXY", "HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME",
        "HELM_PLUGINS", "PWD", "OLDPWD", "SHLVL", "_",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ('{"$ref": "file:///etc/passwd"}', "$ref: 'file:///etc/passwd' is in another file"),
        ('{"properties": {"a": {"$ref": "../../other.json"}}}', "$ref: '../../other.json' is in another file"),
        ('{"allOf": [{"\\u0024ref": "http://x.example/s"}]}', "$ref: 'http://x.example/s' is in another file"),
        ('{"$schema": "file:///etc/passwd"}', "$schema: 'file:///etc/passwd' is in another file"),
        ('{"$schema": "http://json-schema.org/draft-07/schema#", "$ref": "#/$defs/a", "$defs": {"a": {}}}', ""),
        ("{", "unexpected EOF"),
    ],
)
def test_a_schema_names_no_other_file(plant, schema, said):
    chart = {"c/Chart.yaml": CHART["c/Chart.yaml"], "c/values.schema.json": schema, "c/templates/a.yaml": "map:a"}
    tree, request, tools = plant(chart), RenderRequest(Name("t", "c"), "c"), Tools(None, ask_version(find("helm")))
    if said:
        with pytest.raises((InvalidManifest, RenderFailed), match=re.escape(said)):
            render(tree, request, tools)
    else:
        assert len(render(tree, request, tools).documents) == 1
