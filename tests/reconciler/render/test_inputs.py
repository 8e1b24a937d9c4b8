"""What a render says that it depends on is the truth: files of a tree are changed, added and removed at random, and whenever none of its
inputs is among them, rendering everything again gives the same."""

import random

import pytest

from reconciler.errors import TrueupError
from reconciler.model.declared import Name
from reconciler.model.rendering import HelmOptions, JsonnetOptions, KustomizeOptions, RenderOptions
from reconciler.plan.affected import InputTrie
from reconciler.render.choose import Tools, render
from reconciler.render.helm import ask_version
from reconciler.render.result import Given, Rendered, RenderRequest
from tests.tools.build import find

NAME = Name("t", "web")
COMPONENT = "{kind: Component, apiVersion: kustomize.config.k8s.io/v1alpha1, commonAnnotations: {a: b}}"
FILES = {
    "plain/a.yaml": "map:a", "plain/sub/b.yaml": "map:b", "plain/k/kustomization.yaml": "resources: [../../base]", "plain/README.md": "x",
    "base/kustomization.yaml": "resources: [c.yaml]\nconfigMapGenerator: [{name: g, files: [g.txt]}]", "base/c.yaml": "map:c",
    "base/g.txt": "1", "base/unused.yaml": "map:u", "over/kustomization.yaml": "resources: [../base]\npatches: [{path: p.yaml}]",
    "over/p.yaml": "map:c", "component/kustomization.yaml": COMPONENT,
    "chart/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0", "chart/templates/a.yaml": "map:{{ .Values.a | default 1 | quote }}",
    "chart/values.yaml": "a: 1", "env/prod.yaml": "a: 2", "jn/main.jsonnet": "import 'l.libsonnet'",
    "vendor/l.libsonnet": "{apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: importstr 't.txt'}}", "vendor/t.txt": "t",
    "other/x.yaml": "map:x",
}  # fmt: skip
NEW = (
    "plain/new.yaml", "plain/sub/new.json", "plain/k/kustomization.yml", "base/kustomization.yml", "base/Kustomization", "over/new.yaml",
    "chart/templates/new.yaml", "env/staging.yaml", "jn/l.libsonnet", "jn/vendor/l.libsonnet", "lib/l.libsonnet", "lib/t.txt", "jn/t.txt",
    "libs/l.libsonnet", "component/kustomization.yml", "other/y.yaml", "base/new.yaml", "kustomization.yaml", "vendor/new",
)  # fmt: skip
CASES = {
    "plain": ("plain", RenderOptions()),
    "plain with an overlay": ("plain", RenderOptions(kustomize=KustomizeOptions(components=("/component",), name_prefix="x-"))),
    "kustomize": ("over", RenderOptions()),
    "kustomize with an overlay": ("over", RenderOptions(kustomize=KustomizeOptions(components=("../component",)))),
    "helm": ("chart", RenderOptions(helm=HelmOptions("", ("../env/prod.yaml", "/env/staging.yaml"), True))),
    "jsonnet": ("jn", RenderOptions(jsonnet=JsonnetOptions(library_paths=("/libs",)))),
}
EDITS = 40


def content(path: str, dice: random.Random) -> str:
    number = dice.randrange(1000)
    if path.endswith((".txt", ".md")):
        return str(number)
    if "values" in path or path.startswith("env/"):
        return f"a: {number}"
    if path.endswith(("libsonnet", "jsonnet")):
        return f"{{apiVersion: 'v1', kind: 'ConfigMap', metadata: {{name: 'n{number}'}}}}"
    if "ustomization" in path:
        return f"resources: []\nnamePrefix: p{number}-"
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\ndata: {{n: '{number}'}}"


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1))
@pytest.mark.parametrize("case", [pytest.param(c, marks=pytest.mark.tool("helm")) if c == "helm" else c for c in CASES])
def test_a_change_of_no_input_changes_nothing(plant, kubectl, case, seed):
    path, options = CASES[case]
    helm = find("helm")
    tools = Tools(kubectl, ask_version(helm) if helm else None)
    files = {
        name: text.replace("map:{{", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{") for name, text in FILES.items()
    }
    tree = plant(files)
    dice = random.Random(f"{case} {seed}")  # the same edits each time

    def rendered() -> Rendered | str:
        try:
            return render(tree, RenderRequest(NAME, path, options, Given("web")), tools)
        except TrueupError as error:
            return str(error)

    known = rendered()
    assert isinstance(known, Rendered), known
    untouched = 0
    for _ in range(EDITS):
        name = dice.choice([*FILES, *NEW])
        place = tree.root / name
        before = place.read_bytes() if place.exists() else None
        trie = InputTrie()
        trie.put(NAME, known.read | known.probed)
        if before is not None and dice.random() < 0.3:
            place.unlink()
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(content(name, dice))
        found = rendered()
        if not trie.affected([name]):
            untouched += 1
            assert found == known, f"{name} is no input, and changes the result"
        if isinstance(found, Rendered):
            known = found
        elif before is None:
            place.unlink()
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(before)
    assert untouched > EDITS / 4
