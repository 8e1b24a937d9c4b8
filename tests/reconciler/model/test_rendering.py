import pytest

from reconciler.model.rendering import (
    HelmOptions,
    JsonnetOptions,
    KustomizeOptions,
    Reference,
    RenderOptions,
    Substitution,
    borrowed,
)


@pytest.mark.parametrize(
    ("options", "has_overlay", "reaches_further"),
    [
        pytest.param(RenderOptions(), False, False, id="nothing said"),
        pytest.param(RenderOptions(include=("a",)), False, False, id="globs"),
        pytest.param(RenderOptions(kustomize=KustomizeOptions(name_prefix="a-")), True, False, id="an overlay"),
        pytest.param(RenderOptions(kustomize=KustomizeOptions(components=("../c",))), True, True, id="components"),
        pytest.param(RenderOptions(helm=HelmOptions()), False, False, id="a chart"),
        pytest.param(RenderOptions(helm=HelmOptions(values_files=("../v.yaml",))), False, True, id="files of values"),
        pytest.param(RenderOptions(jsonnet=JsonnetOptions()), False, True, id="Jsonnet"),
    ],
)
def test_what_is_known_before_anything_is_read(options, has_overlay, reaches_further):
    assert (options.has_overlay, options.reaches_further) == (has_overlay, reaches_further)
    assert hash(options) == hash(options)


VALUES, VARIABLES = Reference("ConfigMap", "values"), Reference("Secret", "variables")


@pytest.mark.parametrize(
    ("options", "references"),
    [
        pytest.param(RenderOptions(), (), id="nothing said"),
        pytest.param(RenderOptions(helm=HelmOptions(), substitute=Substitution()), (), id="nothing named"),
        pytest.param(
            RenderOptions(decrypt_secret="keys", helm=HelmOptions(values_from=(VALUES,)), substitute=Substitution(sources=(VARIABLES,))),
            (Reference("Secret", "keys"), VALUES, VARIABLES),
            id="keys, values and variables",
        ),
    ],
)  # fmt: skip
def test_what_rendering_needs_of_the_cluster(options, references):
    assert options.references == references


def test_files_of_values_of_another_source_are_told_by_their_dollar():
    assert borrowed(RenderOptions(helm=HelmOptions(values_files=("values.yaml", "$values/prod.yaml")))) == ("$values/prod.yaml",)
    assert borrowed(RenderOptions()) == ()
