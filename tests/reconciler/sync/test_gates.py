"""The gate before anything is applied: what is denied is not desired, and what it would replace is judged again."""

from dataclasses import replace

import pytest

from reconciler.errors import NotAllowed
from reconciler.model.declared import Application, Destination, Name
from reconciler.model.gates import PolicyAction, PolicyRule
from reconciler.model.outcome import Revision
from reconciler.sync.desired import Desired, Rendering
from reconciler.sync.gates import keep_out_denied, passed
from tests.reconciler.plan.made import document, manifest

NAME = Name("trueup", "web")
NO_BAD = PolicyRule("no-bad", "object.metadata.name != 'bad'", message="bad is bad")


def rendering(*names, hooks=(), policies=()):
    application = Application(NAME, (), Destination("in-cluster", "shop"), policies=tuple(policies))
    made = {found.key: found for found in (manifest(document(name=name)) for name in names)}
    run = {found.key: found for found in (manifest(document(name=name)) for name in hooks)}
    return Rendering(application, Revision("", "a" * 40), made, run)


async def test_what_is_good_passes_with_what_is_warned_of():
    warns = replace(NO_BAD, action=PolicyAction.WARN)
    found = await passed(rendering("good", "bad", policies=[warns]))
    assert [(finding.object.name, finding.rule) for finding in found.findings] == [("bad", "no-bad")]
    plain = rendering("bad")
    assert await passed(plain) is plain


@pytest.mark.parametrize(
    "refused",
    [
        pytest.param(rendering("good", "bad", policies=[NO_BAD]), id="an object"),
        pytest.param(rendering("good", hooks=["bad"], policies=[NO_BAD]), id="a hook"),
    ],
)
async def test_one_object_that_is_denied_stops_all(refused):
    with pytest.raises(NotAllowed) as error:
        await passed(refused)
    assert str(error.value) == "shop/ConfigMap/bad: denied by policy no-bad: bad is bad"
    assert [finding.rule for finding in error.value.findings] == ["no-bad"]


@pytest.mark.parametrize(
    ("before", "is_kept"),
    [pytest.param(("good",), True, id="which is good"), pytest.param(("bad",), False, id="which is denied too")],
)
async def test_what_was_desired_before(before, is_kept):
    desired = Desired()
    desired.put(rendering(*before))
    await keep_out_denied(rendering("bad", policies=[NO_BAD]), desired)
    assert (NAME in desired) is is_kept


async def test_nothing_was_desired_before():
    await keep_out_denied(rendering("bad", policies=[NO_BAD]), desired := Desired())
    assert NAME not in desired
