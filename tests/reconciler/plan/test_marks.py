"""What the labels and annotations say, and that they can be read again."""

import re

import pytest

from reconciler.model.declared import Instance, Name
from reconciler.model.objects import ObjectKey
from reconciler.plan.marks import application_label, owner_text, parse_owner, selector

LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")


def test_the_selector_names_the_instance():
    assert selector(Instance("blue")) == "trueup.dev/instance=blue"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        pytest.param(ObjectKey("apps", "Deployment", "shop", "web"), "t/a:apps/Deployment:shop/web", id="namespaced"),
        pytest.param(ObjectKey("", "Namespace", "", "shop"), "t/a:/Namespace:/shop", id="of the cluster"),
        pytest.param(
            ObjectKey("rbac.authorization.k8s.io", "ClusterRole", "", "system:shop:read"),
            "t/a:rbac.authorization.k8s.io/ClusterRole:/system:shop:read",
            id="a name with colons",
        ),
    ],
)
def test_an_owner_is_written_and_read(key, text):
    assert owner_text(Name("t", "a"), key) == text
    assert parse_owner(text) == (Name("t", "a"), key)


@pytest.mark.parametrize(
    "text",
    ["", "a", "a/b", "a/b:", "a/b:web", "a:apps/Deployment:shop/web", "a/b/c:apps/D:s/w", "/b:apps/D:s/w", "a/:apps/D:s/w"],
)
def test_an_owner_of_another_shape_is_none(text):
    assert parse_owner(text) is None


@pytest.mark.parametrize(
    ("name", "label"),
    [
        pytest.param("shop", "shop", id="as it is"),
        pytest.param("a" * 80, "a" * 63, id="cut to 63"),
        pytest.param("a" * 62 + ".b", "a" * 62, id="cut at a dot"),
        pytest.param("shop/web", "shop-web", id="a slash"),
    ],
)
def test_the_label_is_readable_and_valid(name, label):
    assert application_label(Name("trueup", name)) == label
    assert LABEL.fullmatch(label)
