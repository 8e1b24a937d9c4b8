"""Rules as data: which clause decides, in whose words; what operators' tables say is tested with their samples."""

import pytest

from reconciler.health.clauses import DEGRADED, HEALTHY, PROGRESSING, SUSPENDED, Has, Says, rule, waiting, when
from reconciler.model.outcome import Health


def said(kind="Ready", status="False", **more):
    return {"metadata": {"generation": 2}, "status": {"conditions": [{"type": kind, "status": status, **more}]}}


@pytest.mark.parametrize(
    ("test", "document", "told"),
    [
        pytest.param(Says("Ready", "False"), said(reason="Failed", message="no luck"), "Failed: no luck", id="a condition"),
        pytest.param(Says("Ready"), said(), None, id="of another status"),
        pytest.param(Says("Ready", "False", ("Failed",)), said(reason="Failed"), "Failed", id="of a reason"),
        pytest.param(Says("Ready", "False", ("Failed",)), said(reason="Busy"), None, id="of another reason"),
        pytest.param(Says("Ready", "False"), said(observedGeneration=1), None, id="of an older generation"),
        pytest.param(Says("Ready", "False"), {"status": {"conditions": "bad"}}, None, id="of another shape"),
        pytest.param(Has("status.phase", ("Failed",)), {"status": {"phase": "Failed"}}, "phase Failed", id="a field"),
        pytest.param(Has("status.phase", ("Failed",)), {"status": {"phase": "Fine"}}, None, id="of another value"),
        pytest.param(Has("status.phase", ("Failed",)), {}, None, id="that is not there"),
        pytest.param(Has("spec.suspend"), {"spec": {"suspend": True}}, "spec.suspend is set", id="a flag"),
        pytest.param(Has("spec.suspend"), {"spec": {"suspend": False}}, None, id="a flag that is not set"),
        pytest.param(Has("status.valid", ("false",)), {"status": {"valid": False}}, "status.valid is set", id="false is a value"),
        pytest.param(Has("status.phase", ("Failed",), because="status.why"), {"status": {"phase": "Failed", "why": " no luck\n"}},
                     "no luck", id="that says why"),
        pytest.param(Has("status.phase", ("Failed",), because="status.why"), {"status": {"phase": "Failed", "why": ""}},
                     "phase Failed", id="that does not say why"),
        pytest.param(Has("status.nodes"), {"status": {"nodes": {"a": 1}}}, "status.nodes is set", id="a mapping"),
    ],
)  # fmt: skip
def test_what_an_object_says(test, document, told):
    assert test.told(document) == told


JUDGED = rule(
    when(SUSPENDED, Has("spec.suspend")),
    when(DEGRADED, Says("Broken"), Says("Ready", "False", ("Failed",))),
    when(HEALTHY, Says("Ready"), Has("status.phase", ("Done",))),
)


@pytest.mark.parametrize(
    ("document", "health"),
    [
        pytest.param(
            {**said(reason="Failed"), "spec": {"suspend": True}}, Health(SUSPENDED, "spec.suspend is set"), id="the first"
        ),
        pytest.param(said(reason="Failed"), Health(DEGRADED, "Failed"), id="the next, by its second test"),
        pytest.param(said(status="True", reason="Fine"), Health(HEALTHY), id="healthy needs no reason"),
        pytest.param(said(reason="Busy"), Health(PROGRESSING, "Busy"), id="none, in the words of a condition"),
        pytest.param({"status": {"phase": "Begun"}}, Health(PROGRESSING, "phase Begun"), id="none, in the words of a field"),
        pytest.param({"status": {"phase": {"is": "odd"}}}, Health(PROGRESSING, "not observed yet"), id="none, in no words"),
        pytest.param({}, Health(PROGRESSING, "not observed yet"), id="a new object"),
    ],
)
def test_the_first_clause_that_holds_decides(document, health):
    assert JUDGED(document) == health


def test_what_holds_when_nothing_does_may_be_that_all_is_well():
    assert rule(when(SUSPENDED, Has("spec.suspend")), otherwise=HEALTHY)({}) == Health(HEALTHY)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        pytest.param(said(reason="Busy", message="one minute"), "Busy: one minute", id="a condition that is not true"),
        pytest.param({**said(status="True"), "status": {**said(status="True")["status"], "phase": "Begun"}}, "phase Begun",
                     id="a phase, when the condition is true"),
        pytest.param(said(status="True", observedGeneration=1), "Ready is not said of generation 2 yet", id="a stale condition"),
        pytest.param(said("Polished"), "not observed yet", id="a condition that nobody knows"),
    ],
)  # fmt: skip
def test_what_an_object_waits_for(document, words):
    assert waiting(document) == words


def test_a_rule_can_be_read():
    assert str(JUDGED) == (
        "Suspended: `spec.suspend` is set; Degraded: Broken is True or Ready is False (Failed); "
        "Healthy: Ready is True or `status.phase` is Done"
    )
    assert str(rule(when(SUSPENDED, Has("spec.suspend")), otherwise=HEALTHY)) == "Suspended: `spec.suspend` is set; else Healthy"
