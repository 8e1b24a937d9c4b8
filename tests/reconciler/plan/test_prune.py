"""What may be deleted, what is held, and by which guard."""

from dataclasses import replace

import pytest

from reconciler.model.objects import Kind, Kinds
from reconciler.model.options import PruneRule
from reconciler.model.outcome import Action, digest_of
from reconciler.plan.prune import PruneRequest, deletions, untold, vanished
from tests.reconciler.plan.made import KINDS, OTHER, SHOP, key, owned


def gone(number, **fields):
    return owned(key(name=f"gone-{number}"), **fields)


def kept(number, application=SHOP):
    return owned(key(name=f"kept-{number}"), application)


def request(doomed, *, keep=20, others=0, **facts):
    """These objects are no longer declared, and *keep* others of the application are, beside *others* of another one."""
    entries = [*doomed, *(kept(n) for n in range(keep)), *(kept(1000 + n, OTHER) for n in range(others))]
    known = {
        "application": SHOP,
        "renders_nothing": False,
        "owned": {one.key: one for one in entries},
        "mine": {one.key: one for one in entries if one.application == SHOP},
        "is_desired": lambda of: of.name.startswith("kept"),
        "kinds": KINDS,
    }
    return PruneRequest(**(known | facts))


def actions(found):
    return [step.action for step in found.steps]


def test_nothing_to_delete_is_nothing():
    assert deletions(request([])) == deletions(request([gone(1, application=OTHER)]))
    assert deletions(request([])).steps == ()


def test_a_deletion_has_the_uid_and_the_version_that_were_seen():
    (step,) = deletions(request([gone(1)])).steps
    assert (step.action, step.reason, step.uid, step.resource_version) == (Action.DELETE, "no longer in Git", "uid-gone-1", "7")
    assert step.manifest is None


@pytest.mark.parametrize(
    ("doomed", "facts", "guards"),
    [
        pytest.param([1], {}, [], id="one of many"),
        pytest.param([1, 2], {"keep": 1}, [], id="two of three: no more than three"),
        pytest.param([1, 2, 3], {"keep": 0}, [], id="three of three: no more than three"),
        pytest.param([1, 2, 3, 4], {"keep": 5}, [], id="four of nine"),
        pytest.param([1, 2, 3, 4], {"keep": 4}, ["most-of-application"], id="half, as after a rename of all"),
        pytest.param([1, 2, 3, 4], {"keep": 3}, ["most-of-application"], id="four of seven"),
        pytest.param([1], {"keep": 0, "renders_nothing": True}, ["empty-render"], id="an empty render, of one object even"),
        pytest.param(range(20), {"keep": 400}, [], id="twenty of a big cluster"),
        pytest.param(range(21), {"keep": 400}, ["blast-radius"], id="twenty-one of a big cluster"),
        pytest.param(range(5), {"keep": 6}, [], id="five of a small cluster"),
        pytest.param(range(6), {"keep": 20}, ["blast-radius"], id="six of twenty-six: more than a twentieth"),
        pytest.param(range(6), {"keep": 20, "others": 94}, [], id="six of a hundred and twenty: a twentieth"),
        pytest.param([1], {"keep": 400, "deletions_in_job": 20}, ["blast-radius"], id="one, after twenty of others in the job"),
        pytest.param([1], {"keep": 400, "deletions_in_job": 19}, [], id="one, after nineteen of others in the job"),
        pytest.param(range(30), {"keep": 0, "renders_nothing": True}, ["empty-render", "most-of-application", "blast-radius"],
                     id="several guards"),
    ],
)  # fmt: skip
def test_the_guards(doomed, facts, guards):
    found = deletions(request([gone(number) for number in doomed], **facts))
    assert [hold.guard for hold in found.holds] == guards
    assert set(actions(found)) == {Action.HOLD if guards else Action.DELETE}
    assert len(found.steps) == len(list(doomed))


@pytest.mark.parametrize(
    ("of", "prune", "held"),
    [
        pytest.param(key("Namespace", namespace=""), "", True, id="Namespace"),
        pytest.param(key("PersistentVolumeClaim"), "", True, id="PersistentVolumeClaim"),
        pytest.param(key("CustomResourceDefinition", group="apiextensions.k8s.io", namespace=""), "", True, id="definition"),
        pytest.param(key("PersistentVolumeClaim"), "allow", False, id="with leave"),
        pytest.param(key("Deployment", group="apps"), "", False, id="Deployment"),
    ],
)
def test_what_takes_data_along_is_held(of, prune, held):
    found = deletions(request([owned(of, prune=prune)]))
    assert [hold.guard for hold in found.holds] == (["protected-kind"] if held else [])


def test_what_would_take_along_what_is_to_stay_is_held():
    space = owned(key("Namespace", "shop", namespace=""), prune=PruneRule.ALLOW)
    asked = request([space, gone(1)], keep=1)
    found = deletions(asked)
    assert actions(found) == [Action.HOLD] * 2
    ((guard, reason, keys),) = [(hold.guard, hold.reason, hold.keys) for hold in found.holds]
    assert (guard, keys) == ("takes-along", (space.key,))
    assert reason.startswith("Namespace/shop would take along shop/ConfigMap/kept-0, to stay; ")
    approved = deletions(replace(asked, approved=digest_of([space.key, gone(1).key])))
    assert actions(approved) == [Action.DELETE] * 2


def test_a_guard_of_one_object_holds_the_whole_set():
    claim = owned(key("PersistentVolumeClaim", "data"))
    found = deletions(request([claim, gone(1)]))
    assert actions(found) == [Action.HOLD, Action.HOLD]
    assert found.holds[0].keys == (claim.key,)
    assert found.holds[0].reason == "shop/PersistentVolumeClaim/data would take data along; trueup.dev/prune: allow permits it"


def test_many_protected_objects_are_counted():
    claims = [owned(key("PersistentVolumeClaim", f"data-{number}")) for number in range(5)]
    assert "data-2 and 2 more would take data along" in deletions(request(claims)).holds[0].reason


@pytest.mark.parametrize(
    ("guard", "reason", "facts"),
    [
        ("empty-render", "trueup/shop renders to nothing, and has 2 objects", {"keep": 0, "renders_nothing": True}),
        ("blast-radius", "22 objects would be deleted in one job, 20 may", {"deletions_in_job": 20}),
        ("blast-radius", "6 of 22 objects in the cluster would be deleted in one job, 5% may", {"deletions_in_job": 4}),
    ],
)
def test_a_guard_says_why_it_refuses(guard, reason, facts):
    (hold,) = deletions(request([gone(1), gone(2)], **facts)).holds
    assert (hold.guard, hold.reason) == (guard, reason)


def test_exactly_the_approved_set_is_released():
    doomed = [gone(number) for number in range(5)]
    approved = digest_of(one.key for one in doomed)
    facts = {"keep": 0, "renders_nothing": True, "approved": approved}
    assert set(actions(deletions(request(doomed, **facts)))) == {Action.DELETE}
    assert set(actions(deletions(request([*doomed, gone(5)], **facts)))) == {Action.HOLD}
    assert set(actions(deletions(request(doomed[1:], **facts)))) == {Action.HOLD}


def test_what_people_keep_is_left_and_not_counted():
    found = deletions(request([gone(1, prune=PruneRule.NEVER), gone(2)], keep=0))
    assert [(step.action, step.key.name) for step in found.steps] == [(Action.DELETE, "gone-2"), (Action.SKIP, "gone-1")]
    assert found.steps[1].reason == "not deleted: trueup.dev/prune: never"


def test_what_outlives_its_application_is_left_when_that_goes_and_only_then():
    lasting = gone(1, outlives=True)
    (left,) = deletions(request([lasting], is_removal=True)).steps
    assert (left.action, left.reason) == (Action.SKIP, "not deleted: trueup.dev/delete: never")
    assert actions(deletions(request([lasting]))) == [Action.DELETE]


def test_what_asks_for_an_approval_is_held():
    found = deletions(request([gone(1, prune=PruneRule.CONFIRM), gone(2)]))
    assert set(actions(found)) == {Action.HOLD}
    assert [(hold.guard, hold.reason, hold.keys) for hold in found.holds] == [
        ("confirm", "shop/ConfigMap/gone-1 asks for an approval: trueup.dev/prune: confirm", (gone(1).key,))
    ]
    approved = digest_of([gone(1).key, gone(2).key])
    assert set(actions(deletions(request([gone(1, prune=PruneRule.CONFIRM), gone(2)], approved=approved)))) == {Action.DELETE}


def test_nothing_is_deleted_while_the_cluster_does_not_tell_what_it_serves():
    kinds = Kinds(KINDS, failed=["metrics.k8s.io", "custom.metrics.k8s.io"])
    found = deletions(request([gone(1)], kinds=kinds, renders_nothing=True))
    assert found.holds == ()
    assert [(step.action, step.reason) for step in found.steps] == [
        (Action.SKIP, "not deleted: the cluster did not tell what it serves of custom.metrics.k8s.io, metrics.k8s.io")
    ]


def test_an_object_whose_kind_is_not_served_now_is_left():
    found = deletions(request([gone(1)], kinds=Kinds([Kind("", "v1", "Secret", "secrets", namespaced=True)])))
    assert [(step.action, step.reason) for step in found.steps] == [
        (Action.SKIP, "not deleted: the cluster does not serve its kind now")
    ]


@pytest.mark.parametrize(
    "spared",
    [
        pytest.param(gone(1, application=OTHER), id="of another application"),
        pytest.param(gone(1, deleting=True), id="going already"),
        pytest.param(owned(key(name="kept-x")), id="desired by another application"),
        pytest.param(gone(1, uid="uid-kept-0"), id="desired under another group's name"),
    ],
)
def test_what_is_no_candidate(spared):
    assert deletions(request([spared])).steps == ()


def test_deletions_go_in_the_reverse_order_of_applying():
    doomed = [owned(key(kind, "gone", group=group)) for kind, group in (("Secret", ""), ("Deployment", "apps"), ("Service", ""))]
    assert [step.key.kind for step in deletions(request(doomed)).steps] == ["Deployment", "Service", "Secret"]


def test_the_objects_of_an_application_that_is_gone_are_told_and_left():
    entries = [gone(2), gone(1), replace(gone(3), application=OTHER)]
    found = vanished({one.key: one for one in entries}, frozenset({OTHER}))
    assert list(found) == [SHOP]
    assert (found[SHOP].guard, found[SHOP].keys) == ("application-gone", (gone(1).key, gone(2).key))
    assert found[SHOP].reason == (
        "trueup/shop is no longer declared here; it leaves shop/ConfigMap/gone-1, shop/ConfigMap/gone-2"
    )
    assert vanished({}, frozenset()) == {}


def test_what_hooks_have_left_goes_with_the_others_and_counts_for_no_guard():
    left = [gone(number, is_hook=True) for number in range(30)]
    found = deletions(request([*left, gone(100)], keep=1))
    assert (found.holds, len(found.steps)) == ((), 31)
    assert {step.reason for step in found.steps} == {"no longer in Git", "a hook that is no longer in Git"}
    kept = deletions(request([gone(1, is_hook=True, prune="never")]))
    assert actions(kept) == [Action.SKIP]


def test_what_hooks_have_left_stays_while_the_others_are_held():
    found = deletions(request([gone(0, is_hook=True), *(gone(number) for number in range(1, 6))], keep=1))
    assert [hold.guard for hold in found.holds] == ["most-of-application"]
    assert found.holds[0].reason == "5 of the 6 objects of trueup/shop would be deleted"
    assert len(found.steps) == 5


def test_a_hook_that_takes_data_along_is_guarded_all_the_same():
    volume = owned(key("PersistentVolumeClaim", "data"), is_hook=True)
    assert [hold.guard for hold in deletions(request([volume])).holds] == ["protected-kind"]


@pytest.mark.parametrize(
    ("spaces", "is_moved", "reason"),
    [
        (["old"], True, "the destination was moved, and old/ConfigMap/web left in old"),
        (["shop"], False, ""),
    ],
    ids=["where it was", "where it is"],
)
def test_what_a_moved_destination_leaves_behind_is_held(spaces, is_moved, reason):
    left = [owned(key(namespace=space)) for space in spaces]
    found = deletions(request(left, left_behind=frozenset({"old"})))
    assert [(hold.guard, hold.reason) for hold in found.holds] == ([("destination-moved", reason)] if is_moved else [])
    assert actions(found) == [Action.HOLD if is_moved else Action.DELETE]


def test_groups_that_are_not_told_of_are_named_with_what_to_do():
    told = untold(Kinds([], failed=["b.example.com", "a.example.com"]))
    assert "serves of a.example.com, b.example.com: nothing is deleted until it does" in told
    assert "mend what serves it, or delete its APIService" in told
