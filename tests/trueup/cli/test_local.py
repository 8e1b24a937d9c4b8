"""`trueup validate` and `render`: what needs no running Trueup. `diff`, which needs a cluster, is in tests/e2e/test_command_line."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest
import yaml

from tests.servers.command_line import run
from tests.servers.declarations import SHOP_AND_WEB
from trueup.sandbox.githttp import GitServer

ROOT = Path(__file__).parents[3]
GOOD = SHOP_AND_WEB
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: hunter2}\n"
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {value: 'VALUE'}\n"
SPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: other}\n"


@pytest.fixture
def declarations(tmp_path):
    def write(text=GOOD, url="https://git.example/acme/shop.git", **more):
        directory = tmp_path / "declarations"
        directory.mkdir(exist_ok=True)
        (directory / "all.yaml").write_text(text.replace("URL", url))
        return {
            "TRUEUP_DECLARATIONS": str(directory), "TRUEUP_STATE": str(tmp_path / "state"), "TRUEUP_GIT_PROTOCOLS": "file",
            "TRUEUP_INSTANCE": "blue", "TRUEUP_WEBHOOK_KEYS": "ab" * 32, **more,
        }  # fmt: skip

    return write


@pytest.fixture
def shop(tmp_path):
    """A repository with two commits on main and one on a branch; its address and their hashes."""
    server = GitServer(tmp_path / "git")

    async def commits():
        files = {"apps/web/all.yaml": f"{CONFIG.replace('VALUE', 'one')}---\n{SECRET}---\n{SPACE}"}
        first = await server.commit("acme/shop", files, message="one")
        second = await server.commit("acme/shop", {"apps/web/all.yaml": CONFIG.replace("VALUE", "two")}, message="two")
        odd = "0123456789" * 4  # a branch whose name has the length of a hash
        branch = await server.commit(
            "acme/shop", {"apps/web/b.yaml": CONFIG.replace("VALUE", "b")}, message="b", branch=f"x{odd[1:]}"
        )
        return {"first": first, "second": second, "branch": branch, "name": f"x{odd[1:]}"}

    return str(server.path("acme/shop")), asyncio.run(commits())


@pytest.mark.parametrize("how", ["argument", "setting"])
def test_good_declarations_are_counted(declarations, how):
    environment = declarations()
    directory = environment["TRUEUP_DECLARATIONS"]
    arguments = [directory] if how == "argument" else []
    ended = run("validate", *arguments, environment=environment if how == "setting" else {"TRUEUP_DECLARATIONS": None})
    assert (ended.code, ended.out, ended.err) == (0, "1 repository and 1 application, all good\n", "")
    assert json.loads(run("validate", directory, "--json").out) == {"problems": []}


def test_the_example_of_the_deployment_is_good():
    assert run("validate", str(ROOT / "deploy" / "examples")).code == 0


@pytest.mark.parametrize(
    ("text", "line", "field", "told"),
    [
        pytest.param(GOOD.replace("path: apps/web", "path: /etc"), 11, "spec.sources[0].git.path", "", id="a field"),
        pytest.param(
            GOOD.replace("repository: shop", "repository: shp"), 11, "spec.sources[0].git.repository", "shp", id="a name"
        ),
        pytest.param(GOOD.replace("name: web}", "name: web}\nspce: {}", 1), 10, "spce", "", id="a field that there is not"),
        pytest.param("a: [", 2, "", "", id="no YAML"),
    ],
)
def test_every_mistake_is_named_with_file_line_and_field(declarations, text, line, field, told):
    environment = declarations(text)
    ended = run("validate", environment=environment)
    assert ended.code == 1
    assert ended.out.startswith(f"all.yaml:{line}:")
    assert field in ended.out
    assert told in ended.out
    assert "1 problem in" in ended.err
    ended = run("validate", "--json", environment=environment)
    (problem,) = json.loads(ended.out)["problems"]
    assert ended.code == 1
    assert set(problem) == {"file", "line", "field", "message"}
    assert problem["line"] == line


RULE = "object.kind != 'ConfigMap' || object.data.value != 'two'"


@pytest.fixture
def policies(tmp_path):
    def write(rule=RULE, action="deny"):
        (tmp_path / "policies.yaml").write_text(
            f'policies:\n- name: no-two\n  action: {action}\n  message: not two\n  rule: "{rule}"\n'
        )
        return str(tmp_path / "policies.yaml")

    return write


@pytest.mark.parametrize("how", ["option", "setting"])
def test_mistakes_in_policies_are_named_too(declarations, policies, how):
    environment, file = declarations(), policies(rule="object.kind =")
    ended = run(
        "validate", *(["--policies", file] if how == "option" else []),
        environment={**environment, **({"TRUEUP_POLICIES": file} if how == "setting" else {})},
    )  # fmt: skip
    assert ended.code == 1
    assert ended.out.startswith(f"{file}:5: policies[0].rule: column 13")
    assert "1 problem in" in ended.err
    own = environment["TRUEUP_DECLARATIONS"]
    assert run("validate", own, "--policies", policies(), environment={"TRUEUP_POLICIES": "/nowhere"}).code == 0


def test_a_mistake_in_a_policy_of_an_application_is_named(declarations):
    bad = f"{GOOD}  policies:\n  - name: own\n    rule: self.kind == 'x'\n"
    ended = run("validate", environment=declarations(bad))
    assert ended.out == "all.yaml:15: spec.policies[0].rule: self is not known; an expression speaks of application, object\n"


@pytest.mark.parametrize(("action", "code"), [("deny", 7), ("warn", 0)])
def test_render_shows_what_policies_say(declarations, shop, policies, action, code):
    environment = declarations(url=shop[0], TRUEUP_POLICIES=policies(action=action))
    ended = run("render", "web", environment=environment)
    assert ended.code == code
    assert "kind: ConfigMap" in ended.out
    assert ended.err.splitlines()[0] == f"{action:5} web/ConfigMap/c  (no-two) not two"
    ended = run("render", "web", "--json", environment=environment)
    (found,) = json.loads(ended.out)["policies"]
    assert (ended.code, found["action"], found["rule"], found["object"]) == (code, action, "no-two", "web/ConfigMap/c")
    assert run("render", "web", "--revision", shop[1]["first"], environment=environment).code == 0


def test_policies_that_cannot_be_read_stop_a_render(declarations):
    ended = run("render", "web", environment=declarations(TRUEUP_POLICIES="/nowhere/policies.yaml"))
    assert (ended.code, "/nowhere/policies.yaml" in ended.err) == (1, True)


@pytest.mark.parametrize("command", ["validate", "render", "diff", "webhook show"])
@pytest.mark.parametrize(
    ("directory", "code", "told"),
    [
        pytest.param(None, 2, "TRUEUP_DECLARATIONS", id="not set"),
        pytest.param("/nowhere", 1, "/nowhere: no such directory", id="not there"),
        pytest.param(__file__, 1, "no such directory", id="a file"),
    ],
)
def test_declarations_that_are_not_there(command, directory, code, told):
    arguments = [*command.split(), *([] if command == "validate" else ["web"])]
    ended = run(*arguments, environment={"TRUEUP_DECLARATIONS": directory, "TRUEUP_WEBHOOK_KEYS": "ab" * 32})
    assert ended.code == code
    assert told in ended.err


@pytest.mark.parametrize("command", ["render", "diff", "webhook show"])
def test_a_mistake_in_a_declaration_is_told_with_how_to_see_all(declarations, command):
    ended = run(*command.split(), "web", environment=declarations(GOOD.replace("kind: Application", "kind: Aplication")))
    assert ended.code == 1
    assert "trueup validate shows all" in ended.err


@pytest.mark.parametrize("command", ["render", "diff"])
def test_an_unknown_application_is_told_with_those_that_there_are(declarations, command):
    ended = run(command, "wbe", environment=declarations())
    assert (ended.code, ended.err) == (1, "trueup: there is no Application trueup/wbe; there are: trueup/web")


def test_render_prints_what_would_be_applied_with_secrets_masked(declarations, shop):
    address, commits = shop
    environment = declarations(url=address)
    ended = run("render", "web", "--revision", commits["first"], environment=environment)
    assert (ended.code, ended.err) == (0, "")
    documents = {document["kind"]: document for document in yaml.safe_load_all(ended.out)}
    assert set(documents) == {"ConfigMap", "Secret", "Namespace"}
    assert documents["ConfigMap"]["metadata"]["namespace"] == "web"
    assert documents["ConfigMap"]["metadata"]["labels"]["trueup.dev/instance"] == "blue"
    assert "namespace" not in documents["Namespace"]["metadata"]
    assert "hunter2" not in ended.out
    assert "aHVudGVyMg" not in ended.out
    as_json = json.loads(run("render", "web", "--revision", commits["first"], "--json", environment=environment).out)
    assert {document["kind"] for document in as_json["items"]} == set(documents)


@pytest.mark.parametrize(
    ("revision", "value"),
    [("", "two"), ("main", "two"), ("refs/heads/main", "two"), ("first", "one"), ("name", "b")],
    ids=["as declared", "a branch", "a ref", "a commit", "a branch as long as a hash"],
)
def test_another_revision_may_be_asked_for(declarations, shop, revision, value):
    address, commits = shop
    arguments = ["--revision", commits.get(revision, revision)] if revision else []
    ended = run("render", "web", *arguments, environment=declarations(url=address))
    assert ended.code == 0, ended.err
    assert {document["data"]["value"] for document in yaml.safe_load_all(ended.out) if document["kind"] == "ConfigMap"} == {value}


@pytest.mark.parametrize(
    ("arguments", "change", "told"),
    [
        pytest.param(["--revision", "nope"], ("", ""), "shop has no branch or tag 'nope'", id="no such branch"),
        pytest.param(["--revision", "f" * 40], ("", ""), "ffff", id="no such commit"),
        pytest.param([], ("path: apps/web", "path: apps/nope"), "apps/nope", id="no such path"),
        pytest.param([], ("acme/shop.git", "acme/nope.git"), "nope", id="no such repository"),
        pytest.param([], ("url: '/", "url: 'https:///"), "", id="a protocol that is not allowed"),
    ],
)
def test_what_cannot_be_rendered_says_why(declarations, shop, arguments, change, told):
    address, _ = shop
    ended = run("render", "web", *arguments, environment=declarations(GOOD.replace("URL", address).replace(*change)))
    assert ended.code == 1
    assert told in ended.err
    assert "Traceback" not in ended.err


def test_a_git_host_that_is_not_there_is_unreachable(declarations, unused_tcp_port):
    url = f"http://127.0.0.1:{unused_tcp_port}/acme/shop.git"
    ended = run("render", "web", environment=declarations(url=url, TRUEUP_GIT_PROTOCOLS="http"))
    assert (ended.code, "trueup/shop" in ended.err) == (6, True)


def test_a_document_that_is_wrong_is_named(declarations, tmp_path):
    server = GitServer(tmp_path / "git")
    asyncio.run(server.commit("acme/shop", {"apps/web/bad.yaml": "kind: ConfigMap\n"}, message="bad"))
    ended = run("render", "web", environment=declarations(url=str(server.path("acme/shop"))))
    assert ended.code == 1
    assert "apps/web/bad.yaml" in ended.err


def test_without_kubectl_plain_yaml_is_rendered_all_the_same(declarations, shop, monkeypatch):
    address, _ = shop
    git = Path(shutil.which("git")).parent
    monkeypatch.setenv("PATH", str(git))
    assert run("render", "web", environment=declarations(url=address)).code == 0


def test_what_is_nothing_is_said_to_be_nothing(declarations, tmp_path):
    (tmp_path / "work" / "apps" / "web").mkdir(parents=True)
    (tmp_path / "work" / "apps" / "web" / "README.md").write_text("x")
    ended = run("render", "web", "--source-dir", str(tmp_path / "work"), environment=declarations())
    assert (ended.code, ended.out) == (0, "")
    assert "trueup/web renders to no object; does spec.sources[].git.path lead to its files?" in ended.err
    (tmp_path / "empty").mkdir()
    assert "declares nothing" in run("validate", str(tmp_path / "empty")).out
