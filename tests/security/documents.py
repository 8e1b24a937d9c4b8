"""Documents that mean harm, by renderer: bombs wherever YAML is read, and what each renderer has of its own."""

import gzip
import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from reconciler.model.rendering import HelmOptions, RenderOptions, Substitution

Files = Mapping[str, bytes]

HEAD = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"

CHART = b"apiVersion: v2\nname: c\nversion: 0.1.0\n"

MIB = 1024 * 1024


def _laughs(width: int, depth: int) -> bytes:
    rows = [f"a0: &a0 [{','.join(['x'] * width)}]"]
    rows += [f"a{level}: &a{level} [{','.join([f'*a{level - 1}'] * width)}]" for level in range(1, depth)]
    return "\n".join(rows).encode()


def _merges(depth: int) -> bytes:
    rows = ["m0: &m0 {" + ", ".join(f"k{number}: v" for number in range(200)) + "}"]
    rows += [f"m{level}: &m{level} {{<<: [*m{level - 1}, *m{level - 1}], l{level}: 1}}" for level in range(1, depth)]
    return "\n".join(rows).encode()


BOMBS: Mapping[str, Callable[[], bytes]] = {
    "deep-lists": lambda: HEAD + b"data: " + b"[" * 100_000,
    "deep-closed-lists": lambda: HEAD + b"data: " + b"[" * 20_000 + b"]" * 20_000,
    "deep-maps": lambda: HEAD + b"data: " + b'{"a": ' * 100_000,
    "deep-blocks": lambda: b"\n".join(b" " * level + b"a:" for level in range(2_500)),
    "deep-sequences": lambda: b"- " * 100_000,
    "laughs": lambda: _laughs(9, 12),
    "laughs-wide": lambda: _laughs(100, 5),
    "merges": lambda: _merges(30),
    "alias-to-itself": lambda: HEAD + b"data: &a {b: *a}",
    "merge-of-itself": lambda: HEAD + b"data: &a {<<: *a}",
    "alias-to-nothing": lambda: HEAD + b"data: *nobody",
    "many-anchors": lambda: HEAD + b"data:\n" + b"".join(f"  a{n}: &a{n} x\n".encode() for n in range(100_000)),
    "huge-text": lambda: HEAD + b"data: {a: " + b"x" * (12 * MIB) + b"}",
    "huge-key": lambda: HEAD + b"data: {" + b"k" * (12 * MIB) + b": 1}",
    "huge-number": lambda: HEAD + b"data: {a: " + b"9" * 200_000 + b"}",
    "huge-exponent": lambda: HEAD + b"spec: {a: 1e999999999}",
    "not-a-number": lambda: HEAD + b"spec: {a: .nan}",
    "infinity": lambda: HEAD + b"spec: {a: .inf}",
    "nul": lambda: HEAD + b"data: {a: \0}",
    "binary": lambda: bytes(range(256)) * 1000,
    "gzip": lambda: gzip.compress(b"\0" * 64 * MIB),
    "utf-16": lambda: (HEAD + b"data: {a: b}").decode().encode("utf-16"),
    "utf-32": lambda: (HEAD + b"data: {a: b}").decode().encode("utf-32"),
    "half-character": lambda: HEAD + b"data: {a: \xed\xa0\x80}",
    "not-utf-8": lambda: HEAD + b"data: {a: \xff\xfe\xfd}",
    "tag-of-python": lambda: HEAD + b"data: {a: !!python/object/apply:os.system [id]}",
    "tag-of-nobody": lambda: HEAD + b"data: !<tag:x.example,2000:a> {a: b}",
    "twice-the-same-key": lambda: HEAD + b"kind: Secret\n",
    "complex-key": lambda: HEAD + b"data: {? [a, b] : c}",
    "no-mapping": lambda: b"- a\n- b\n",
    "many-documents": lambda: b"---\n".join(HEAD.replace(b": a}", f": a{n}}}".encode()) for n in range(11_000)),
    "many-empty-documents": lambda: b"---\n" * 500_000,
    "many-comments": lambda: b"# x\n" * 1_000_000 + HEAD,
    "nested-list-objects": lambda: b'{"apiVersion":"v1","kind":"List","items":[' * 5_000 + b"]}" * 5_000,
}
"""By name; made when it is wanted."""


QUICK = ("plain-", "substitute-", "jsonnet-", "remote-resource-")
"""Beginnings of names of those that take milliseconds."""


@dataclass(frozen=True, slots=True)
class Hostile:
    """One application that means harm."""

    name: str
    files: Callable[[], Files]
    options: RenderOptions = field(default_factory=RenderOptions)

    @property
    def is_long(self) -> bool:
        """Whether it has no place among tests that are run all the time."""
        return not self.name.startswith(QUICK) or self.name == "jsonnet-many-objects"


def _chart(files: Mapping[str, bytes]) -> Files:
    return {
        "Chart.yaml": b"apiVersion: v2\nname: c\nversion: 0.1.0\n",
        "values.yaml": b"a: 1\n",
        "templates/a.yaml": HEAD,
        **files,
    }


READERS: Mapping[str, Callable[[bytes], Files]] = {
    "plain": lambda bomb: {"a.yaml": bomb},
    "plain-json": lambda bomb: {"a.json": bomb},
    "kustomize-resource": lambda bomb: {"kustomization.yaml": b"resources: [a.yaml]", "a.yaml": bomb},
    "kustomize-itself": lambda bomb: {"kustomization.yaml": bomb},
    "helm-values": lambda bomb: _chart({"values.yaml": bomb}),
    "helm-template": lambda bomb: _chart({"templates/a.yaml": bomb}),
}


def _kustomization(text: str, **files: str) -> Callable[[], Files]:
    named = {name.replace("__", "/").replace("_", "."): content.encode() for name, content in files.items()}
    return lambda: {"kustomization.yaml": text.encode(), **named}


def _template(text: str, **more: bytes) -> Callable[[], Files]:
    return lambda: _chart({"templates/a.yaml": HEAD + text.encode(), **more})


def _jsonnet(text: str) -> Callable[[], Files]:
    return lambda: {"main.jsonnet": text.encode()}


def _chain(length: int) -> Files:
    steps = {f"b{n}/kustomization.yaml": f"resources: [../b{n + 1}]".encode() for n in range(length)}
    last = {f"b{length}/kustomization.yaml": b"resources: [a.yaml]", f"b{length}/a.yaml": HEAD}
    return {"kustomization.yaml": b"resources: [b0]", **steps, **last}


def _fan(depth: int) -> Files:
    """Two of each base, and each of both names both below it: a build that follows them all has 2**depth to do."""
    found = {"kustomization.yaml": b"resources: [b0l, b0r]"}
    for n in range(depth):
        for side in "lr":
            below = f"../b{n + 1}l, ../b{n + 1}r" if n + 1 < depth else "a.yaml"
            found[f"b{n}{side}/kustomization.yaml"] = f"namePrefix: {side}\nresources: [{below}]".encode()
            found[f"b{n}{side}/a.yaml"] = HEAD
    return found


def _archive(size: int) -> bytes:
    """A subchart that is small, and large when it is unpacked."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in (
            ("d/Chart.yaml", b"apiVersion: v2\nname: d\nversion: 0.1.0\n"),
            ("d/templates/a.yaml", b"#" * size),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _climbing_archive() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in ("d/Chart.yaml", "d/../../../../planted"):
            content = b"apiVersion: v2\nname: d\nversion: 0.1.0\n"
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


EXEC = "apiVersion: v1\nkind: E\nmetadata: {name: e, annotations: {config.kubernetes.io/function: 'exec: {path: ./evil}'}}"
IMAGE = "apiVersion: v1\nkind: E\nmetadata: {name: e, annotations: {config.kubernetes.io/function: 'container: {image: evil}'}}"
INFLATION = "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: e}\nname: c\nrepo: http://127.0.0.1:PORT"
EVERYTHING = "{source: {kind: ConfigMap, fieldPath: metadata.name}, targets: [{select: {kind: '.*'}, fieldPaths: ['*']}]}"
LOOP = (
    '{{ define "x" }}{{ range until 100000 }}{{ range until 100000 }}x{{ end }}{{ end }}{{ end }}data: {a: {{ include "x" . }}}'
)
SCRIPT = "#!/bin/sh\necho evil\n"

KUSTOMIZE = {
    "itself": _kustomization("resources: [.]"),
    "circle": lambda: {
        "kustomization.yaml": b"resources: [b]", "b/kustomization.yaml": b"resources: [../c]", "c/kustomization.yaml": b"resources: [../b]",
    },
    "component-of-itself": _kustomization("apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\ncomponents: [.]"),
    "chain-of-bases": lambda: _chain(400),
    "fan-of-bases": lambda: _fan(14),
    "plugin-exec": _kustomization("generators: [e.yaml]", e_yaml=EXEC, evil=SCRIPT),
    "plugin-container": _kustomization("transformers: [e.yaml]", e_yaml=IMAGE),
    "plugin-inline": _kustomization("generators:\n- |-\n  " + EXEC.replace("\n", "\n  "), evil=SCRIPT),
    "plugin-planted": _kustomization(
        "generators: [e.yaml]", e_yaml="apiVersion: x/v1\nkind: Evil\nmetadata: {name: e}", kustomize__plugin__x__v1__evil__Evil=SCRIPT,
    ),
    "validator": _kustomization("validators: [e.yaml]", e_yaml=EXEC, evil=SCRIPT),
    "charts": _kustomization("helmCharts: [{name: c, repo: 'http://127.0.0.1:PORT'}]"),
    "generated-charts": _kustomization("generators: [e.yaml]", e_yaml=INFLATION),
    "capitals": _kustomization("Resources: ['http://127.0.0.1:PORT/a.yaml']"),
    "replacement-of-everything": _kustomization(f"resources: [a.yaml]\nreplacements: [{EVERYTHING}]", a_yaml=HEAD.decode()),
    "regular-expression": _kustomization(
        "resources: [a.yaml]\npatches: [{target: {name: '(a+)+$'}, patch: '[]'}]", a_yaml=HEAD.decode().replace("a}", "a" * 60 + "}"),
    ),
    "million-replicas": _kustomization("resources: [a.yaml]\nreplicas: [{name: a, count: 99999999999999999999}]", a_yaml=HEAD.decode()),
}  # fmt: skip

REMOTE = (
    "http://127.0.0.1:PORT/a.yaml", "http://localhost:PORT/a.yaml", "http://[::1]:PORT/a.yaml", "http://0x7f000001:PORT/a", "http://0:PORT/a",
    "http://169.254.169.254/latest/meta-data/", "http://kubernetes.default.svc/api", "https://127.0.0.1:PORT/a.yaml",
    "git::http://127.0.0.1:PORT/r", "git@127.0.0.1:r.git", "ssh://git@127.0.0.1/r", "s3::http://127.0.0.1:PORT/b/k", "file:///etc/passwd",
    "hg::http://127.0.0.1:PORT/r", "ext::sh -c id", "github.com/x/y?ref=z", "127.0.0.1:PORT/r//p?ref=z", "//127.0.0.1:PORT/a",
)  # fmt: skip
"""Addresses, where a file or a directory is wanted; `PORT` is that of a server that counts who calls."""

HELM = {
    "endless-range": _template("data: {a: '{{ range $i := until 2000000000 }}{{ end }}'}"),
    "endless-loop": _template(LOOP),
    "include-of-itself": _template('{{ define "x" }}{{ include "x" . }}{{ end }}data: {a: {{ include "x" . }}}'),
    "template-of-itself": _template('{{ define "x" }}{{ template "x" . }}{{ end }}data: {a: {{ template "x" . }}}'),
    "tpl-of-itself": _template("data: {a: '{{ tpl .Values.t . }}'}", **{"values.yaml": b"t: '{{ tpl .Values.t . }}'"}),
    "repeat": _template("data: {a: '{{ repeat 1000000000 \"x\" }}'}"),
    "repeat-of-repeat": _template("data: {a: '{{ repeat 100000 (repeat 100000 \"x\") }}'}"),
    "sequence": _template("data: {a: '{{ seq 1 1000000000 }}'}"),
    "environment": _template("data: {a: '{{ env \"HOME\" }}'}"),
    "host-name": _template("data: {a: '{{ getHostByName \"x.example\" }}'}"),
    "lookup": _template("data: {a: '{{ lookup \"v1\" \"Secret\" \"\" \"\" }}'}"),
    "padding": _template("data: {a: '{{ printf \"%999999999d\" 1 }}'}"),
    "regular-expression": _template("data: {a: '{{ regexMatch \"(a{1000}){1000}\" \"a\" }}'}"),
    "key-of-nobody": _template("data: {a: '{{ genPrivateKey \"rsa\" }}'}"),
    "derive-password": _template("data: {a: '{{ derivePassword 1 \"long\" \"a\" \"b\" \"c\" }}'}"),
    "large-archive": lambda: _chart({"charts/d.tgz": _archive(200 * MIB)}),
    "climbing-archive": lambda: _chart({"charts/d.tgz": _climbing_archive()}),
    "broken-archive": lambda: _chart({"charts/d.tgz": b"\x1f\x8b" + b"x" * 1000}),
    "remote-dependency": lambda: _chart({"Chart.yaml": CHART + b"dependencies: [{name: d, version: 1.0.0, repository: 'http://127.0.0.1:PORT'}]\n"}),
    "remote-schema": lambda: _chart({"values.schema.json": b'{"$ref": "http://127.0.0.1:PORT/s.json"}'}),
    "file-schema": lambda: _chart({"values.schema.json": b'{"$ref": "file:///etc/passwd"}'}),
    "circular-schema": lambda: _chart({"values.schema.json": b'{"$ref": "#"}'}),
    "post-renderer": lambda: _chart({"plugin.yaml": b"name: evil\ncommand: sh -c id\n"}),
}  # fmt: skip

JSONNET = {
    "recursion": "local f(x) = f(x + 1) + 1; {a: f(0)}",
    "tail-recursion": "local f(x) = f(x + 1) tailstrict; {a: f(0)}",
    "object-of-itself": "local a = {b: a}; a",
    "long-text": "{a: std.repeat('x', 2000000000)}",
    "doubled-text": "local d(s, n) = if n == 0 then s else d(s + s, n - 1); {a: d('xxxxxxxx', 40)}",
    "long-list": "std.range(1, 1000000000)",
    "deep-list": "local d(n) = if n == 0 then [] else [d(n - 1)]; d(400)",
    "import-of-itself": "import 'main.jsonnet'",
    "import-of-address": "import 'http://127.0.0.1:PORT/a.jsonnet'",
    "native": "std.native('exec')('id')",
    "assertion": "error std.repeat('x', 100000)",
    "division": "{a: 1 / 0}",
    "not-a-number": "{apiVersion: 'v1', kind: 'A', metadata: {name: 'a'}, a: std.log(-1)}",
    "many-objects": "[{apiVersion: 'v1', kind: 'A', metadata: {name: 'a%d' % n}} for n in std.range(1, 20000)]",
}  # fmt: skip

SUBSTITUTE = {
    "doubled": Substitution((*((f"A{n}", f"${{A{n - 1}}}" * 10) for n in range(1, 20)), ("A0", "x"))),
    "itself": Substitution((("A19", "${A19}"),)),
    "default-in-default": Substitution((("B", "x"),)),
}


def hostile() -> Iterator[Hostile]:
    """All of them, with names that do for releases."""
    for reader, files in READERS.items():
        for bomb, made in BOMBS.items():
            yield Hostile(f"{reader}-{bomb}", lambda files=files, made=made: files(made()))
    for name, made in KUSTOMIZE.items():
        yield Hostile(f"kustomize-{name}", made)
    for number, address in enumerate(REMOTE):
        quoted = json.dumps(address)
        yield Hostile(f"remote-resource-{number}", _kustomization(f"resources: [{quoted}]"))
        yield Hostile(f"remote-component-{number}", _kustomization(f"components: [{quoted}]"))
        yield Hostile(f"remote-file-{number}", _kustomization(f"configMapGenerator: [{{name: g, files: [{quoted}]}}]"))
        yield Hostile(f"remote-values-{number}", lambda: _chart({}), RenderOptions(helm=HelmOptions(values_files=(address,))))
    for name, made in HELM.items():
        yield Hostile(f"helm-{name}", made)
    for name, text in JSONNET.items():
        yield Hostile(f"jsonnet-{name}", _jsonnet(text))
    for name, variables in SUBSTITUTE.items():
        text = HEAD + b"data: {a: '${A19:=${B:=${C:=${D}}}}'}\n"
        yield Hostile(f"substitute-{name}", lambda text=text: {"a.yaml": text}, RenderOptions(substitute=variables))
