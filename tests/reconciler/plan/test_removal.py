"""What goes with an application that is gone, and what stays: which guards hold, and what an approval is one of."""

from reconciler.model.options import PruneRule
from reconciler.model.outcome import Action
from reconciler.plan.prune import PruneRequest
from reconciler.plan.removal import doomed, removal
from tests.reconciler.plan.made import KINDS, SHOP, key, owned

ONE, TWO = owned(key(name="one")), owned(key(name="two"))


def request(*mine, **facts):
    entries = {each.key: each for each in mine}
    known = {"application": SHOP, "renders_nothing": False, "owned": entries, "mine": entries, "kinds": KINDS}
    return PruneRequest(**known | {"is_desired": lambda _: False} | facts)


def actions(found):
    return {step.key.name: step.action for step in found.steps}


def test_everything_goes_where_the_policy_says_so():
    found = removal(request(*(owned(key(name=f"m{number}")) for number in range(5))))
    assert (found.holds, set(actions(found).values())) == ((), {Action.DELETE})
    assert {step.reason for step in found.steps} == {"its application is gone"}


def test_what_nobody_asked_for_is_held():
    found = removal(request(ONE, TWO), unmeant="its file is gone")
    assert actions(found) == {"one": Action.HOLD, "two": Action.HOLD}
    assert [(hold.guard, hold.reason) for hold in found.holds] == [("application-gone", "its file is gone")]
    assert removal(request(), unmeant="its file is gone").holds == (), "nothing is left, and nothing is to be asked"


def test_an_approval_is_one_of_what_was_shown():
    shown = doomed(request(ONE, TWO))
    assert set(shown) == {ONE.key, TWO.key}
    assert actions(removal(request(ONE, TWO), approved=shown, unmeant="gone")) == {"one": Action.DELETE, "two": Action.DELETE}
    assert actions(removal(request(TWO), approved=shown, unmeant="gone")) == {"two": Action.DELETE}, "what is left of it"
    more = removal(request(ONE, TWO, owned(key(name="three"))), approved=shown, unmeant="gone")
    assert set(actions(more).values()) == {Action.HOLD}


def test_the_other_guards_hold():
    volume = owned(key("PersistentVolumeClaim", "data"))
    assert [hold.guard for hold in removal(request(ONE, volume)).holds] == ["protected-kind"]
    many = [owned(key(name=f"m{number}")) for number in range(21)]
    assert [hold.guard for hold in removal(request(*many)).holds] == ["blast-radius"]


def test_what_is_deliberately_left_stays():
    kept = owned(key(name="kept"), prune=PruneRule.NEVER)
    lasting = owned(key(name="lasting"), outlives=True)
    found = removal(request(ONE, kept, lasting), unmeant="gone", approved=[ONE.key])
    assert actions(found) == {"one": Action.DELETE, "kept": Action.SKIP, "lasting": Action.SKIP}
    assert doomed(request(ONE, kept, lasting)) == (ONE.key,)
