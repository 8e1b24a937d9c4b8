import pytest

from reconciler.model.rendering import KustomizeOptions, RenderOptions


@pytest.mark.parametrize(
    ("options", "has_overlay", "reaches_further"),
    [
        pytest.param(RenderOptions(), False, False, id="nothing said"),
        pytest.param(RenderOptions(include=("a",)), False, False, id="globs"),
        pytest.param(RenderOptions(kustomize=KustomizeOptions(name_prefix="a-")), True, False, id="an overlay"),
        pytest.param(RenderOptions(kustomize=KustomizeOptions(components=("../c",))), True, True, id="components"),
    ],
)
def test_what_is_known_before_anything_is_read(options, has_overlay, reaches_further):
    assert (options.has_overlay, options.reaches_further) == (has_overlay, reaches_further)
    assert hash(options) == hash(options)
