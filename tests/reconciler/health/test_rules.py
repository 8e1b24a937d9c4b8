"""One file a verdict: tests/fixtures/health/<kind>[.<group>]/<verdict>-<case>.yaml, its reason in the first line.

Every row of the table has a sample, and everything in every rule one that it decides, so that what says nothing is found out.
"""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.health import custom
from reconciler.health.clauses import ConditionRule
from reconciler.health.rules import RULES, assess, has_health, row_of, rule_of
from reconciler.health.static import exists
from reconciler.model.outcome import Health, HealthStatus

FIXTURES = Path(__file__).parents[2] / "fixtures" / "health"
FILES = sorted(FIXTURES.rglob("*.yaml"))
SAMPLES = {file: yaml.safe_load(file.read_text()) for file in FILES}
TABLES = {id(rule): (row, rule) for row, rule in RULES.items() if isinstance(rule, ConditionRule)}


def kind_of(document):
    return document["apiVersion"].rpartition("/")[0], document["kind"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_a_verdict_and_its_reason(file):
    head = yaml.safe_load(file.read_text().splitlines()[0].removeprefix("# "))
    verdict = HealthStatus(file.stem.partition("-")[0].capitalize())
    assert assess(SAMPLES[file]) == Health(verdict, head["reason"] or "")


def test_every_sample_stands_under_its_kind():
    places = {file: kind_of(document) for file, document in SAMPLES.items()}
    assert [
        file for file, (group, kind) in places.items()
        if file.parent.name not in (kind.lower(), f"{kind.lower()}.{group}", "custom")
    ] == []  # fmt: skip


@pytest.mark.parametrize("row", sorted(row for row, rule in RULES.items() if rule is not exists), ids="/".join)
def test_every_row_has_a_sample(row):
    assert row in {row_of(*kind_of(document)) for document in SAMPLES.values()}


@pytest.mark.parametrize(("row", "rule"), [pytest.param(row, rule, id="/".join(row)) for row, rule in TABLES.values()])
def test_everything_in_a_rule_decides_a_sample(row, rule):
    deciding = [_deciding(rule, document) for document in SAMPLES.values() if rule_of(*kind_of(document)) is rule]
    for test in (None, *(test for clause in rule.clauses for test in clause.tests)):
        assert any(found is test for found in deciding), f"nothing is decided by {test or 'the end'} of {row}"


def _deciding(rule, document):
    found = rule.deciding(document)
    return next(test for test in found[0].tests if test.told(document) is not None) if found else None


@pytest.mark.parametrize("rule", {rule for rule in RULES.values() if rule is not exists and not isinstance(rule, ConditionRule)},
                         ids=lambda rule: rule.__name__)  # fmt: skip
def test_every_function_has_a_sample_that_is_healthy_and_one_that_is_not(rule):
    found = {assess(document).status for document in SAMPLES.values() if rule_of(*kind_of(document)) is rule}
    assert HealthStatus.HEALTHY in found
    assert len(found) > 1


@pytest.mark.parametrize(
    ("group", "kind", "told"),
    [
        pytest.param("apps", "Deployment", True, id="with a rule"),
        pytest.param("example.com", "Widget", True, id="custom"),
        pytest.param("cert-manager.io", "Certificate", True, id="of an operator"),
        pytest.param("", "Secret", False, id="Secrets never"),
        pytest.param("rbac.authorization.k8s.io", "Role", False, id="RBAC"),
        pytest.param("networking.k8s.io", "NetworkPolicy", False, id="NetworkPolicy"),
        pytest.param("networking.istio.io", "VirtualService", False, id="a group without a status"),
        pytest.param("aws.upbound.io", "ProviderConfig", False, id="a kind without a status in groups that have one"),
        pytest.param("example.com", "ConfigMap", True, id="somebody's own ConfigMap"),
    ],
)
def test_whether_the_status_of_a_kind_tells_its_health(group, kind, told):
    assert has_health(group, kind) is told


@pytest.mark.parametrize(
    ("group", "kind", "row"),
    [
        pytest.param("apps", "Deployment", ("apps", "Deployment"), id="its own"),
        pytest.param("kafka.strimzi.io", "KafkaUser", ("kafka.strimzi.io", "*"), id="of its group"),
        pytest.param("kafka.strimzi.io", "KafkaNodePool", ("kafka.strimzi.io", "KafkaNodePool"), id="its own before the group's"),
        pytest.param("s3.aws.m.upbound.io", "Bucket", ("*.upbound.io", "*"), id="of groups that end alike"),
        pytest.param("operator.knative.dev", "KnativeEventing", ("operator.knative.dev", "*"), id="a group before its ending"),
        pytest.param("upbound.io", "Widget", None, id="an ending is no group"),
        pytest.param("myupbound.io", "Widget", None, id="an ending begins at a dot"),
        pytest.param("example.com", "Widget", None, id="none"),
    ],
)
def test_which_row_judges_a_kind(group, kind, row):
    assert row_of(group, kind) == row
    assert rule_of(group, kind) is (RULES[row] if row else custom.resource)


def test_a_kind_without_health_is_healthy_from_its_name_alone():
    assert assess({"apiVersion": "v1", "kind": "Secret", "metadata": {}}) == Health(HealthStatus.HEALTHY)


def test_a_rule_of_people_has_the_word_of_conditions_too():
    document = {
        "apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"generation": 1},
        "status": {"conditions": [{"type": "Stalled", "status": "True"}]},
    }  # fmt: skip
    assert assess(document, lambda _: Health(HealthStatus.HEALTHY, "mine")) == Health(HealthStatus.HEALTHY, "mine")


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"metadata": {"deletionTimestamp": "2026-11-01T10:00:00Z"}}, id="that goes"),
        pytest.param({"metadata": {"generation": 2}, "status": {"observedGeneration": 1}}, id="of an older generation"),
    ],
)
def test_a_rule_of_people_does_not_judge_an_object(document):
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", **document}
    assert assess(widget, lambda _: Health(HealthStatus.HEALTHY)).status is HealthStatus.PROGRESSING


WORDS = st.sampled_from(["", "True", "False", "Ready", "Failed", "Bound", "CrashLoopBackOff", "Unknown", "x"])
SCALARS = st.none() | st.booleans() | st.integers(-1, 3) | st.floats(allow_nan=False) | WORDS
NAMES = st.sampled_from(
    ["conditions", "type", "status", "reason", "message", "phase", "state", "replicas", "observedGeneration", "parents", "listeners",
     "containerStatuses", "waiting", "terminated", "exitCode", "loadBalancer", "ingress", "allocatedResourceStatuses", "byPod", "errors",
     "updateStrategy", "rollingUpdate", "partition", "type", "completions", "ceph", "health", "service", "ancestors"]
)  # fmt: skip
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)


OBJECTS = {"row": st.sampled_from(sorted(RULES)), "spec": ANYTHING, "status": ANYTHING, "annotations": ANYTHING}


@given(**OBJECTS)
@settings(max_examples=100, deadline=None)
def test_no_object_of_whatever_shape_is_more_than_can_be_judged(row, spec, status, annotations):
    _judge(row, spec, status, annotations)


@pytest.mark.long
@given(**OBJECTS)
@settings(max_examples=10_000, deadline=None)
def test_none_of_very_many_objects_is_more_than_can_be_judged(row, spec, status, annotations):
    _judge(row, spec, status, annotations)


def _judge(row, spec, status, annotations):
    group, kind = row[0].replace("*.", "some."), row[1].replace("*", "Widget")
    api_version = f"{group}/v1" if group else "v1"
    metadata = {"name": "x", "generation": 1, "annotations": annotations}
    document = {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec, "status": status}
    assert isinstance(assess(document), Health)
