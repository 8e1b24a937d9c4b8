"""Ways to say the path of a file that is outside of the tree, and every place of every renderer where a path can be said."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.model.declared import Name
from reconciler.model.rendering import HelmOptions, JsonnetOptions, KustomizeOptions, RenderOptions
from reconciler.render.result import RenderRequest

CANARY = "canary-5f1e"
"""What every file outside contains, and no answer may."""

MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fine}\n"

OUTSIDE: Mapping[str, str] = {
    "f.yaml": f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {CANARY}}}\ndata: {{a: {CANARY}}}\n",
    "f.env": f"A={CANARY}\n",
    "f.jsonnet": f'{{apiVersion: "v1", kind: "ConfigMap", metadata: {{name: "{CANARY}"}}}}\n',
    "t.yaml": "apiVersion: builtin\nkind: AnnotationsTransformer\nmetadata: {name: t}\n"
    f"annotations: {{a: {CANARY}}}\nfieldSpecs: [{{path: metadata/annotations, create: true}}]\n",
    "r.yaml": f"source: {{kind: ConfigMap, name: {CANARY}}}\ntargets: [{{select: {{kind: ConfigMap}}, fieldPaths: [data.a]}}]\n",
    "kustomization.yaml": f"resources: [f.yaml]\ncommonAnnotations: {{a: {CANARY}}}\n",
    "Chart.yaml": f"apiVersion: v2\nname: {CANARY}\nversion: 0.1.0\n",
    "templates/f.yaml": f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {CANARY}}}\n",
    "component/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
    f"commonAnnotations: {{a: {CANARY}}}\n",
}

UP = "../../outside"
"""From the directory of a vector, which is `tree/<vector>`, to what is outside."""

INSIDE = "inside"
"""The shape of a path that may be read: each place is tried with it, so that what fails in it does not fail for its form."""

SHAPES: Mapping[str, Callable[[str], str]] = {
    "absolute": lambda top: f"{top}/outside/F",
    "absolute-slashes": lambda top: f"//{top}//outside///F",
    "absolute-dots": lambda top: f"{top}/tree/../outside/./F",
    "up": lambda _: f"{UP}/F",
    "up-dot": lambda _: f"./{UP}/./F",
    "up-slashes": lambda _: "..//..///outside/F",
    "down-and-up": lambda _: f"d/../{UP}/F",
    "missing-and-up": lambda _: f"missing/../{UP}/F",
    "far-up": lambda top: f"{'../' * 40}{top.lstrip('/')}/outside/F",
    "top-and-up": lambda _: "/../outside/F",
    "encoded": lambda _: "%2e%2e%2f%2e%2e%2foutside%2fF",
    "encoded-half": lambda _: "..%2f..%2foutside%2fF",
    "encoded-twice": lambda _: "%252e%252e/%252e%252e/outside/F",
    "overlong": lambda _: "\xc0\xae\xc0\xae/\xc0\xae\xc0\xae/outside/F",
    "wide-dots": lambda _: "\uff0e\uff0e/\uff0e\uff0e/outside/F",
    "backslashes": lambda _: "..\\..\\outside\\F",
    "space": lambda _: f" {UP}/F",
    "line": lambda _: f"{UP}/F\n",
    "nul": lambda _: f"{UP}/F\0.yaml",
    "file-url": lambda top: f"file://{top}/outside/F",
    "file-url-short": lambda top: f"file:{top}/outside/F",
    "home": lambda _: "~/F",
    "variable": lambda _: "$HOME/../outside/F",
    "option": lambda _: f"--load-restrictor=LoadRestrictionsNone={UP}/F",
    "root-of-process": lambda top: f"/proc/self/root{top}/outside/F",
    "directory-of-process": lambda _: "/proc/self/cwd/../outside/F",
    "environment": lambda _: "/proc/self/environ",
    "first-process": lambda _: "/proc/1/environ",
    "input": lambda _: "/dev/stdin",
    "endless": lambda _: "/dev/zero",
    "passwords": lambda _: "/etc/passwd",
    "token": lambda _: "/var/run/secrets/kubernetes.io/serviceaccount/token",
    "git": lambda _: "../../.git/config",
    "link-absolute": lambda _: "links/absolute/F",
    "link-up": lambda _: "links/up/F",
    "link-to-link": lambda _: "links/chain/F",
    "link-and-up": lambda _: "links/up/../outside/F",
    "link-of-file": lambda _: "links/file/F",
    "link-circle": lambda _: "links/circle/F",
    "link-to-process": lambda _: "links/process/root/F",
}
"""By name, the path; `F` stands for the file that the place wants, and the argument is the directory above the tree."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path can be said: the files of the vector's directory, and the options of its Application."""

    renderer: str
    name: str
    wants: str
    """The file outside that would do here; empty: the directory."""
    files: Callable[[str], Mapping[str, str]]
    options: Callable[[str], RenderOptions] = lambda _: RenderOptions()
    path: Callable[[str], str] = lambda _: ""
    """The Application's path, from the vector's own directory."""


def _kustomization(text: Callable[[str], str]) -> Callable[[str], Mapping[str, str]]:
    return lambda path: {"kustomization.yaml": f"resources: [fine.yaml]\n{text(json.dumps(path))}\n", "fine.yaml": MAP}


def _chart(
    template: Callable[[str], str] = lambda _: "", more: Callable[[str], str] = lambda _: ""
) -> Callable[[str], Mapping[str, str]]:
    return lambda path: {
        "Chart.yaml": f"apiVersion: v2\nname: c\nversion: 0.1.0\n{more(json.dumps(path))}",
        "values.yaml": "a: 1\n",
        "templates/m.yaml": MAP + f"data: {{a: {{{{ {template(json.dumps(path)) or '.Values.a'} | toJson }}}}}}\n",
    }


def _jsonnet(text: Callable[[str], str]) -> Callable[[str], Mapping[str, str]]:
    head = '{apiVersion: "v1", kind: "ConfigMap", metadata: {name: "fine"}, data: {a: std.toString('
    return lambda path: {"main.jsonnet": f"{head}{text(json.dumps(path))})}}}}"}


_MERGE = "\npatches: [{target: {kind: ConfigMap}, path: %s}]"
_CHART, _FINE = _chart(), {"fine.yaml": MAP}

PLACES: tuple[Place, ...] = (
    Place("plain", "link", "f.yaml", lambda path: {"x.yaml": f"-> {path}", "fine.yaml": MAP}),
    Place("plain", "include", "f.yaml", lambda _: _FINE, lambda path: RenderOptions(include=(path, "fine.yaml"))),
    Place("kustomize", "resources", "f.yaml", lambda path: {"kustomization.yaml": f"resources: [{json.dumps(path)}]"}),
    Place("kustomize", "bases", "", lambda path: {"kustomization.yaml": f"resources: [{json.dumps(path)}]"}),
    Place("kustomize", "components", "component", _kustomization(lambda p: f"components: [{p}]")),
    Place("kustomize", "patches", "f.yaml", _kustomization(lambda p: _MERGE % p)),
    Place("kustomize", "files", "f.yaml", _kustomization(lambda p: f"configMapGenerator: [{{name: g, files: [{p}]}}]")),
    Place("kustomize", "envs", "f.env", _kustomization(lambda p: f"configMapGenerator: [{{name: g, envs: [{p}]}}]")),
    Place("kustomize", "transformers", "t.yaml", _kustomization(lambda p: f"transformers: [{p}]")),
    Place("kustomize", "crds", "f.yaml", _kustomization(lambda p: f"crds: [{p}]")),
    Place("kustomize", "replacements", "r.yaml", _kustomization(lambda p: f"replacements: [{{path: {p}}}]")),
    Place("kustomize", "link", "f.yaml", lambda path: {"kustomization.yaml": "resources: [x.yaml]", "x.yaml": f"-> {path}"}),
    Place("helm", "files-get", "f.yaml", _chart(lambda p: f".Files.Get {p}")),
    Place("helm", "files-glob", "f.yaml", _chart(lambda p: f"(.Files.Glob {p}).AsConfig")),
    Place("helm", "dependency", "", _chart(more=lambda p: f"dependencies: [{{name: d, version: 0.1.0, repository: {p}}}]\n")),
    Place("helm", "link", "f.yaml", lambda path: {**_CHART(""), "templates/x.yaml": f"-> {path}"}),
    Place("helm", "link-of-values", "f.yaml", lambda path: {**_CHART(""), "values.yaml": f"-> {path}",
          "templates/m.yaml": MAP + "data: {a: {{ .Values | toJson | quote }}}\n"}),
    Place("jsonnet", "import", "f.jsonnet", _jsonnet(lambda p: f"import {p}")),
    Place("jsonnet", "importstr", "f.jsonnet", _jsonnet(lambda p: f"importstr {p}")),
    Place("jsonnet", "importbin", "f.jsonnet", _jsonnet(lambda p: f"std.join('', [std.char(c) for c in importbin {p}])")),
    Place("jsonnet", "link", "f.jsonnet", lambda path: {**_jsonnet(lambda _: "importstr 'x'")(""), "x": f"-> {path}"}),
    Place("settings", "path", "", lambda _: _FINE, path=lambda path: path),
    Place("settings", "components", "component", lambda _: _FINE, lambda p: RenderOptions(kustomize=KustomizeOptions(components=(p,)))),
    Place("settings", "valuesFiles", "f.yaml", lambda _: {**_CHART(""), "templates/m.yaml": MAP + "data: {a: {{ .Values | toJson | quote }}}\n"},
          lambda p: RenderOptions(helm=HelmOptions(values_files=(p,)))),
    Place("settings", "entry", "f.jsonnet", lambda _: {}, lambda p: RenderOptions(jsonnet=JsonnetOptions(entry=p))),
    Place("settings", "libraryPaths", "", _jsonnet(lambda _: "importstr 'f.jsonnet'"),
          lambda p: RenderOptions(jsonnet=JsonnetOptions(library_paths=(p,)))),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Vector:
    """One shape in one place."""

    place: Place
    shape: str

    @property
    def name(self) -> str:
        """As an id."""
        return f"{self.place.renderer}-{self.place.name}-{self.shape}".lower()

    def plant(self, top: Path) -> RenderRequest:
        """Write the files of it into `tree/<name>`; answers what is asked for then."""
        path = SHAPES[self.shape](str(top)) if self.shape != INSIDE else "within/F"
        path = path.replace("F", self.place.wants).rstrip("/")
        directory = top / "tree" / self.name
        for name, text in self.place.files(path).items():
            _write(directory / name, text)
        if self.shape == INSIDE:
            for name, text in OUTSIDE.items():
                _write(directory / "within" / name, text)
        if self.shape.startswith("link"):
            _links(directory / "links", top, self.place.wants)
        directory.mkdir(exist_ok=True)
        inner = self.place.path(path)
        where = f"{self.name}/{inner}" if inner and not inner.startswith("/") else inner or self.name
        return RenderRequest(Name("t", self.name), where, self.place.options(path))


def vectors() -> Iterator[Vector]:
    """All of them; a link's target cannot hold NUL."""
    for place in PLACES:
        yield from (Vector(place, shape) for shape in SHAPES if not ("link" in place.name and shape == "nul"))


def plant_outside(top: Path) -> None:
    """What nobody may read: beside the tree, and in a `.git` above it."""
    for name, text in OUTSIDE.items():
        _write(top / "outside" / name, text)
    _write(top / ".git/config", f"{CANARY}: {CANARY}\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if text.startswith("-> "):
        path.symlink_to(text.removeprefix("-> "))
    else:
        path.write_text(text)


def _links(directory: Path, top: Path, wants: str) -> None:
    directory.mkdir(parents=True)
    (directory / "absolute").symlink_to(top / "outside")
    (directory / "up").symlink_to("../../../outside")
    (directory / "chain").symlink_to("up")
    (directory / "circle").symlink_to("circle")
    (directory / "process").symlink_to("/proc/self")
    (directory / "file").mkdir()
    if wants:
        (directory / "file" / wants).symlink_to(top / "outside" / wants)
