import pytest

from reconciler.errors import InvalidManifest, RenderFailed
from reconciler.model.declared import Name
from reconciler.model.rendering import JsonnetOptions, JsonnetVariable, RenderOptions
from reconciler.render.choose import Tools, render
from reconciler.render.result import RenderRequest

OBJECT = "{apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: '%s'}}"


def rendered(tree, **options):
    asked = RenderOptions(jsonnet=JsonnetOptions(**options) if options else None)
    return render(tree, RenderRequest(Name("t", "web"), "d", asked), Tools())


def names(found):
    return [raw.document["metadata"]["name"] for raw in found.documents]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(OBJECT % "a", ["a"], id="an object"),
        pytest.param(f"[{OBJECT % 'a'}, [{OBJECT % 'b'}], null]", ["a", "b"], id="lists"),
        pytest.param(f"{{x: {OBJECT % 'a'}, y: {{z: [{OBJECT % 'b'}]}}}}", ["a", "b"], id="mappings"),
        pytest.param(f"{{apiVersion: 'v1', kind: 'List', items: [{OBJECT % 'a'}]}}", ["a"], id="a List"),
        pytest.param("[]", [], id="nothing"),
    ],
)
def test_what_it_evaluates_to(plant, text, expected):
    assert names(rendered(plant({"d/main.jsonnet": text}))) == expected


def test_variables(plant):
    tree = plant({"d/e.jsonnet": "function(n, m=1) {kind: 'A', metadata: {name: std.extVar('x') + n + (m + std.extVar('y'))}}"})
    ext = (JsonnetVariable("x", "1"), JsonnetVariable("y", "1 + 1", is_code=True))
    found = rendered(
        tree, entry="e.jsonnet", ext_vars=ext, tlas=(JsonnetVariable("n", "b"), JsonnetVariable("m", "5", is_code=True))
    )
    assert names(found) == ["1b7"]


def test_imports_and_where_they_are_looked_for(plant):
    tree = plant({
        "d/main.jsonnet": "[import 'near.libsonnet', import 'a/b.libsonnet', import 'lib.libsonnet', import '../up.libsonnet']",
        "d/near.libsonnet": OBJECT % "near", "up.libsonnet": OBJECT % "up", "vendor/a/b.libsonnet": "import 'c.libsonnet'",
        "vendor/a/c.libsonnet": OBJECT % "vendored", "libs/lib.libsonnet": OBJECT % "lib",
    })  # fmt: skip
    found = rendered(tree, library_paths=("/libs",))
    assert names(found) == ["near", "vendored", "lib", "up"]
    assert found.read == {
        "d/main.jsonnet", "d/near.libsonnet", "up.libsonnet", "vendor/a/b.libsonnet", "vendor/a/c.libsonnet", "libs/lib.libsonnet"
    }  # fmt: skip
    assert {
        "d/a/b.libsonnet",
        "libs/a/b.libsonnet",
        "d/vendor/a/b.libsonnet",
        "d/lib/a/b.libsonnet",
        "d/lib.libsonnet",
    } <= found.probed


@pytest.mark.parametrize("word", ["import", "importstr", "importbin"])
@pytest.mark.parametrize(
    "path", ["/etc/hostname", "../../../../../../etc/hostname", "out", "deep/../../../../etc/hostname", "/dev/zero"]
)
def test_imports_stay_in_the_tree(plant, word, path):
    tree = plant({"d/main.jsonnet": f"{word} '{path}'", "d/out": "-> /etc/hostname", "d/deep/x": "x"})
    with pytest.raises(RenderFailed, match=r"^d/main\.jsonnet: jsonnet: .*(is no path within|leaves) the repository"):
        rendered(tree)


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        pytest.param("{", RenderFailed, r"^d/main\.jsonnet: jsonnet: d/main\.jsonnet:1:2 ", id="syntax"),
        pytest.param("import 'x'", RenderFailed, "import 'x': is not in the repository; looked for d/x, d/vendor/x", id="import"),
        pytest.param("error 'no'", RenderFailed, "no", id="error"),
        pytest.param("local f(x) = f(x + 1) + 1; f(1)", RenderFailed, "max stack frames exceeded", id="recursion"),
        pytest.param(
            "std.extVar('x')",
            RenderFailed,
            "Undefined external variable: x; give it in spec.render.jsonnet.extVars\n",
            id="variable",
        ),
        pytest.param("[1]", InvalidManifest, r"^d/main\.jsonnet \(jsonnet, \[0\]\): must evaluate to objects", id="a number"),
    ],
)
def test_mistakes(plant, text, kind, message):
    with pytest.raises(kind, match=message):
        rendered(plant({"d/main.jsonnet": text}))


def test_an_entry_that_is_missing(plant):
    with pytest.raises(InvalidManifest, match=r"^d/e\.jsonnet: spec\.render\.jsonnet needs it"):
        rendered(plant({"d/a": ""}), entry="e.jsonnet")
