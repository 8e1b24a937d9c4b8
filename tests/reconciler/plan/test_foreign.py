"""Fields of others: which are taken out, which are left, and what managedFields say afterwards."""

from dataclasses import replace

import pytest

from reconciler.model.policy import ForeignPolicy, IgnoreRule
from reconciler.plan.claim import our_entry
from reconciler.plan.foreign import STRICT, Tolerance, intruders, take, taken_over, unmarked
from tests.reconciler.plan.made import document, entry, key, live, manifest, ours
from tests.reconciler.plan.recorded import DESIRED, recorded

DEPLOYMENT = manifest(DESIRED["deployment"])
WHOLE = manifest(document(data={"colour": "blue"}, metadata={"annotations": {"trueup.dev/apply": "replace"}}))
LENIENT = manifest(document(data={"colour": "blue"}, metadata={"annotations": {"trueup.dev/foreign": "ignore"}}))
PLAIN = manifest(document(data={"colour": "blue"}))


@pytest.mark.parametrize(
    ("desired", "manager", "tolerance", "is_taken"),
    [
        pytest.param(PLAIN, "kubectl-edit", STRICT, True, id="people's"),
        pytest.param(PLAIN, "kubectl-edit", Tolerance(ForeignPolicy.REMOVE), True, id="people's, said so"),
        pytest.param(PLAIN, "kubectl-edit", Tolerance(ForeignPolicy.REPORT), False, id="people's, reported"),
        pytest.param(PLAIN, "kubectl-rollout", STRICT, False, id="a restart"),
        pytest.param(PLAIN, "controller", STRICT, False, id="a controller's"),
        pytest.param(LENIENT, "kubectl-edit", STRICT, False, id="the object says so"),
        pytest.param(WHOLE, "controller", STRICT, True, id="anybody's, of what is applied as a whole"),
        pytest.param(
            WHOLE, "kubectl-edit", Tolerance(ForeignPolicy.REPORT), True, id="people's too, whatever the application says"
        ),
        pytest.param(WHOLE, "kube-controller-manager", STRICT, False, id="but not those of Kubernetes"),
        pytest.param(WHOLE, "ancient-changes", STRICT, False, id="nor those of nobody knows whom"),
    ],
)
def test_whose_fields_are_taken_out(desired, manager, tolerance, is_taken):
    fields = {"f:data": {"f:extra": {}}}
    found = intruders(desired, live(desired.key, ours(), entry(manager, fields)), "trueup", tolerance)
    assert [one.fields for one in found] == ([fields] if is_taken else [])


def test_what_people_do_to_a_status_is_left():
    status = entry("kubectl-edit", {"f:status": {"f:x": {}}}, subresource="status")
    assert intruders(PLAIN, live(key(), status), "trueup", STRICT) == ()


def test_who_has_yet_to_clean_up_is_left_to_do_it():
    fields = {"f:metadata": {"f:finalizers": {'v:"x"': {}}, "f:ownerReferences": {}, "f:labels": {"f:a": {}}}}
    taken, left = take(entry("controller", fields), WHOLE, STRICT)
    assert (taken, left) == (
        {"f:metadata": {"f:labels": {"f:a": {}}}},
        {"f:metadata": {"f:finalizers": {'v:"x"': {}}, "f:ownerReferences": {}}},
    )


@pytest.mark.parametrize(
    ("rule", "taken", "left"),
    [
        pytest.param(IgnoreRule(paths=("spec.replicas",)), {"f:paused"}, {"f:replicas"}, id="a field"),
        pytest.param(IgnoreRule(paths=("spec",)), set(), {"f:replicas", "f:paused"}, id="all of it"),
        pytest.param(IgnoreRule(managers=("kubectl*",)), set(), {"f:replicas", "f:paused"}, id="a manager"),
        pytest.param(
            IgnoreRule(paths=("spec.replicas",), managers=("other",)), {"f:replicas", "f:paused"}, set(), id="of another"
        ),
    ],
)
def test_what_a_rule_names_stays_with_who_holds_it(rule, taken, left):
    theirs = entry("kubectl-edit", {"f:spec": {"f:replicas": {}, "f:paused": {}}})
    found = take(theirs, DEPLOYMENT, Tolerance(rules=(rule,)))
    assert [set(part.get("f:spec", {})) for part in found] == [taken, left]


def raw(found):
    return [{"manager": one.manager, "fieldsV1": one.fields} for one in found.managers]


def over(found, desired=PLAIN, tolerance=STRICT):
    return taken_over(raw(found), found, desired, "trueup", lambda one: take(one, desired, tolerance))


def test_a_request_to_restart_stays_where_it_is():
    desired, found = recorded("host-network-and-restart")
    (mine,) = [one for one in over(found, desired) if one["manager"] == "trueup"]
    template = mine["fieldsV1"]["f:spec"]["f:template"]
    assert "f:hostNetwork" in template["f:spec"]
    assert "f:annotations" not in template.get("f:metadata", {})
    assert "f:app" in template["f:metadata"]["f:labels"]


def test_what_is_taken_is_ours_and_the_rest_stays():
    found = live(
        PLAIN.key,
        ours({"f:data": {"f:colour": {}}}),
        entry("kubectl-edit", {"f:data": {"f:extra": {}}}),
        entry("controller", {"f:data": {"f:seen": {}}}),
    )
    mine, other = over(found)
    assert mine["fieldsV1"]["f:data"] == {"f:colour": {}, "f:extra": {}}
    assert mine["fieldsV1"]["f:metadata"] == our_entry(found, "trueup").fields["f:metadata"]
    assert other == {"manager": "controller", "fieldsV1": {"f:data": {"f:seen": {}}}}


def test_an_ignored_field_keeps_its_holder():
    theirs = entry("kubectl-edit", {"f:spec": {"f:replicas": {}, "f:paused": {}}})
    found = live(DEPLOYMENT.key, ours({"f:spec": {"f:selector": {}}}), theirs)
    mine, other = over(found, DEPLOYMENT, Tolerance(rules=(IgnoreRule(paths=("spec.replicas",)),)))
    assert mine["fieldsV1"]["f:spec"] == {"f:selector": {}, "f:paused": {}}
    assert other["fieldsV1"] == {"f:spec": {"f:replicas": {}}}


def test_nothing_to_take_leaves_all_as_it_is():
    found = live(PLAIN.key, ours(), entry("controller", {"f:data": {"f:seen": {}}}))
    assert over(found) == raw(found)


def test_where_nothing_is_ours_yet_an_entry_is_made():
    found = live(PLAIN.key, entry("kubectl-create", {"f:data": {"f:colour": {}}}, time="2026-03-01T10:00:00Z"))
    assert over(found) == [
        {"manager": "trueup", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1", "time": "2026-03-01T10:00:00Z",
         "fieldsV1": {"f:data": {"f:colour": {}}}}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("annotations", "count"), [({}, 0), ({"trueup.dev/applied": ""}, 0), ({"trueup.dev/applied": "v1:x"}, 1)]
)
def test_an_object_of_ours_is_marked_as_unfinished_meanwhile(annotations, count):
    assert unmarked(annotations) == [{"op": "replace", "path": "/metadata/annotations/trueup.dev~1applied", "value": ""}] * count


def test_an_update_under_our_name_is_somebody_elses():
    theirs = replace(ours({"f:data": {"f:x": {}}}), operation="Update", manager="kubectl-edit")
    assert len(intruders(PLAIN, live(PLAIN.key, ours(), theirs), "trueup", STRICT)) == 1
