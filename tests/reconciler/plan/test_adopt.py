"""Objects that are there already: taken over, from whom, or refused with the reason."""

import pytest

from reconciler.errors import NotAllowed, Waiting
from reconciler.model.declared import Instance
from reconciler.model.policy import AdoptPolicy, ForeignPolicy, IgnoreRule
from reconciler.plan.adopt import adoption
from reconciler.plan.foreign import STRICT, Tolerance
from tests.reconciler.plan.made import INSTANCE_ID, document, entry, live, manifest, ours
from tests.reconciler.plan.recorded import DESIRED

PLAIN = manifest(document(data={"colour": "blue"}))
WHOLE = manifest(document(data={"colour": "blue"}, metadata={"annotations": {"trueup.dev/apply": "replace"}}))
COLOUR = {"f:data": {"f:colour": {}}}
EXTRA = {"f:data": {"f:colour": {}, "f:extra": {}}}
KNOWN, ALWAYS, NEVER = AdoptPolicy.KNOWN, AdoptPolicy.ALWAYS, AdoptPolicy.NEVER


def there(*managers, **fields):
    return live(PLAIN.key, *managers, **({"labels": {}, "annotations": {}} | fields))


def adopted(found, policy=KNOWN, desired=PLAIN, tolerance=STRICT, instance=INSTANCE_ID):
    return adoption(desired, found, instance, policy, tolerance)


@pytest.mark.parametrize(
    "manager",
    ["kubectl-create", "kubectl-client-side-apply", "kubectl", "before-first-apply", "helm", "Helm", "helm-controller", "argocd-controller",
     "argocd-application-controller", "kustomize-controller", "flux", "kustomize"],
)  # fmt: skip
def test_objects_of_known_tools_are_taken_over_with_all_that_they_hold(manager):
    found = adopted(there(entry(manager, EXTRA)))
    assert found.reason == f"taken over from {manager}"
    assert found.choose(entry(manager, EXTRA)) == (EXTRA, {})


@pytest.mark.parametrize(
    ("managers", "policy", "reason"),
    [
        pytest.param([entry("crossplane", COLOUR)], KNOWN,
                     "apply shop/ConfigMap/web: it is there already, and others hold its fields: data.colour (held by crossplane); "
                     "set spec.sync.adopt: always to take them, or leave the object to them", id="somebody unknown"),
        pytest.param([entry("trueup-blue", COLOUR)], KNOWN, "data.colour (held by trueup-blue)", id="another instance"),
        pytest.param([entry("kubectl", EXTRA), entry("operator", COLOUR)], KNOWN, "data.colour (held by operator)",
                     id="a known tool, and somebody unknown too"),
        pytest.param([entry("kubectl-create", COLOUR)], NEVER,
                     "apply shop/ConfigMap/web: it is there already, made by kubectl-create, and spec.sync.adopt is never; "
                     "delete it, or allow to take it over", id="never"),
        pytest.param([], NEVER, "it is there already, and spec.sync.adopt is never", id="never, and nobody knows whose"),
    ],
)  # fmt: skip
def test_what_the_policy_forbids_is_refused_with_the_reason(managers, policy, reason):
    with pytest.raises(NotAllowed) as error:
        adopted(there(*managers), policy)
    assert reason in str(error.value)


@pytest.mark.parametrize(
    ("managers", "policy"),
    [
        pytest.param([entry("operator", {"f:data": {"f:seen": {}}})], KNOWN, id="somebody who holds nothing that Git has"),
        pytest.param([], KNOWN, id="nobody's"),
        pytest.param([entry("operator", COLOUR)], ALWAYS, id="anybody's, where the policy says so"),
        pytest.param([entry("trueup-blue", COLOUR)], ALWAYS, id="another instance's, where the policy says so"),
        pytest.param([entry("trueup", COLOUR, operation="Apply")], KNOWN, id="ours, which lost its marks"),
    ],
)
def test_what_the_policy_permits(managers, policy):
    assert not adopted(there(*managers), policy).is_ours


def test_what_somebody_unknown_holds_is_not_taken_from_it():
    found = adopted(there(entry("operator", EXTRA)), ALWAYS)
    assert found.choose(entry("operator", EXTRA)) == ({}, EXTRA)


def test_many_fields_of_others_are_counted():
    desired = manifest(document(data={f"key-{number}": "x" for number in range(5)}))
    held = entry("operator", {"f:data": {f"f:key-{number}": {} for number in range(5)}})
    with pytest.raises(NotAllowed, match=r"data.key-2 \(held by operator\) and 2 more"):
        adopted(there(held), desired=desired)


def test_replicas_that_an_autoscaler_decides_are_no_obstacle():
    desired = manifest(DESIRED["deployment"])
    scaled = entry("kube-controller-manager", {"f:spec": {"f:replicas": {}}}, subresource="scale")
    assert adopted(there(entry("kubectl", {"f:spec": {"f:paused": {}}}), scaled), desired=desired).makers == ("kubectl",)


@pytest.mark.parametrize("manager", ["operator", "kubectl-edit"])
def test_what_a_rule_names_stays_with_who_holds_it(manager):
    tolerance = Tolerance(rules=(IgnoreRule(paths=("data.colour",)),))
    found = adopted(there(entry(manager, COLOUR)), tolerance=tolerance)
    assert found.choose(entry(manager, COLOUR)) == ({}, COLOUR)


@pytest.mark.parametrize("policy", [ForeignPolicy.REPORT, ForeignPolicy.IGNORE])
def test_where_fields_beside_ours_are_left_only_those_of_git_become_ours(policy):
    found = adopted(there(entry("kubectl", EXTRA)), tolerance=Tolerance(policy))
    assert found.choose(entry("kubectl", EXTRA)) == (COLOUR, {"f:data": {"f:extra": {}}})


def test_of_what_is_applied_as_a_whole_everything_is_taken_but_what_is_kubernetes_own():
    found = adopted(there(entry("operator", EXTRA)), ALWAYS, WHOLE)
    assert found.choose(entry("operator", EXTRA)) == (EXTRA, {})
    assert found.choose(entry("kube-controller-manager", EXTRA)) == ({}, EXTRA)


def test_an_object_of_ours_that_was_not_known_yet_is_just_applied():
    found = adopted(live(PLAIN.key, ours(COLOUR), entry("kubectl", EXTRA)), NEVER)
    assert (found.is_ours, found.reason) == (True, "not as desired")
    assert found.choose(entry("kubectl", EXTRA)) == ({}, EXTRA)


def test_an_object_that_another_instance_made_is_not_ours():
    with pytest.raises(NotAllowed, match="held by trueup"):
        adopted(live(PLAIN.key, ours(COLOUR)), instance=Instance("blue"))


def test_an_object_that_goes_is_waited_for():
    with pytest.raises(
        Waiting, match=r"is being deleted; it waits for its finalizers a.example.com/x; created again when it is gone"
    ):
        adopted(there(entry("kubectl", COLOUR), deleting=True, finalizers=("a.example.com/x",)))
