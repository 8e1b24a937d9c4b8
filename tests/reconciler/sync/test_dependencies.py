"""Charts that charts in Git need, from living servers to Helm's output: who is asked, at which version, and what is refused."""

import re

import pytest

from reconciler.artifacts.mirror import Stores
from reconciler.git.mirror import Mirror
from reconciler.model.declared import Application, Destination, Forge, GitSource, Name, Repository, RepositoryType, SecretRef
from reconciler.model.outcome import Revision
from reconciler.render.renderer import Renderer
from reconciler.settings import ReconcilerSettings
from reconciler.sync import dependencies
from reconciler.sync.recall import Memory
from reconciler.sync.source import Source, Target, Workshop, load
from tests.servers.git_http import GivenSecrets
from tests.servers.registry import CHART_LAYER, Registry, chart
from tests.tools.build import find
from trueup.sandbox.githttp import GitServer

pytestmark = [pytest.mark.long, pytest.mark.tool("helm")]

TEMPLATE = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {{{{ .Chart.Name }}}}-{{{{ .Chart.Version }}}}}}\n"
    "data: {{value: {{{{ .Values.value | quote }}}}}}\n"
).format()
GIT = Name("trueup", "git")


def parent(*lines, path="app"):
    """A chart in Git with dependencies, each a flow mapping."""
    listed = "".join(f"- {{{line}}}\n" for line in lines)
    return {f"{path}/Chart.yaml": f"apiVersion: v2\nname: parent\nversion: 1.0.0\ndependencies:\n{listed}"}


class Kitchen:
    """A Git repository, a Helm repository and a registry, and what renders them."""

    def __init__(self, git, registry, renderer, settings):
        self.git, self.registry, self._renderer, self._settings = git, registry, renderer, settings
        self.memory = None
        self.stores = Stores(settings, GivenSecrets())
        self.repositories = {
            GIT: self.repository("git", git.url("acme/shop"), RepositoryType.GIT),
            Name("trueup", "stable"): self.repository("stable", self.helm, RepositoryType.HELM),
            Name("trueup", "oci"): self.repository("oci", f"oci://{registry.host}/acme/charts", RepositoryType.OCI),
        }

    @property
    def helm(self):
        return f"{self.registry.url}/charts"

    def repository(self, name, url, kind, **more):
        return Repository(Name(more.pop("namespace", "trueup"), name), url, "x", Forge.GENERIC, "", type=kind, **more)

    async def load(self, files, path="app", *, is_trusted=True):
        commit = await self.git.commit("acme/shop", files, message="all")
        application = Application(Name("trueup", "web"), (GitSource(GIT, "main", path),), Destination("c", "n"))
        workshop = Workshop(self.stores, self._renderer, self.repositories, memory=self.memory, is_trusted=is_trusted)
        return (await load([Target(application, (Revision("", commit),))], workshop))[application.name]

    async def render(self, files, path="app", **more):
        found = await self.load(files, path, **more)
        if not isinstance(found, Source):
            return str(found)
        return {raw.document["metadata"]["name"]: raw.document["data"]["value"] for raw in found.documents}


@pytest.fixture
async def kitchen(tmp_path):
    settings = ReconcilerSettings(state=tmp_path / "state", git_protocols=("http",), helm=find("helm"))
    async with GitServer(tmp_path / "git") as git, Registry() as registry, Renderer(settings) as renderer:
        for version in ("1.0.0", "1.1.0", "2.0.0"):
            registry.add_chart("sub", version, chart("sub", version, TEMPLATE))
        registry.push("acme/charts/other", "1.0.0", chart("other", "1.0.0", TEMPLATE), CHART_LAYER)
        yield Kitchen(git, registry, renderer, settings)


async def test_a_range_means_its_highest_version_and_a_lock_its_own(kitchen):
    files = parent(f"name: sub, version: ^1, repository: '{kitchen.helm}/'")
    assert await kitchen.render(files) == {"sub-1.1.0": "one"}
    lock = {"app/Chart.lock": f"dependencies: [{{name: sub, version: 1.0.0, repository: '{kitchen.helm}'}}]\n"}
    assert await kitchen.render(lock) == {"sub-1.0.0": "one"}
    seen = len(kitchen.registry.requests)
    assert await kitchen.render({"app/values.yaml": "sub: {value: two}\n"}) == {"sub-1.0.0": "two"}
    assert len(kitchen.registry.requests) == seen


async def test_registries_names_aliases_and_conditions(kitchen):
    files = parent(
        f"name: other, version: 1.0.0, repository: 'oci://{kitchen.registry.host}/acme/charts'",
        "name: sub, version: 2.0.0, repository: '@stable', alias: second",
        "name: sub, version: 1.x, repository: 'alias:stable', condition: first.enabled",
    )  # fmt: skip
    values = {"app/values.yaml": "first: {enabled: false}\nsecond: {value: deep}\n"}
    assert await kitchen.render(files | values) == {"other-1.0.0": "one", "second-2.0.0": "deep"}


async def test_what_is_vendored_is_not_asked_for(kitchen):
    vendored = {
        "app/charts/any/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.9.9\n",
        "app/charts/any/templates/a.yaml": TEMPLATE,
    }
    files = parent("name: sub, version: ^1, repository: 'https://nobody.example/charts'")
    assert await kitchen.render(files | vendored | {"app/charts/any/values.yaml": "value: own\n"}) == {"sub-1.9.9": "own"}
    assert not kitchen.registry.requests


async def test_a_chart_of_the_same_tree_counts_among_what_is_read(kitchen):
    lib = {
        "lib/Chart.yaml": "apiVersion: v2\nname: lib\nversion: 0.1.0\n",
        "lib/templates/a.yaml": TEMPLATE,
        "lib/values.yaml": "value: lib\n",
    }
    found = await kitchen.load(parent("name: lib, version: 0.1.0, repository: 'file://../lib'") | lib)
    assert [raw.document["data"]["value"] for raw in found.documents] == ["lib"]
    assert {"app/", "lib/"} <= found.inputs[GIT].read


NEWEST = "app/Chart.yaml: dependency sub: trueup/stable: chart sub has no version '\\^9'; the newest is 2.0.0"
UNKNOWN = (
    "no Repository that trueup may use has the address https://nobody.example/charts; declare one with type: helm, or run `helm"
)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("name: sub, version: ^9, repository: 'HELM'", NEWEST),
        ("name: sub, version: ^1, repository: 'https://nobody.example/charts'", UNKNOWN),
        ("name: sub, version: ^1, repository: 'oci://nobody.example/charts'", "no Repository that trueup may use"),
        ("name: sub, version: ^1, repository: 'http://169.254.169.254/'", "no Repository that trueup may use"),
        ("name: sub, version: ^1, repository: '@absent'", "there is no Repository trueup/absent of charts"),
        ("name: sub, version: ^1, repository: '@git'", "there is no Repository trueup/git of charts"),
        ("name: sub, version: ^1, repository: ''", "helm dependency update"),
        ("name: lib, version: ^1, repository: 'file:///etc'", "leaves the repository"),
        ("name: lib, version: ^1, repository: 'file://../../../etc'", "leaves the repository"),
        ("name: lib, version: ^1, repository: 'file://../link'", "leaves the repository|is no chart"),
        ("name: lib, version: ^1, repository: 'file://../absent'", "is no chart of the repository"),
        ("name: lib, version: ^1, repository: 'file://.'", "holds the chart itself"),
        ("name: parent, version: ^1, repository: 'file://..'", "is no chart of the repository"),
    ],
)  # fmt: skip
async def test_what_cannot_be_had_is_said_and_nobody_else_is_asked(kitchen, line, why):
    said = await kitchen.render(parent(line.replace("HELM", kitchen.helm)) | {"other/a.yaml": ""})
    assert isinstance(said, str)
    assert re.search(why, said), said


async def test_strangers_get_no_chart_that_a_secret_opens(kitchen):
    files = parent(f"name: sub, version: ^1, repository: '{kitchen.helm}'")
    assert await kitchen.render(files, is_trusted=False) == {"sub-1.1.0": "one"}
    kitchen.repositories[Name("trueup", "stable")] = kitchen.repository(
        "stable", kitchen.helm, RepositoryType.HELM, credentials=SecretRef("trueup", "charts")
    )
    assert "trueup/stable is opened by a Secret, and not for a commit of people" in await kitchen.render({}, is_trusted=False)


async def test_a_chart_that_only_helm_understands_is_left_to_it(kitchen):
    odd = {"app/Chart.yaml": "apiVersion: v2\nname: parent\nversion: 1.0.0\nversion: 1.0.1\n", "app/templates/a.yaml": TEMPLATE}
    assert await kitchen.render(odd | {"app/values.yaml": "value: odd\n"}) == {"parent-1.0.1": "odd"}


async def test_copies_of_one_chart_do_not_fill_the_disk(kitchen, monkeypatch):
    monkeypatch.setattr(dependencies._Tree.__init__, "__defaults__", (5000,))
    lib = {"lib/Chart.yaml": "apiVersion: v2\nname: lib\nversion: 0.1.0\n", "lib/a.txt": "x" * 2000}
    copies = [f"name: lib{number}, version: '*', repository: 'file://../lib'" for number in range(3)]
    assert "dependency lib2: 'file://../lib': with it the dependencies are more than" in await kitchen.render(
        parent(*copies) | lib
    )


async def test_a_repository_of_another_namespace_must_allow_it(kitchen):
    files = parent(f"name: sub, version: ^1, repository: '{kitchen.helm}'")
    del kitchen.repositories[Name("trueup", "stable")]
    other = kitchen.repository("stable", kitchen.helm, RepositoryType.HELM, namespace="team")
    kitchen.repositories[other.name] = other
    assert "no Repository that trueup may use" in await kitchen.render(files)
    assert not kitchen.registry.requests
    allowed = kitchen.repository("stable", kitchen.helm, RepositoryType.HELM, namespace="team", allowed_namespaces=("true*",))
    kitchen.repositories[other.name] = allowed
    assert await kitchen.render(files) == {"sub-1.1.0": "one"}


async def test_a_render_is_remembered_with_what_it_was_given(kitchen, tmp_path, monkeypatch):
    kitchen.memory = Memory(ReconcilerSettings(state=tmp_path / "memory"))
    files = parent(f"name: sub, version: ^1, repository: '{kitchen.helm}'")
    assert await kitchen.render(files) == {"sub-1.1.0": "one"}
    rendered = []
    render = Renderer.render

    async def counted(self, root, requests):
        rendered.extend(requests)
        return await render(self, root, requests)

    monkeypatch.setattr(Renderer, "render", counted)
    assert await kitchen.render({}) == {"sub-1.1.0": "one"}
    assert not rendered
    kitchen.registry.add_chart("sub", "1.2.0", chart("sub", "1.2.0", TEMPLATE))
    assert await kitchen.render({}) == {"sub-1.2.0": "one"}
    assert len(rendered) == 1
    kitchen.memory.close()


def test_a_git_repository_is_no_place_of_charts(kitchen):
    assert type(kitchen.stores.of(kitchen.repositories[GIT])) is Mirror
