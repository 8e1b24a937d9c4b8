"""What an application of two repositories says that it depends on in each is the truth: files of either are changed, added and removed at
random, and whenever none of its inputs there is among them, loading everything again gives the same."""

import random
from dataclasses import replace

import pytest

from reconciler.git.mirror import Mirrors
from reconciler.model.declared import Application, Destination, GitSource, Name
from reconciler.model.outcome import Revision
from reconciler.model.rendering import HelmOptions, KustomizeOptions, RenderOptions
from reconciler.plan.affected import InputTrie
from reconciler.render.renderer import Renderer
from reconciler.settings import ReconcilerSettings
from reconciler.sync.source import Source, Target, Workshop, load
from tests.servers.git_http import GivenSecrets, repository_at
from tests.servers.system import config_map
from tests.tools.build import find
from trueup.sandbox.githttp import GitServer

SHOP, CONFIG = Name("trueup", "shop"), Name("trueup", "config")
CHART = RenderOptions(helm=HelmOptions("", ("own.yaml", "$values/prod.yaml", "$values/env/stage.yaml"), True))
SOURCES = (
    GitSource(SHOP, "main", "plain"),
    GitSource(SHOP, "main", "chart", CHART),
    GitSource(CONFIG, "main", "", ref="values"),
    GitSource(CONFIG, "main", "over", RenderOptions(kustomize=KustomizeOptions(components=("/component",)))),
)
TEMPLATE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {value: {{ .Values | toJson | quote }}}"
COMPONENT = "{kind: Component, apiVersion: kustomize.config.k8s.io/v1alpha1, commonAnnotations: {a: b}}"
FILES = {
    SHOP: {
        "plain/a.yaml": config_map("a"), "chart/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0",
        "chart/templates/m.yaml": TEMPLATE,
        "chart/values.yaml": "values: 1", "README.md": "x", "prod.yaml": "prod: 2",
    },
    CONFIG: {
        "prod.yaml": "prod: 3", "env/other.yaml": "other: 4", "over/kustomization.yaml": "resources: [../base]",
        "base/kustomization.yaml": "resources: [b.yaml]", "base/b.yaml": config_map("b"), "base/unused.yaml": config_map("u"),
        "component/kustomization.yaml": COMPONENT, "plain/a.yaml": config_map("z"), "chart/values.yaml": "values: 5",
    },
}  # fmt: skip
NEW = {
    SHOP: ("plain/new.yaml", "chart/own.yaml", "env/stage.yaml", "over/x.yaml"),
    CONFIG: ("env/stage.yaml", "base/new.yaml", "over/Kustomization", "chart/own.yaml", "own.yaml"),
}
EDITS = 40


def content(path: str, number: int) -> str:
    """Something else that still depends on what it depended on."""
    if path == "chart/Chart.yaml":
        return f"apiVersion: v2\nname: c\nversion: 1.0.{number}"
    if path.startswith("chart/templates/"):
        return TEMPLATE.replace("name: m", f"name: m{number}")
    if "component" in path:
        return COMPONENT.replace("a: b", f"a: b{number}")
    if "ustomization" in path:
        return f"{{resources: [{'b.yaml' if path.startswith('base') else '../base'}], namePrefix: p{number}-}}"
    if path.startswith(("plain", "base", "over")):
        return config_map(f"c{number}", str(number))
    return f"{path.rpartition('/')[2].removesuffix('.yaml')}: {number}"


@pytest.mark.long
@pytest.mark.tool("helm")
async def test_a_change_of_no_input_of_either_repository_changes_nothing(tmp_path):
    dice, settings = (
        random.Random("two"),
        ReconcilerSettings(state=tmp_path / "state", git_protocols=("http",), helm=find("helm")),
    )
    application = Application(Name("trueup", "web"), SOURCES, Destination("c", "n"))
    async with GitServer(tmp_path / "git") as git, Renderer(settings) as renderer:
        repositories = {n: replace(repository_at(git.url(f"acme/{n.name}")), name=n) for n in FILES}
        heads = {name: await git.commit(f"acme/{name.name}", files, message="first") for name, files in FILES.items()}
        mirrors = Mirrors(settings, GivenSecrets())
        workshop = Workshop(mirrors, renderer, repositories)

        async def loaded() -> Source | str:
            revisions = tuple(Revision("refs/heads/main", heads[source.repository]) for source in SOURCES)
            found = (await load([Target(application, revisions)], workshop))[application.name]
            return found if isinstance(found, Source) else str(found)

        known = await loaded()
        assert isinstance(known, Source), known
        untouched = dict.fromkeys(FILES, 0)
        there = {name: dict(files) for name, files in FILES.items()}
        for _ in range(EDITS):
            name = dice.choice([SHOP, CONFIG])
            path = dice.choice([*FILES[name], *NEW[name]])
            before = there[name].get(path)
            after = None if before is not None and dice.random() < 0.3 else content(path, dice.randrange(1000))
            trie = InputTrie()
            trie.put(application.name, known.inputs[name].read | known.inputs[name].probed)
            heads[name] = await git.commit(f"acme/{name.name}", {path: after}, message=path)
            found = await loaded()
            if not trie.affected([path]):
                untouched[name] += 1
                assert isinstance(found, Source), f"{path} of {name} is no input, and breaks the result: {found}"
                assert found.documents == known.documents, f"{path} of {name} is no input, and changes the result"
            if isinstance(found, Source):
                known = found
                there[name] = (
                    {**there[name], path: after} if after is not None else {k: v for k, v in there[name].items() if k != path}
                )
            else:
                heads[name] = await git.commit(f"acme/{name.name}", {path: before}, message="back")
        await mirrors.close()
    assert min(untouched.values()) > EDITS / 10, untouched
