"""Rules about fields that are left to others."""

import pytest

from reconciler.model.declared import IgnoreRule


@pytest.mark.parametrize(
    ("rule", "is_meant"),
    [
        (IgnoreRule(paths=("a",)), True),
        (IgnoreRule("Deployment", "apps", "web", "shop", paths=("a",)), True),
        (IgnoreRule("Deploy*", namespace="sh?p", paths=("a",)), True),
        (IgnoreRule("deployment", paths=("a",)), False),
        (IgnoreRule(group="", paths=("a",)), False),
        (IgnoreRule(name="api", paths=("a",)), False),
        (IgnoreRule(namespace="", paths=("a",)), False),
    ],
)
def test_which_objects_a_rule_is_about(rule, is_meant):
    assert rule.covers("apps", "Deployment", "shop", "web") is is_meant


@pytest.mark.parametrize(("managers", "is_meant"), [((), True), (("hpa",), False), (("kube-*",), True), (("a", "kube-x"), True)])
def test_whose_fields_a_rule_is_about(managers, is_meant):
    assert IgnoreRule(paths=("a",), managers=managers).is_by("kube-x") is is_meant


@pytest.mark.parametrize(
    ("fields", "reason"), [({}, "needs paths, managers, or both"), ({"paths": ("a..b",)}, "no path of a field")]
)
def test_a_rule_without_meaning_is_refused(fields, reason):
    with pytest.raises(ValueError, match=reason):
        IgnoreRule(**fields)
