"""Which files of Git LFS a render fetches: those beneath its path, those that it reads elsewhere, and no others."""

import pytest

from reconciler.git.mirror import Mirrors
from reconciler.model.declared import Application, Destination, GitSource, Name, SecretRef
from reconciler.model.outcome import Revision
from reconciler.model.rendering import HelmOptions, RenderOptions
from reconciler.render.renderer import Renderer
from reconciler.settings import ReconcilerSettings
from reconciler.sync import large
from reconciler.sync.recall import Memory
from reconciler.sync.source import Source, Target, Workshop, load
from tests.servers.git_http import GivenSecrets, repository_at
from tests.servers.lfs import LfsServer, pointer
from tests.servers.system import config_map
from tests.tools.build import find
from trueup.sandbox.githttp import GitServer

pytestmark = pytest.mark.long

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n",
    "templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {value: {{ .Values.value | quote }}}\n",
}


class Studio:
    """A repository with an LFS server, and what renders it."""

    def __init__(self, git, lfs, renderer, settings):
        self.git, self.lfs, self._renderer, self._settings = git, lfs, renderer, settings
        self.memory = None

    def keep(self, text):
        return self.lfs.add(text.encode())

    async def render(self, files, path, *, options=None, is_trusted=True, **more):
        commit = await self.git.commit("acme/shop", files, message="all")
        repository = repository_at(self.git.url("acme/shop"), **{"lfs": True} | more)
        sources = (
            GitSource(repository.name, "main", path, options or RenderOptions()),
            GitSource(repository.name, "main", "", ref="v"),
        )
        application = Application(Name("trueup", "web"), sources, Destination("c", "n"))
        mirrors = Mirrors(self._settings, GivenSecrets(git={"username": b"ada", "password": b"hunter2"}))
        repositories = {repository.name: repository}
        workshop = Workshop(mirrors, self._renderer, repositories, memory=self.memory, is_trusted=is_trusted)
        found = (await load([Target(application, (Revision("", commit),) * 2)], workshop))[application.name]
        if not isinstance(found, Source):
            return str(found)
        return {raw.document["metadata"]["name"]: (raw.document.get("data") or {}).get("value") for raw in found.documents}

    @property
    def fetched(self):
        return self.lfs.count("GET")


@pytest.fixture
async def studio(tmp_path):
    settings = ReconcilerSettings(state=tmp_path / "state", git_protocols=("http",), helm=find("helm"))
    async with GitServer(tmp_path / "git") as git, LfsServer() as lfs, Renderer(settings) as renderer:
        git.instead = lfs.answer
        yield Studio(git, lfs, renderer, settings)


async def test_plain_files_are_what_their_pointers_stand_for(studio):
    files = {
        "app/a.yaml": studio.keep(config_map("a", "large")), "app/b.yaml": config_map("b"), "app/photo.png": studio.keep("photo"),
        "other/c.yaml": studio.keep(config_map("c")), "app/.hidden.yaml": studio.keep("hidden"),
    }  # fmt: skip
    assert await studio.render(files, "app") == {"a": "large", "b": "1"}
    assert studio.fetched == 1
    said = await studio.render(files, "app", lfs=False)
    assert "app/a.yaml" in said


async def test_a_file_that_a_kustomization_reads_elsewhere_is_fetched_too(studio):
    files = {
        "app/kustomization.yaml": "resources: [../base]\n", "base/kustomization.yaml": "resources: [a.yaml]\n",
        "base/a.yaml": studio.keep(config_map("a", "large")), "base/photo.png": studio.keep("photo" * 1000),
    }  # fmt: skip
    assert await studio.render(files, "app") == {"a": "large"}


@pytest.mark.tool("helm")
async def test_charts_and_values_of_other_sources(studio):
    values = {"values.yaml": studio.keep("value: own\n")}
    chart = {f"chart/{name}": text for name, text in (CHART | values).items()}
    assert await studio.render(chart, "chart") == {"c": "own"}
    options = RenderOptions(helm=HelmOptions(values_files=("$v/env/prod.yaml",)))
    files = chart | {"env/prod.yaml": studio.keep("value: prod\n"), "env/photo.png": studio.keep("photo")}
    assert await studio.render(files, "chart", options=options) == {"c": "prod"}
    assert studio.fetched == 2


async def test_what_is_large_is_fetched_only_when_it_is_read(studio, monkeypatch):
    monkeypatch.setattr(large, "LIKELY_BYTES", 100)
    files = {
        "app/kustomization.yaml": "configMapGenerator: [{name: g, files: [value=big.txt], options: {disableNameSuffixHash: true}}]\n",
        "app/big.txt": studio.keep("x" * 200), "app/other.txt": studio.keep("y" * 200), "app/small.txt": studio.keep("z"),
    }  # fmt: skip
    assert await studio.render(files, "app") == {"g": "x" * 200}
    assert studio.fetched == 2


async def test_a_file_that_cannot_be_had_is_named(studio):
    said = await studio.render({"app/a.yaml": pointer(b"gone")}, "app")
    assert said.startswith("app/a.yaml: trueup/shop: LFS: ")
    assert "does not exist" in said


async def test_a_render_is_remembered_apart_from_that_of_the_pointers(studio, tmp_path):
    studio.memory = Memory(ReconcilerSettings(state=tmp_path / "state"))
    files = {
        "app/kustomization.yaml": "configMapGenerator: [{name: g, files: [value=a.txt], options: {disableNameSuffixHash: true}}]\n"
    }
    text = studio.keep("large")
    plain = await studio.render(files | {"app/a.txt": text}, "app", lfs=False)
    assert plain == {"g": text}
    assert await studio.render(files, "app") == {"g": "large"}
    seen = len(studio.lfs.requests)
    assert await studio.render({}, "app") == {"g": "large"}
    assert len(studio.lfs.requests) == seen
    studio.memory.close()


@pytest.mark.parametrize(
    "is_lent", [False, pytest.param(True, marks=pytest.mark.tool("helm"))], ids=["of its own source", "of another"]
)
async def test_a_commit_of_strangers_gets_no_file_by_the_secret(studio, is_lent):
    more = {"credentials": SecretRef("trueup", "git"), "is_trusted": False}
    if is_lent:
        files = {f"chart/{name}": text for name, text in CHART.items()} | {"env/prod.yaml": studio.keep("value: prod\n")}
        options = RenderOptions(helm=HelmOptions(values_files=("$v/env/prod.yaml",)))
        said = await studio.render(files, "chart", options=options, **more)
    else:
        said = await studio.render({"app/a.yaml": studio.keep(config_map("a"))}, "app", **more)
    assert "LFS: is not fetched with the repository's Secret for a commit of people" in said
    assert not studio.lfs.requests
