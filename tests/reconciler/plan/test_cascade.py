"""What would go along with an object that goes, though it is to stay."""

import pytest

from reconciler.plan.cascade import taken_along
from tests.reconciler.plan.made import KINDS, OTHER, key, owned

SPACE = owned(key("Namespace", "shop", namespace=""))
WIDGETS = owned(key("CustomResourceDefinition", "widgets.example.com", group="apiextensions.k8s.io", namespace=""))
PARENT = owned(key(name="parent"))
WIDGET = key("Widget", "one", group="example.com", namespace="other")


@pytest.mark.parametrize(
    ("going", "beside", "along"),
    [
        pytest.param(SPACE, owned(key(name="a"), OTHER), True, id="in a namespace, of another application"),
        pytest.param(SPACE, owned(key(name="a")), True, id="in a namespace, of the same one, and left"),
        pytest.param(SPACE, owned(key(name="a", namespace="other")), False, id="in another namespace"),
        pytest.param(SPACE, owned(key(name="a"), deleting=True), False, id="in a namespace, and going already"),
        pytest.param(
            SPACE, owned(key("ClusterRole", "shop", group="rbac.authorization.k8s.io", namespace="")), False, id="in none"
        ),
        pytest.param(WIDGETS, owned(WIDGET, OTHER), True, id="of a kind"),
        pytest.param(WIDGETS, owned(key(name="widgets.example.com")), False, id="of another kind"),
        pytest.param(PARENT, owned(key(name="a"), OTHER, owners=("uid-parent",)), True, id="made from it"),
        pytest.param(PARENT, owned(key(name="a"), owners=("uid-x", "uid-parent")), True, id="made from it and another"),
        pytest.param(PARENT, owned(key(name="a"), owners=("uid-x",)), False, id="made from another"),
        pytest.param(PARENT, owned(key(name="a")), False, id="made from nothing"),
    ],
)
def test_what_would_go_along(going, beside, along):
    found = taken_along([going], {one.key: one for one in (going, beside)}, KINDS)
    assert found == ({going.key: (beside.key,)} if along else {})


def test_what_goes_itself_is_not_taken_along():
    going = [SPACE, owned(key(name="a")), owned(key(name="b"), owners=("uid-a",))]
    assert taken_along(going, {one.key: one for one in going}, KINDS) == {}


def test_each_cause_is_told_with_all_that_it_takes():
    parent, child = owned(key(name="parent", namespace="other")), owned(key(name="child"), owners=("uid-parent",))
    beside = owned(key(name="beside"))
    found = taken_along([parent, SPACE], {one.key: one for one in (parent, SPACE, child, beside)}, KINDS)
    assert found == {SPACE.key: (beside.key, child.key), parent.key: (child.key,)}
