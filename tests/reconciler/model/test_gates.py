"""Which objects a policy means, and how what it found is told; more of the first is in tests/reconciler/plan/test_policy.py."""

from reconciler.model.gates import Finding, PolicyAction, PolicyRule
from reconciler.model.objects import ObjectKey

KEY = ObjectKey("apps", "Deployment", "shop", "web")


def test_a_rule_that_names_nothing_means_everything():
    assert PolicyRule("r", "true").covers(KEY)
    assert not PolicyRule("r", "true", kinds=("Service",)).covers(KEY)


def test_a_finding_names_object_rule_and_message():
    assert str(Finding(PolicyAction.DENY, KEY, "r", "no")) == "shop/Deployment/web: denied by policy r: no"
    assert str(Finding(PolicyAction.WARN, KEY, "r", "no")) == "shop/Deployment/web: warned of by policy r: no"
