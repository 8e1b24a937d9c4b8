"""What annotations say of a hook."""

import pytest

from reconciler.model.hooks import Phase, Removal
from reconciler.plan.hookmarks import hook_of


def marks(hook, **more):
    return {"trueup.dev/hook": hook} | {f"trueup.dev/hook-{name}": text for name, text in more.items()}


def test_an_object_without_the_annotation_is_no_hook():
    assert hook_of({}) is None
    assert hook_of({"trueup.dev/hook-delete": "failed", "trueup.dev/wave": "1"}) is None


@pytest.mark.parametrize(
    ("annotations", "phases", "removals", "seconds"),
    [
        pytest.param(marks("pre-sync"), {Phase.PRE_SYNC}, {Removal.BEFORE_CREATION}, None, id="defaults"),
        pytest.param(marks(" post-sync ,sync-failed,, pre-delete"), {Phase.POST_SYNC, Phase.SYNC_FAILED, Phase.PRE_DELETE},
                     {Removal.BEFORE_CREATION}, None, id="several"),
        pytest.param(marks("pre-sync", delete="succeeded, failed"), {Phase.PRE_SYNC}, {Removal.SUCCEEDED, Removal.FAILED}, None,
                     id="deleted at its end"),
        pytest.param(marks("pre-sync", timeout="1h30m"), {Phase.PRE_SYNC}, {Removal.BEFORE_CREATION}, 5400.0, id="a deadline"),
        pytest.param(marks("pre-sync", timeout="250ms"), {Phase.PRE_SYNC}, {Removal.BEFORE_CREATION}, 0.25, id="a short one"),
    ],
)  # fmt: skip
def test_a_hook(annotations, phases, removals, seconds):
    found = hook_of(annotations)
    assert (found.phases, found.removals, found.timeout_seconds) == (phases, removals, seconds)


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        pytest.param(marks("presync"), "annotation trueup.dev/hook is 'presync'; write pre-sync, post-sync, sync-failed, pre-delete",
                     id="a phase that is none"),
        pytest.param(marks(" , "), "annotation trueup.dev/hook is empty; write pre-sync, post-sync, sync-failed, pre-delete",
                     id="no phase"),
        pytest.param(marks("pre-sync", delete="always"),
                     "annotation trueup.dev/hook-delete is 'always'; write before-creation, succeeded, failed", id="a removal that is none"),
        pytest.param(marks("pre-sync", timeout="5"), "annotation trueup.dev/hook-timeout is '5' and must be a duration; "
                     "write e.g. 5m or 1h30m", id="a number without a unit"),
        pytest.param(marks("pre-sync", timeout=""), "annotation trueup.dev/hook-timeout is '' and must be a duration; "
                     "write e.g. 5m or 1h30m", id="no deadline"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_what_to_write(annotations, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        hook_of(annotations)
    assert str(caught.value) == message
