"""What people write under `render` becomes what travels."""

import pytest
from pydantic import ValidationError

from reconciler.declarations.rendering import RenderSpec
from reconciler.model.rendering import (
    Image,
    KustomizeOptions,
    Labels,
    Patch,
    PatchTarget,
    RenderOptions,
    Replicas,
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
