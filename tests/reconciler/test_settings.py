"""Settings from the environment and from the file that `TRUEUP_CONFIG` names."""

import json

import pytest
from pydantic import ValidationError

from jobs.settings import JobSettings
from receiver.settings import ReceiverSettings
from reconciler.errors import InvalidDeclaration
from reconciler.model.policy import HealthRule, IgnoreRule
from reconciler.settings import ReconcilerSettings, file_settings, split_list, unknown_keys, variable_of


@pytest.fixture
def file(tmp_path, monkeypatch):
    def write(content):
        path = tmp_path / "trueup.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        monkeypatch.setenv("TRUEUP_CONFIG", str(path))
        return path

    return write


def test_the_file_is_read_and_the_environment_wins(file, monkeypatch):
    file("instance: blue\ngit_timeout: 7\ngit_protocols: [https, file]\nkubeconfig: /k\nstate: /s\n")
    monkeypatch.setenv("TRUEUP_GIT_TIMEOUT", "9")
    settings = ReconcilerSettings()
    assert (settings.instance, settings.git_timeout, settings.git_protocols) == ("blue", 9.0, ("https", "file"))
    assert (str(settings.kubeconfig), str(settings.state)) == ("/k", "/s")
    monkeypatch.setenv("KUBECONFIG", "/other")
    assert str(ReconcilerSettings().kubeconfig) == "/other"
    assert ReconcilerSettings(instance="given").instance == "given"


@pytest.mark.parametrize("given", ['["file"]', "https,ftp", "HTTPS"])
def test_a_protocol_that_is_none_is_named(given, monkeypatch):
    monkeypatch.setenv("TRUEUP_GIT_PROTOCOLS", given)
    with pytest.raises(ValidationError, match="is no protocol; known are https, ssh, http, file, with commas between them"):
        ReconcilerSettings()


@pytest.mark.parametrize("content", ["", "# nothing\n", "{}"], ids=["empty", "a comment", "an empty mapping"])
def test_a_file_that_says_nothing_changes_nothing(file, content):
    file(content)
    assert ReconcilerSettings() == ReconcilerSettings.model_validate({})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param("a: [", "trueup.yaml, line", id="half a file"),
        pytest.param("- instance", "must be a mapping", id="a list"),
        pytest.param("instance", "must be a mapping", id="a text"),
        pytest.param(b"\xff\xfe", "trueup.yaml", id="no text"),
        pytest.param("instance: a\ninstance: b\n", "instance", id="twice the same key"),
    ],
)
def test_a_file_that_is_not_understood_is_named(file, content, told):
    file(content)
    with pytest.raises(InvalidDeclaration, match="TRUEUP_CONFIG") as refused:
        ReconcilerSettings()
    assert told in str(refused.value)


def test_a_file_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("TRUEUP_CONFIG", "/nowhere/trueup.yaml")
    with pytest.raises(InvalidDeclaration, match=r"/nowhere/trueup\.yaml: No such file"):
        ReconcilerSettings()


def test_without_a_file_there_is_none(monkeypatch):
    monkeypatch.setenv("TRUEUP_CONFIG", "")
    assert file_settings() == {}


@pytest.mark.parametrize(
    ("content", "kinds", "found"),
    [
        ("instance: a\n", [ReconcilerSettings], []),
        ("listen: 'x:1'\n", [JobSettings], ["listen"]),
        ("listen: 'x:1'\n", [ReceiverSettings], []),
        ("instance: a\nTRUEUP_STATE: /s\nlisten_on: x\n", [ReceiverSettings], ["TRUEUP_STATE", "listen_on"]),
    ],
)
def test_keys_that_mean_nothing_are_found(file, content, kinds, found):
    file(content)
    assert unknown_keys(*kinds) == found


@pytest.mark.parametrize(
    ("name", "variable"), [("state", "TRUEUP_STATE"), ("kubeconfig", "KUBECONFIG"), ("git_timeout", "TRUEUP_GIT_TIMEOUT")]
)
def test_every_setting_has_its_variable(name, variable):
    assert variable_of(name, ReconcilerSettings.model_fields[name]) == variable


@pytest.mark.parametrize(
    ("given", "found"), [("a, b,,c ", ["a", "b", "c"]), ("", []), (["a"], ["a"]), (("a",), ("a",)), (None, None)]
)
def test_lists_are_separated_by_commas(given, found):
    assert split_list(given) == found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("INSTANCE", "Blue"), ("INSTANCE", "-a"), ("INSTANCE", "a" * 41), ("INSTANCE", ""), ("GIT_TIMEOUT", "0"),
        ("RENDER_MEMORY", "1"), ("API_CONCURRENCY", "0"), ("API_TIMEOUT", "x"),
    ],
    ids=str,
)  # fmt: skip
def test_nonsense_is_refused(name, value, monkeypatch):
    monkeypatch.setenv(f"TRUEUP_{name}", value)
    with pytest.raises(ValidationError):
        ReconcilerSettings()


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
