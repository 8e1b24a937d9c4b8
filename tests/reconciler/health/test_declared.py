"""Rules that people declare: a mistake never passes as Healthy; an application's own come before the instance's and the built-in ones."""

import pytest

from reconciler.health.declared import Rulebook, judge
from reconciler.model.declared import Application, Destination, Name
from reconciler.model.outcome import Health, HealthStatus
from reconciler.model.policy import HealthRule

SHOP, BLOG = Name("trueup", "shop"), Name("trueup", "blog")


def rule(**expressions):
    return HealthRule(group="example.com", kind="Widget", **{"healthy": "status.phase == 'Running'", **expressions})


def widget(**status):
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"generation": 1}, "spec": {}, "status": status}


@pytest.mark.parametrize(
    ("expressions", "status", "verdict", "reason"),
    [
        pytest.param({}, {"phase": "Running"}, "Healthy", "", id="healthy"),
        pytest.param({}, {"phase": "Waking"}, "Progressing", "phase Waking", id="nothing is true"),
        pytest.param({}, {}, "Progressing", "its expression `healthy` is not true yet", id="nothing is said"),
        pytest.param({"degraded": "status.phase == 'Broken'"}, {"phase": "Broken"}, "Degraded", "phase Broken", id="degraded"),
        pytest.param({"degraded": "status.faults > 0"}, {"phase": "Running"}, "Healthy", "", id="a field that is not there is not true"),
        pytest.param({"suspended": "status.off"}, {"off": True, "phase": "Running"}, "Suspended", "phase Running", id="suspended"),
        pytest.param({"suspended": "status.off", "progressing": "true"}, {"off": True}, "Suspended",
                     "its expression `healthy` is not true yet", id="suspended before progressing"),
        pytest.param({"progressing": "status.busy", "degraded": "true"}, {"busy": True, "phase": "Running"}, "Progressing",
                     "phase Running", id="progressing before degraded"),
        pytest.param({"degraded": "status.phase == 'Running'"}, {"phase": "Running"}, "Degraded", "phase Running",
                     id="degraded before healthy"),
        pytest.param({"message": "string(status.done) + ' of 3 are done'"}, {"done": 2}, "Progressing", "2 of 3 are done", id="message"),
        pytest.param({"message": "status.why"}, {"phase": "Waking"}, "Progressing", "phase Waking", id="a message that is not there"),
        pytest.param({"message": "1 / 0"}, {"phase": "Waking"}, "Progressing", "phase Waking", id="a message that does not fit"),
        pytest.param({"message": "'x'"}, {"phase": "Running"}, "Healthy", "", id="a healthy object needs no message"),
        pytest.param({}, {"phase": 3}, "Progressing", "its expression `healthy` is not true yet", id="another type is another value"),
        pytest.param({"degraded": "status.faults > 0"}, {"phase": "Running", "faults": "many"}, "Unknown",
                     "the health rule of Widget does not fit: `degraded` No such overload: the operation "
                     "is not defined for the given operand types; mend it in spec.health or TRUEUP_HEALTH_RULES",
                     id="a mistake never passes"),
        pytest.param({"healthy": "status.phase"}, {"phase": "Running"}, "Unknown",
                     "the health rule of Widget does not fit: `healthy` is str, and must be true or false; "
                     "mend it in spec.health or TRUEUP_HEALTH_RULES", id="what is neither true nor false"),
        pytest.param({"healthy": "status.l.all(x, status.l.all(y, y >= 0))"}, {"l": list(range(600))}, "Unknown",
                     "the health rule of Widget does not fit: `healthy` would take 360000 steps on this object, and 250000 are allowed; "
                     "loop over shorter lists; mend it in spec.health or TRUEUP_HEALTH_RULES", id="what takes too long"),
    ],
)  # fmt: skip
def test_the_first_expression_that_is_true_decides(expressions, status, verdict, reason):
    assert judge(rule(**expressions), widget(**status)) == Health(HealthStatus(verdict), reason)


def application(name, *rules):
    return Application(name, (), Destination("in-cluster", ""), health=rules)


COMMON = rule(healthy="true")
OWN = rule(healthy="status.phase == 'Open'")
CONFIG = HealthRule(kind="ConfigMap", healthy="data.state == 'done'")


@pytest.mark.parametrize(
    ("book", "owner", "status", "verdict"),
    [
        pytest.param(Rulebook(), SHOP, {}, "Healthy", id="the built-in one"),
        pytest.param(Rulebook((OWN,)), SHOP, {}, "Progressing", id="the instance's"),
        pytest.param(Rulebook((COMMON,), {SHOP: (OWN,)}), SHOP, {}, "Progressing", id="the application's first"),
        pytest.param(Rulebook((COMMON,), {SHOP: (OWN,)}), SHOP, {"phase": "Open"}, "Healthy", id="which may be healthy"),
        pytest.param(Rulebook((COMMON,), {SHOP: (OWN,)}), BLOG, {}, "Healthy", id="not for another application"),
        pytest.param(Rulebook((COMMON,), {SHOP: (OWN,)}), None, {}, "Healthy", id="nor for nobody's"),
        pytest.param(Rulebook((CONFIG,)), SHOP, {}, "Healthy", id="nor for another kind"),
    ],
)
def test_which_rule_judges_an_object(book, owner, status, verdict):
    assert book.assess(widget(**status), owner).status is HealthStatus(verdict)


def test_a_kind_without_a_status_is_watched_whole_when_somebody_judges_it():
    assert not Rulebook().has_health("", "ConfigMap")
    assert Rulebook((CONFIG,)).has_health("", "ConfigMap")
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}, "data": {"state": "begun"}}
    assert Rulebook((CONFIG,)).assess(config, None).status is HealthStatus.PROGRESSING
    assert Rulebook((CONFIG,)).assess({**config, "data": {"state": "done"}}, None).status is HealthStatus.HEALTHY


def test_the_rules_of_applications_are_taken_from_their_declarations():
    book = Rulebook((COMMON,)).with_own({SHOP: application(SHOP, OWN), BLOG: application(BLOG)})
    assert book == Rulebook((COMMON,), {SHOP: (OWN,)})


@pytest.mark.parametrize(
    ("newer", "kinds"),
    [
        pytest.param(Rulebook((COMMON,), {SHOP: (OWN,)}), set(), id="the same"),
        pytest.param(Rulebook((COMMON,)), {("example.com", "Widget")}, id="one less"),
        pytest.param(Rulebook((COMMON,), {SHOP: (OWN,), BLOG: (CONFIG,)}), {("", "ConfigMap")}, id="one more"),
        pytest.param(Rulebook((COMMON, CONFIG), {SHOP: (OWN,)}), {("", "ConfigMap"), ("example.com", "Widget")}, id="of all"),
        pytest.param(Rulebook((COMMON,), {BLOG: (OWN,)}), {("example.com", "Widget")}, id="of another application"),
    ],
)
def test_which_kinds_are_judged_otherwise(newer, kinds):
    older = Rulebook((COMMON,), {SHOP: (OWN,)})
    assert older.differs(newer) == newer.differs(older) == kinds


def test_the_content_of_secrets_is_never_judged():
    with pytest.raises(ValueError, match="never watched"):
        HealthRule(kind="Secret", healthy="has(data.key)")
    assert HealthRule(group="example.com", kind="Secret", healthy="true").kind == "Secret"
