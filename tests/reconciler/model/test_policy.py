"""What rules about fields and about health are about, and which of them mean nothing."""

import pytest

from reconciler.model.policy import HealthRule, IgnoreRule


def test_the_content_of_secrets_is_never_judged():
    with pytest.raises(ValueError, match="never watched"):
        HealthRule(kind="Secret", healthy="true")
    assert list(HealthRule(group="x.io", kind="Secret", healthy="true", message="'m'").expressions()) == [
        ("healthy", "true"), ("message", "'m'"),
    ]  # fmt: skip


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
