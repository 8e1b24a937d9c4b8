"""What was rendered before is not rendered again, and never stands in for something else: random trees, options and destinations."""

import random
from dataclasses import replace

import pytest

from reconciler.git.mirror import Mirrors
from reconciler.model.declared import Application, Destination, Forge, GitSource, Name, Repository
from reconciler.model.objects import Kind, Kinds
from reconciler.model.outcome import Revision
from reconciler.model.rendering import KustomizeOptions, Reference, RenderOptions, Substitution
from reconciler.render.renderer import Renderer
from reconciler.settings import ReconcilerSettings
from reconciler.sync.recall import Memory
from reconciler.sync.source import Target, Workshop, load
from tests.servers.system import config_map
from tests.tools.build import find
from trueup.sandbox.githttp import GitServer

OVERLAY = "namePrefix: x-\nresources: [../base]\n"
CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n",
    "chart/templates/a.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
        "data: {version: '{{ .Capabilities.KubeVersion }}', has: '{{ .Capabilities.APIVersions.Has \"x.io/v1\" }}'}\n"
    ),
}
VARIABLE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: '${A}'}\n"
FILES = {"a/a.yaml": config_map("a"), "base/c.yaml": config_map("c"), "over/kustomization.yaml": OVERLAY} | {
    "base/kustomization.yaml": "resources: [c.yaml]\n"
}
OPTIONS = (
    RenderOptions(),
    RenderOptions(recursive=False),
    RenderOptions(kustomize=KustomizeOptions(name_suffix="-y")),
    RenderOptions(substitute=Substitution((("A", "1"),))),
)


class CountingRenderer(Renderer):
    count = 0

    async def render(self, root, requests):
        self.count += len(requests)
        return await super().render(root, requests)


class Told:
    """ConfigMaps and Secrets, which all say the same."""

    def __init__(self):
        self.value = b"one"

    async def read(self, _):
        return {"A": self.value}


@pytest.fixture
async def stage(tmp_path):
    helm = find("helm")
    settings = ReconcilerSettings(state=tmp_path / "state", git_protocols=("http",), helm=helm)
    async with GitServer(tmp_path / "git") as git, CountingRenderer(settings) as renderer:
        repository = Repository(Name("t", "shop"), git.url("acme/shop"), "x", Forge.GENERIC, "")
        mirrors, told = Mirrors(settings, Told()), Told()
        yield git, Workshop(mirrors, renderer, {repository.name: repository}, told, memory=Memory(settings)), settings
        await mirrors.close()


def target(path, commit, options=OPTIONS[0], name="web", namespace="n"):
    application = Application(Name("t", name), (GitSource(Name("t", "shop"), "main", path),), Destination("c", namespace))
    return Target(replace(application, render=options), (Revision("", commit),))


async def test_a_start_renders_nothing_anew(stage):
    git, workshop, settings = stage
    commit = await git.commit("acme/shop", {f"apps/{n}/a.yaml": config_map(f"a{n}") for n in range(30)}, message="x")
    targets = [target(f"apps/{n}", commit, name=f"app-{n}") for n in range(30)]
    first = await load(targets, workshop)
    again = await load(targets, replace(workshop, memory=Memory(settings)))
    assert workshop.renderer.count == 30
    assert again == first
    assert len(again[Name("t", "app-3")].documents) == 1


async def test_a_change_elsewhere_renders_only_what_left_its_directory(stage):
    git, workshop, _ = stage
    first = await git.commit("acme/shop", FILES, message="x")
    await load([target("a", first), target("over", first, name="over")], workshop)
    second = await git.commit("acme/shop", {"base/c.yaml": config_map("d")}, message="y")
    found = await load([target("a", second), target("over", second, name="over")], workshop)
    assert workshop.renderer.count == 3
    assert found[Name("t", "over")].documents[0].document["metadata"]["name"] == "x-d"


@pytest.mark.tool("helm")
async def test_a_chart_is_rendered_again_when_its_destination_serves_something_else(stage):
    git, workshop, _ = stage
    commit = await git.commit("acme/shop", CHART, message="x")
    new = Kind("x.io", "v1", "X", "xs", namespaced=True)
    seen = []
    for kinds in (None, Kinds([], version="v1.30.0"), Kinds([], version="v1.31.0"), Kinds([new], version="v1.31.0")) * 2:
        asked = replace(workshop, kinds=None if kinds is None else lambda kinds=kinds: kinds)
        found = (await load([target("chart", commit)], asked))[Name("t", "web")]
        seen.append(tuple(found.documents[0].document["data"].values()))
    assert len(set(seen)) == 4, seen
    assert seen[:4] == seen[4:]
    assert workshop.renderer.count == 4


async def test_what_secrets_went_into_is_nowhere_on_disk(stage):
    git, workshop, settings = stage
    commit = await git.commit("acme/shop", {"a/a.yaml": VARIABLE}, message="x")
    workshop.secrets.value = b"hunter2"
    for _ in range(2):
        options = RenderOptions(substitute=Substitution((), (Reference("Secret", "s"),)))
        found = (await load([target("a", commit, options)], workshop))[Name("t", "web")]
        assert "hunter2" in str(found.documents)
    assert workshop.renderer.count == 2
    assert not [path for path in settings.state.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]


@pytest.mark.long
@pytest.mark.parametrize("seed", range(6))
async def test_no_render_stands_in_for_another(stage, seed):
    """Every answer is the one that rendering gives, whatever was kept before."""
    git, workshop, _ = stage
    dice = random.Random(seed)
    commits = [await git.commit("acme/shop", FILES | {"a/sub/b.yaml": config_map("b")}, message="x")]
    for _ in range(12):
        path = dice.choice([*FILES, "a/sub/b.yaml", "a/new.yaml", "a/a/a.yaml", "base/d.yaml", "kustomization.yaml"])
        text = OVERLAY if path.endswith("over/kustomization.yaml") else config_map(dice.choice("abc"))
        text = "resources: [c.yaml]\n" if path == "base/kustomization.yaml" else text
        commits.append(await git.commit("acme/shop", {path: text}, message="y"))
        asked = [
            target(
                dice.choice(("a", "a/sub", "base", "over", "a/a")),
                dice.choice(commits),
                dice.choice(OPTIONS),
                name=f"n{n}",
                namespace=dice.choice("mn"),
            )
            for n in range(6)
        ]
        cached = await load(asked, workshop)
        fresh = await load(asked, replace(workshop, memory=None))
        assert {name: _said(one) for name, one in cached.items()} == {name: _said(one) for name, one in fresh.items()}


def _said(answer):
    return str(answer) if isinstance(answer, Exception) else answer
