"""What an application may touch, by the namespace that declares it."""

import pytest

from reconciler.model.declared import EVERYTHING, Allowance
from reconciler.model.objects import ObjectKey
from reconciler.plan.allow import kind_name, refusal

DEPLOYMENT = ObjectKey("apps", "Deployment", "shop", "web")
CONFIG_MAP = ObjectKey("", "ConfigMap", "shop", "web")
ROLE = ObjectKey("rbac.authorization.k8s.io", "ClusterRole", "", "web")


@pytest.mark.parametrize(
    ("allowance", "key", "reason"),
    [
        pytest.param(EVERYTHING, DEPLOYMENT, "", id="everything"),
        pytest.param(EVERYTHING, ROLE, "", id="everything, in no namespace"),
        pytest.param(Allowance(namespaces=("shop",)), DEPLOYMENT, "", id="its namespace"),
        pytest.param(Allowance(namespaces=("a", "sh*")), DEPLOYMENT, "", id="a namespace by a glob"),
        pytest.param(Allowance(namespaces=("sho",)), DEPLOYMENT, "may not touch namespace shop", id="a part of a name is no name"),
        pytest.param(Allowance(namespaces=("SHOP",)), DEPLOYMENT, "may not touch namespace shop", id="upper case is another name"),
        pytest.param(Allowance(namespaces=()), DEPLOYMENT, "may not touch namespace shop", id="no namespace is not every one"),
        pytest.param(Allowance(namespaces=("*",), has_cluster_objects=False), ROLE, "that are in no namespace", id="no namespace"),
        pytest.param(Allowance(namespaces=(), has_cluster_objects=True), ROLE, "", id="no namespace, and it may"),
        pytest.param(Allowance(kinds=("Deployment.apps",)), DEPLOYMENT, "", id="a kind"),
        pytest.param(Allowance(kinds=("*.apps",)), DEPLOYMENT, "", id="the kinds of a group"),
        pytest.param(Allowance(kinds=("Deployment",)), DEPLOYMENT, "of kind Deployment.apps", id="a kind of another group"),
        pytest.param(Allowance(kinds=("*.apps",)), CONFIG_MAP, "of kind ConfigMap", id="a kind of no group"),
        pytest.param(Allowance(kinds=("*.apps",)), ROLE, "of kind ClusterRole.rbac", id="a kind in no namespace"),
    ],
)  # fmt: skip
def test_what_may_be_touched(allowance, key, reason):
    found = refusal(allowance, key)
    assert (reason in found) if reason else found == ""
    assert not reason or found.startswith(f"{key}: ")


@pytest.mark.parametrize(
    ("key", "name"),
    [
        pytest.param(DEPLOYMENT, "Deployment.apps", id="of a group"),
        pytest.param(CONFIG_MAP, "ConfigMap", id="of the core"),
    ],
)
def test_how_allowances_name_kinds(key, name):
    assert kind_name(key) == name


@pytest.mark.parametrize(
    ("globs", "found"),
    [
        pytest.param(None, True, id="all"),
        pytest.param((), False, id="none"),
        pytest.param(("a", "web-?"), True, id="the second"),
        pytest.param(("web",), False, id="the beginning"),
    ],
)
def test_a_namespace_is_one_of_some_globs(globs, found):
    assert Allowance(namespaces=globs).has_namespace("web-1") is found
