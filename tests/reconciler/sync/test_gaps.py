"""Commits that lack a submodule: who is refused for it, and that everybody else renders."""

import pytest

from reconciler.errors import InvalidManifest, PathMissing, RenderFailed, SourceRefused, SourceUnavailable
from reconciler.git.mirror import Mirrors
from reconciler.model.declared import Application, Destination, GitSource, Name
from reconciler.model.outcome import Revision
from reconciler.model.rendering import HelmOptions, RenderOptions
from reconciler.render.renderer import Renderer
from reconciler.render.result import Rendered, RenderRequest
from reconciler.settings import ReconcilerSettings
from reconciler.sync.gaps import judged, refused_at
from reconciler.sync.source import Source, Target, Workshop, load
from tests.reconciler.git.test_whole import link, modules
from tests.servers.git_http import GivenSecrets, Remote, repository_at
from tests.servers.system import config_map
from tests.tools.build import find
from trueup.sandbox.githttp import GitServer

GAPS = {"vendor/lib": "lib is refused"}
WEB = Name("trueup", "web")


def rendered(*read, probed=()):
    return Rendered((), frozenset(read), frozenset(probed), "yaml/1")


@pytest.mark.parametrize(
    ("path", "answer", "why"),
    [
        pytest.param("a", rendered("a/"), "", id="beside it"),
        pytest.param("a", rendered("a/", "vendor/lib/x"), "lib is refused", id="read"),
        pytest.param("a", rendered("a/", probed=["vendor/lib/x"]), "lib is refused", id="looked for"),
        pytest.param("vendor", rendered("vendor/"), "lib is refused", id="above it"),
        pytest.param("a", PathMissing("gone"), "lib is refused; without it: gone", id="vanished, or behind a link"),
        pytest.param("vendor", RenderFailed("bad"), "lib is refused; without it: bad", id="failed above it"),
        pytest.param("a", InvalidManifest("bad"), "bad; it may need what is refused: lib is refused", id="failed elsewhere"),
        pytest.param("vendor", SourceUnavailable("later"), "later", id="the world failed"),
    ],
)
def test_what_counts_of_an_answer(path, answer, why):
    found = judged(GAPS, RenderRequest(WEB, path), answer)
    assert (str(found) if isinstance(found, Exception) else "") == why
    assert not isinstance(found, PathMissing)
    assert judged({}, RenderRequest(WEB, path), answer) is answer


def test_a_file_that_is_asked_for_by_its_path():
    assert isinstance(refused_at(GAPS, "vendor/lib/app"), SourceRefused)
    assert refused_at(GAPS, "vendor") is refused_at(GAPS, "a.yaml") is None


FILES = {
    "plain/a.yaml": config_map("plain"), "above/more/a.yaml": config_map("above"),
    "built/kustomization.yaml": "resources: [a.yaml]\n", "built/a.yaml": config_map("built"),
    "reaching/kustomization.yaml": "resources: [../above/more/lib/base]\n",
    "chart/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n", "chart/values.yaml": "value: own\n",
    "chart/templates/a.yaml":
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {value: {{ .Values.value | quote }}}\n",
    ".gitmodules": modules(above__more__lib="https://elsewhere.example/acme/lib.git"),
}  # fmt: skip
LINKS = {"linked/a.yaml": "../above/more/lib/a.yaml", "behind": "above/more/lib/base"}
VALUES = {"lent": "$v/above/more/lib/values.yaml", "own": "$v/plain/values.yaml"}


@pytest.mark.long
@pytest.mark.tool("helm")
async def test_only_who_reads_of_a_refused_submodule_is_refused(tmp_path):
    settings = ReconcilerSettings(state=tmp_path / "state", git_protocols=("http",), helm=find("helm"))
    async with GitServer(tmp_path / "git") as git, Renderer(settings) as renderer:
        remote = Remote(git, "acme/shop")
        commit = await link(remote, {"above/more/lib": "1" * 40}, FILES, symlinks=LINKS)
        repository = repository_at(git.url("acme/shop"), submodules=True)
        workshop = Workshop(Mirrors(settings, GivenSecrets()), renderer, {repository.name: repository})

        def target(name, path, options=None):
            sources = (GitSource(repository.name, "main", path, options), GitSource(repository.name, "main", "", ref="v"))
            return Target(Application(Name("n", name), sources, Destination("c", "n")), (Revision("", commit),) * 2)

        paths = [
            "plain",
            "built",
            "chart",
            "above",
            "reaching",
            "linked",
            "behind",
            "above/more/lib",
            "above/more/lib/base",
            "absent",
        ]
        targets = [target(path, path) for path in paths]
        for name, values in VALUES.items():
            helm = HelmOptions(values_files=(values,), ignore_missing_values_files=True)
            targets.append(target(name, "chart", RenderOptions(helm=helm)))
        found = await load(targets, workshop)
    answers = {name.name: found[name] for name in found}
    assert {name for name, one in answers.items() if isinstance(one, Source)} == {"plain", "built", "chart", "own"}
    assert "linked/a.yaml: cannot be read" in str(answers["linked"])
    refused = {name: one for name, one in answers.items() if not isinstance(one, Source)}
    assert [name for name, one in refused.items() if "is elsewhere than" not in str(one)] == []
    assert [name for name, one in refused.items() if isinstance(one, PathMissing)] == []
