"""`trueup repository` as a person runs it: the table, the JSON and the exit code."""

import asyncio
import json

import pytest

from tests.servers.command_line import run
from tests.servers.declarations import SHOP_AND_WEB
from tests.servers.system import config_map
from trueup.sandbox.githttp import GitServer


@pytest.fixture
def environment(tmp_path):
    server = GitServer(tmp_path / "git")
    asyncio.run(server.commit("acme/shop", {"apps/web/a.yaml": config_map("web")}, message="one"))
    (tmp_path / "declarations").mkdir()
    (tmp_path / "declarations" / "all.yaml").write_text(SHOP_AND_WEB.replace("URL", str(server.path("acme/shop"))))
    return {
        "TRUEUP_DECLARATIONS": str(tmp_path / "declarations"), "TRUEUP_STATE": str(tmp_path / "state"),
        "TRUEUP_GIT_PROTOCOLS": "file",
    }  # fmt: skip


def test_what_is_declared_is_listed(environment, tmp_path):
    ended = run("repository", "list", environment=environment)
    assert ended.code == 0
    assert ended.out.splitlines()[0].split() == ["NAME", "TYPE", "FORGE", "URL", "APPLICATIONS"]
    (row,) = json.loads(run("repository", "list", "--json", environment=environment).out)["items"]
    url = str(tmp_path / "git" / "acme" / "shop.git")
    assert row == {"name": "trueup/shop", "type": "git", "forge": "generic", "url": url, "applications": 1}


def test_a_repository_that_is_ready_for_a_push(environment):
    ended = run("repository", "verify", "shop", environment=environment)
    assert ended.code == 0, ended.out
    assert ended.out.splitlines()[0].split() == ["WHAT", "STATE", "MESSAGE"]
    said = json.loads(run("repository", "verify", "shop", "--json", environment=environment).out)
    assert said["repository"] == "trueup/shop"
    assert {item["name"]: item["state"] for item in said["items"]}["revision main"] == "ok"


def test_one_that_is_not_and_one_that_nobody_knows(environment):
    ended = run("repository", "verify", "shop", environment=environment | {"TRUEUP_GIT_PROTOCOLS": "https"})
    assert ended.code == 1
    assert "TRUEUP_GIT_PROTOCOLS does not list" in ended.out
    ended = run("repository", "verify", "absent", environment=environment)
    assert (ended.code, "there is no Repository trueup/absent; there are: trueup/shop" in ended.err) == (1, True)
