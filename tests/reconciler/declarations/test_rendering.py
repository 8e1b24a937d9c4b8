"""What people write under `render` becomes what travels."""

import pytest
from pydantic import ValidationError

from reconciler.declarations.rendering import RenderSpec
from reconciler.model.rendering import (
    HelmOptions,
    Image,
    JsonnetOptions,
    JsonnetVariable,
    KustomizeOptions,
    Labels,
    Patch,
    PatchTarget,
    Reference,
    RenderOptions,
    Replicas,
    Substitution,
)


def test_nothing_said_is_everything_found_out():
    assert RenderSpec().value() == RenderOptions()


def test_plain():
    found = RenderSpec.model_validate({"plain": {"include": ["a*"], "exclude": ["b"], "recursive": False}}).value()
    assert found == RenderOptions(("a*",), ("b",), recursive=False)


def test_kustomize_with_everything():
    found = RenderSpec.model_validate({
        "kustomize": {
            "namePrefix": "a-", "nameSuffix": "-z", "namespace": "web",
            "labels": [{"pairs": {"b": "1", "a": "2"}, "includeSelectors": True, "includeTemplates": True}],
            "annotations": {"x": "y"},
            "images": [{"name": "nginx", "newName": "r/nginx", "newTag": "1", "digest": "sha256:0"}],
            "replicas": [{"name": "web", "count": 3}],
            "patches": [{"patch": "a: b", "target": {"kind": "Deployment", "labelSelector": "a=b"}}, {"patch": "c: d"}],
            "components": ["../c", "/components/d"],
        }
    }).value().kustomize  # fmt: skip
    assert found == KustomizeOptions(
        "a-", "-z", "web",
        (Labels((("b", "1"), ("a", "2")), include_selectors=True, include_templates=True),),
        (("x", "y"),),
        (Image("nginx", "r/nginx", "1", "sha256:0"),),
        (Replicas("web", 3),),
        (Patch("a: b", PatchTarget(kind="Deployment", label_selector="a=b")), Patch("c: d")),
        ("../c", "/components/d"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"components": ["https://host/x"]}, "must be a path within the repository"),
        ({"components": ["-x"]}, "must be a path within the repository"),
        ({"components": ["a\nb"]}, "must be a path within the repository"),
        ({"components": [""]}, "must name a file or directory"),
        ({"replicas": [{"name": "a", "count": -1}]}, "greater than or equal to 0"),
        ({"namespace": "Web_1"}, "should match pattern"),
        ({"commonLabels": {}}, "Extra inputs"),
    ],
)
def test_what_cannot_be_meant_is_refused(spec, message):
    with pytest.raises(ValidationError, match=message):
        RenderSpec.model_validate({"kustomize": spec})


def test_helm_jsonnet_variables_and_keys():
    found = RenderSpec.model_validate({
        "helm": {
            "releaseName": "r", "valuesFiles": ["a.yaml", "/b.yaml"], "ignoreMissingValuesFiles": True, "values": {"a": {"b": 1}},
            "valuesFrom": [
                {"kind": "Secret", "name": "s", "key": "k", "targetPath": "a.b", "optional": True}, {"kind": "ConfigMap", "name": "c"}
            ],
            "kubeVersion": "1.31", "apiVersions": ["a/v1"], "skipCrds": True, "allowChanging": True,
        },
        "jsonnet": {"entry": "e.jsonnet", "extVars": [{"name": "a", "value": "1", "code": True}], "tlas": [{"name": "b", "value": "x"}]},
        "decrypt": {"secretRef": {"name": "keys"}},
        "substitute": {"variables": {"A": "b"}, "from": [{"kind": "ConfigMap", "name": "c"}, {"kind": "Secret", "name": "s"}]},
    }).value()  # fmt: skip
    values = (Reference("Secret", "s", "k", "a.b", optional=True), Reference("ConfigMap", "c", "values.yaml"))
    assert found.helm == HelmOptions(
        "r", ("a.yaml", "/b.yaml"), True, values, '{"a":{"b":1}}', "1.31", ("a/v1",), skip_crds=True, allow_changing=True
    )
    variable = JsonnetVariable("a", "1", is_code=True)
    assert found.jsonnet == JsonnetOptions("e.jsonnet", (variable,), (JsonnetVariable("b", "x"),))
    variables = (Reference("ConfigMap", "c"), Reference("Secret", "s"))
    assert found.substitute == Substitution((("A", "b"),), variables)
    assert found.references == (Reference("Secret", "keys"), *values, *variables)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"helm": {"releaseName": "A"}}, "should match pattern"),
        ({"helm": {"valuesFiles": ["http://x/y"]}}, "must be a path within the repository"),
        (
            {"helm": {"valuesFrom": [{"kind": "Secret", "name": "s", "targetPath": "a[0]"}]}},
            "must be names with dots between them",
        ),
        ({"helm": {"valuesFrom": [{"kind": "Pod", "name": "s"}]}}, "'ConfigMap' or 'Secret'"),
        ({"substitute": {"variables": {"a-b": "c"}}}, "'a-b' is no name of a variable"),
        ({"jsonnet": {"entry": ""}}, "must name a file"),
    ],
)
def test_what_else_cannot_be_meant(spec, message):
    with pytest.raises(ValidationError, match=message):
        RenderSpec.model_validate(spec)
