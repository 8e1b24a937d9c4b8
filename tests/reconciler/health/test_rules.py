"""One file a verdict: tests/fixtures/health/<kind>/<verdict>-<case>.yaml, its reason in the first line."""

from pathlib import Path

import pytest
import yaml

from reconciler.health.rules import RULES, STATUSLESS, assess, has_health
from reconciler.model.outcome import Health, HealthStatus

FIXTURES = Path(__file__).parents[2] / "fixtures" / "health"
FILES = sorted(FIXTURES.rglob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_a_verdict_and_its_reason(file):
    text = file.read_text()
    head = yaml.safe_load(text.splitlines()[0].removeprefix("# "))
    verdict = HealthStatus(file.stem.partition("-")[0].capitalize())
    assert assess(yaml.safe_load(text)) == Health(verdict, head["reason"] or "")


@pytest.mark.parametrize(("group", "kind"), sorted(RULES), ids=lambda part: part or "core")
def test_every_rule_has_a_case(group, kind):
    same_rule = {name.lower() for (_, name), rule in RULES.items() if rule is RULES[group, kind]}
    assert same_rule & {file.parent.name for file in FILES}


def test_no_kind_has_both_a_rule_and_no_status():
    assert not STATUSLESS & RULES.keys()


@pytest.mark.parametrize(
    ("group", "kind", "told"),
    [
        pytest.param("apps", "Deployment", True, id="with a rule"),
        pytest.param("example.com", "Widget", True, id="custom"),
        pytest.param("", "Secret", False, id="Secrets never"),
        pytest.param("rbac.authorization.k8s.io", "Role", False, id="RBAC"),
        pytest.param("networking.k8s.io", "NetworkPolicy", False, id="NetworkPolicy"),
        pytest.param("example.com", "ConfigMap", True, id="somebody's own ConfigMap"),
    ],
)
def test_whether_the_status_of_a_kind_tells_its_health(group, kind, told):
    assert has_health(group, kind) is told


def test_a_kind_without_health_is_healthy_from_its_name_alone():
    assert assess({"apiVersion": "v1", "kind": "Secret", "metadata": {}}) == Health(HealthStatus.HEALTHY)
