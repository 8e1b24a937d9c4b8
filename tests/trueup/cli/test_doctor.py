"""What `trueup doctor` says where all is there, and where something is not."""

import json

import pytest

from tests.servers.command_line import run

NAMES = ["git", "kubectl", "helm", "sops", "ssh", "gpg", "redis", "cluster", "renderers"]
NOBODY = (
    "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: a, user: a}}]\n"
    "clusters: [{name: a, cluster: {server: 'http://127.0.0.1:1'}}]\nusers: [{name: a, user: {}}]\n"
)


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    (tmp_path / "kubeconfig").write_text(NOBODY)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.setenv("TRUEUP_STATE", str(tmp_path / "state"))


def examined(**environment: str):
    ended = run("doctor", "--json", environment=environment)
    return ended, {item["name"]: item for item in json.loads(ended.out)["items"]}


def test_everything_is_looked_for_and_a_cluster_that_does_not_answer_fails():
    ended, found = examined()
    assert list(found) == NAMES
    assert ended.code == 1
    assert (found["git"]["state"], found["kubectl"]["state"], found["redis"]["state"]) == ("ok", "ok", "ok")
    assert found["git"]["version"].startswith("git version 2.")
    assert (found["cluster"]["state"], "127.0.0.1:1" in found["cluster"]["mend"]) == ("failed", True)


def test_the_guards_of_the_kernel_are_named():
    _, found = examined()
    assert {pair.partition("=")[0] for pair in found["renderers"]["version"].split()} == {"files", "network", "calls"}


def test_a_program_that_is_not_there_or_does_not_run_is_said_with_its_mend(tmp_path):
    broken = tmp_path / "helm"
    broken.write_text("#!/bin/sh\necho broken >&2; exit 3\n")
    broken.chmod(0o755)
    _, found = examined(TRUEUP_HELM=str(broken))
    assert (found["helm"]["state"], found["helm"]["mend"]) == ("missing", f"{broken} does not run: broken")


def test_a_redis_that_does_not_answer_fails_and_its_password_is_not_told():
    ended, found = examined(TRUEUP_REDIS_URL="redis://:canary@127.0.0.1:1/0")
    assert found["redis"]["state"] == "failed"
    assert "canary" not in ended.out


def test_people_get_a_table():
    ended = run("doctor")
    assert ended.out.splitlines()[0].split() == ["WHAT", "STATE", "VERSION", "MEND"]
    assert len(ended.out.splitlines()) == 1 + len(NAMES)
