"""What stands in the place of an application's sources when people say so: which repository is meant, and what is rendered then."""

import asyncio
from pathlib import Path

import pytest
import yaml

from reconciler.model.declared import Application, Destination, GitSource, Name
from tests.servers.command_line import run
from tests.servers.system import config_map
from trueup.cli.chosen import Chosen
from trueup.cli.output import Failure
from trueup.sandbox.githttp import GitServer

SHOP, CONFIG, FAR = Name("trueup", "shop"), Name("trueup", "config"), Name("far", "config")


def application(*repositories):
    return Application(Name("trueup", "web"), tuple(GitSource(name, "main", "") for name in repositories), Destination("c", "n"))


@pytest.mark.parametrize(
    ("repositories", "text", "found"),
    [
        pytest.param([SHOP], "v1", {SHOP: "v1"}, id="the only one"),
        pytest.param([SHOP, SHOP], "v1", {SHOP: "v1"}, id="the only one, twice"),
        pytest.param([SHOP], "shop=v1", {SHOP: "v1"}, id="the only one, named"),
        pytest.param([SHOP], "semver:>=1.2", {SHOP: "semver:>=1.2"}, id="a range of tags"),
        pytest.param([SHOP], "shop=semver:>=1.2", {SHOP: "semver:>=1.2"}, id="a range, named"),
        pytest.param([SHOP, CONFIG], "config=v1", {CONFIG: "v1"}, id="one of two"),
        pytest.param([SHOP, CONFIG], "trueup/config=v1", {CONFIG: "v1"}, id="one of two, in full"),
        pytest.param([SHOP, FAR], "far/config=v1", {FAR: "v1"}, id="of another namespace"),
    ],
)
def test_the_repository_is_named_where_there_are_several(repositories, text, found):
    assert Chosen.of(application(*repositories), [text], []) == Chosen(found, {})
    assert Chosen.of(application(*repositories), [], [text]) == Chosen({}, {name: Path(value) for name, value in found.items()})


@pytest.mark.parametrize(
    ("repositories", "revisions", "directories", "told"),
    [
        pytest.param(
            [SHOP, CONFIG], ["v1"], [], "'v1': which repository? write --revision config=… or --revision shop=…", id="none"
        ),
        pytest.param([SHOP, FAR], [], ["config=."], "write --source-dir far/config=… or --source-dir shop=…", id="half a name"),
        pytest.param([SHOP], ["v1"], ["."], "trueup/shop: --revision and --source-dir exclude each other", id="both"),
    ],
)
def test_what_is_not_clear_is_asked_for(repositories, revisions, directories, told):
    with pytest.raises(Failure, match=told.replace("?", "\\?")):
        Chosen.of(application(*repositories), revisions, directories)


DECLARED = """
apiVersion: trueup.dev/v1alpha1
kind: Repository
metadata: {name: shop}
spec: {url: 'GIT/acme/shop.git', forge: generic}
---
apiVersion: trueup.dev/v1alpha1
kind: Repository
metadata: {name: config}
spec: {url: 'GIT/acme/config.git', forge: generic}
---
apiVersion: trueup.dev/v1alpha1
kind: Application
metadata: {name: web}
spec:
  sources: [{git: {repository: shop, path: web}}, {git: {repository: config}}]
  destination: {namespace: web}
"""


@pytest.fixture
def rendered(tmp_path):
    """Renders with options; the values of the ConfigMaps, or what was said."""
    server = GitServer(tmp_path / "git")

    async def commit():
        for value in ("1", "2"):
            await server.commit("acme/shop", {"web/a.yaml": config_map("a", value)}, message=value)
            await server.commit(
                "acme/config", {"b.yaml": config_map("b", value)}, message=value, branch="main" if value == "1" else "next"
            )

    asyncio.run(commit())
    (tmp_path / "declarations").mkdir()
    (tmp_path / "declarations" / "all.yaml").write_text(DECLARED.replace("GIT", str(server.path("acme/x").parents[1])))
    environment = {
        "TRUEUP_DECLARATIONS": str(tmp_path / "declarations"), "TRUEUP_STATE": str(tmp_path / "state"), "TRUEUP_GIT_PROTOCOLS": "file",
        "TRUEUP_WEBHOOK_KEYS": "ab" * 32,
    }  # fmt: skip

    def render(*options):
        ended = run("render", "web", *options, environment=environment)
        if ended.code:
            return ended.err
        return {one["metadata"]["name"]: one["data"]["value"] for one in yaml.safe_load_all(ended.out)}

    return render


def test_each_source_is_rendered_as_was_asked_for(rendered, tmp_path):
    assert rendered() == {"a": "2", "b": "1"}
    assert rendered("--revision", "config=next") == {"a": "2", "b": "2"}
    work = tmp_path / "work"
    (work / "web").mkdir(parents=True)
    (work / "web" / "a.yaml").write_text(config_map("a", "mine"))
    (work / "elsewhere.yaml").write_text(config_map("a", "not this"))
    assert rendered("--source-dir", f"shop={work}", "--revision", "config=next") == {"a": "mine", "b": "2"}
    (work / "web" / "a.yaml").write_text("kind: ConfigMap\n")
    assert "web/a.yaml, line 1: apiVersion is missing" in rendered("--source-dir", f"shop={work}")
    assert "which repository?" in rendered("--revision", "next")
    assert "is no directory" in rendered("--source-dir", f"shop={work}/nowhere")
