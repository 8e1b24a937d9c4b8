"""Settings that are more than a value: rules of health, written in the settings file."""

import json

import pytest
from pydantic import ValidationError

from reconciler.model.declared import HealthRule, IgnoreRule
from reconciler.settings import ReconcilerSettings


def test_health_rules_are_read_from_the_settings_file(tmp_path, monkeypatch):
    file = tmp_path / "settings.yaml"
    file.write_text("health_rules: [{group: example.com, kind: Widget, healthy: status.phase == 'Running'}]\n")
    monkeypatch.setenv("TRUEUP_CONFIG", str(file))
    assert ReconcilerSettings().health_rules == (
        HealthRule(group="example.com", kind="Widget", healthy="status.phase == 'Running'"),
    )


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        pytest.param({"kind": "Widget", "healthy": "stauts.x"}, "Widget, healthy: stauts is not known", id="an expression"),
        pytest.param({"kind": "Widget", "healthy": "true", "message": "1 +"}, "Widget, message: column 4", id="a message"),
        pytest.param({"group": "", "kind": "Secret", "healthy": "true"}, "the content of Secrets is never watched", id="Secrets"),
        pytest.param({"kind": "Widget"}, "healthy", id="a rule without what is healthy"),
        pytest.param(
            {"kind": "Widget", "healthy": "true", "degarded": "true"},
            "degarded is no field of a health rule; known are group, kind",
            id="a misspelt one",
        ),
    ],
)
def test_a_rule_that_cannot_be_is_refused_at_the_start(rule, message):
    with pytest.raises(ValidationError, match=message):
        ReconcilerSettings(health_rules=[rule])


RULE = {"group": "apps", "kind": "Deployment", "paths": ["spec.replicas"]}


def test_fields_that_are_left_to_others_everywhere_are_read_from_the_file_or_as_json(tmp_path, monkeypatch):
    expected = (IgnoreRule("Deployment", "apps", paths=("spec.replicas",)),)
    file = tmp_path / "settings.yaml"
    file.write_text("ignore: [{group: apps, kind: Deployment, paths: [spec.replicas]}]\n")
    monkeypatch.setenv("TRUEUP_CONFIG", str(file))
    assert ReconcilerSettings().ignore == expected
    monkeypatch.delenv("TRUEUP_CONFIG")
    monkeypatch.setenv("TRUEUP_IGNORE", json.dumps([RULE]))
    assert ReconcilerSettings().ignore == expected


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"paths": ["spec..x"]}, "is no path of a field"),
        ({"paths": []}, "needs paths, managers, or both"),
        ({"nam": "x"}, "Unexpected"),
    ],
)
def test_a_rule_without_meaning_is_refused(change, told):
    with pytest.raises(ValidationError, match=told):
        ReconcilerSettings(ignore=[RULE | change])
