"""Three witnesses: our entry, our label in it, and an owner annotation that names this very object."""

from dataclasses import replace

import pytest

from reconciler.model.declared import Instance
from reconciler.plan.claim import Claim, ClaimState, claim, our_entry, released
from reconciler.plan.marks import APPLICATION, APPLIED, INSTANCE, OWNER, owner_text
from tests.reconciler.plan.made import INSTANCE_ID, OTHER, SHOP, entry, key, live, ours
from tests.reconciler.plan.recorded import recorded

STRAY, UNRELATED = Claim(ClaimState.STRAY), Claim(ClaimState.UNRELATED)
WEB = live(key(), ours())


def annotated(owner):
    return replace(WEB, annotations={OWNER: owner})


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(WEB, Claim(ClaimState.OWNED, SHOP), id="all three"),
        pytest.param(annotated(owner_text(OTHER, WEB.key)), Claim(ClaimState.OWNED, OTHER), id="of another application"),
        pytest.param(replace(WEB, labels={}), UNRELATED, id="no label"),
        pytest.param(replace(WEB, labels={INSTANCE: "blue"}), UNRELATED, id="another instance's label"),
        pytest.param(replace(WEB, managers=()), STRAY, id="copied label, no entry: an EndpointSlice of a Service"),
        pytest.param(replace(WEB, managers=(entry("kubectl-label", {}),)), STRAY, id="only somebody else's entry"),
        pytest.param(replace(WEB, managers=(replace(ours(), operation="Update"),)), STRAY, id="an Update under our name"),
        pytest.param(replace(WEB, managers=(replace(ours(), subresource="status"),)), STRAY, id="only our status"),
        pytest.param(replace(WEB, managers=(replace(ours(), fields={"f:data": {}}),)), STRAY, id="the label is not in our entry"),
        pytest.param(annotated(owner_text(SHOP, key(name="clone"))), STRAY, id="a clone under another name"),
        pytest.param(annotated(owner_text(SHOP, key(namespace="copy"))), STRAY, id="a backup restored into another namespace"),
        pytest.param(annotated(owner_text(SHOP, key("Secret"))), STRAY, id="another kind"),
        pytest.param(annotated("nonsense"), STRAY, id="an annotation of another shape"),
        pytest.param(replace(WEB, annotations={}), STRAY, id="no annotation"),
    ],
)
def test_whose_an_object_is(found, expected):
    assert claim(found, INSTANCE_ID) == expected


@pytest.mark.parametrize(
    ("case", "state"),
    [
        ("applied", ClaimState.OWNED),
        ("scaled", ClaimState.OWNED),
        ("instance-label-changed", ClaimState.UNRELATED),
        ("wiped", ClaimState.STRAY),
        ("update-under-our-name", ClaimState.OWNED),
    ],
)
def test_whose_a_recorded_object_is(case, state):
    assert claim(recorded(case)[1], INSTANCE_ID).state is state


def test_two_instances_do_not_see_each_others_objects():
    assert claim(WEB, Instance("blue")) == UNRELATED
    assert our_entry(WEB, Instance("blue").manager) is None


@pytest.mark.parametrize(
    ("labels", "annotations", "removed"),
    [
        pytest.param(
            {INSTANCE: "trueup", APPLICATION: "shop", "app": "web"}, {OWNER: "x", APPLIED: "y"},
            [*(f"labels/trueup.dev~1{name}" for name in ("instance", "application")),
             *(f"annotations/trueup.dev~1{name}" for name in ("owner", "applied"))],
            id="all marks",
        ),
        pytest.param({INSTANCE: "trueup"}, {}, ["labels/trueup.dev~1instance"], id="one mark"),
        pytest.param(None, None, [], id="none is left"),
    ],
)  # fmt: skip
def test_what_is_let_go_loses_our_entry_and_our_marks_and_nothing_else(labels, annotations, removed):
    theirs = entry("kubectl", {"f:data": {}})
    found = replace(WEB, managers=(theirs, ours()))
    metadata = {"labels": labels, "annotations": annotations, "managedFields": [{"manager": "kubectl"}, {"manager": "trueup"}]}
    entries, *marks = released(metadata, found, INSTANCE_ID.manager)
    assert entries == {"op": "replace", "path": "/metadata/managedFields", "value": [{"manager": "kubectl"}]}
    assert marks == [{"op": "remove", "path": f"/metadata/{path}"} for path in removed]
