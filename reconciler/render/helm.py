"""Helm's `template`, and nothing else of it: charts that are in the tree, offline, with values from files, references and declarations.

Helm follows links in charts, so a chart may have none. `lookup` finds nothing here, and what a chart makes up anew at each rendering
would never settle: a chart that may do so is rendered twice. https://helm.sh/docs/chart_template_guide/function_list/
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from reconciler.errors import InvalidManifest, RenderFailed
from reconciler.model.objects import RawDocument, format_path
from reconciler.model.rendering import HelmOptions, Reference
from reconciler.render.blame import helm_error
from reconciler.render.program import home_of, run
from reconciler.render.result import LIMIT_OUTPUT_BYTES, Rendered, RenderRequest
from reconciler.render.tree import Tree
from reconciler.yaml.documents import parse_documents

CHART = "Chart.yaml"

CHANGING = (
    "randAlphaNum", "randAlpha", "randNumeric", "randAscii", "randBytes", "randInt", "uuidv4", "genPrivateKey", "genCA",
    "genCAWithKey", "genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey", "htpasswd", "bcrypt",
    "encryptAES", "shuffle", "now", "ago",
)  # fmt: skip
"""Functions whose answer is another one each time."""

_CHANGING = re.compile(r"\{\{[^{}]*?\b(" + "|".join(CHANGING) + r")\b")
_SOURCE = re.compile(r"^---\n# Source: (.*)\n", re.MULTILINE)
_IN_CHART = re.compile(r"(^|[\s\"(])[\w.-]+/((?:charts/[\w.-]+/)*templates/)")
"""How Helm names a file of the chart: by the chart's name instead of its directory."""
_CLOCK = frozenset({"now", "ago"})
_SECOND = 1.1
"""Seconds after which the clock that templates see is another."""

SCHEMA = "values.schema.json"
_OWN_REFERENCE = re.compile(r"#|https?://json-schema\.org/|$")
"""Into the same file, or to the drafts, which Helm has within itself."""

USUAL_KEY = "values.yaml"


@dataclass(frozen=True, slots=True)
class Helm:
    """The program and its version."""

    path: str
    version: str


@dataclass(frozen=True, slots=True)
class _Use:
    """A function in a template."""

    function: str
    file: str


def binary(given: Path | None = None) -> str | None:
    """The program that settings name, or that is on PATH."""
    return str(given) if given else shutil.which("helm")


def ask_version(path: str) -> Helm | None:
    """The program with its version; None when it does not run."""
    try:
        done = subprocess.run(
            [path, "version", "--short"], capture_output=True, timeout=20, check=False, env={"HOME": "/nonexistent"}
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(rb"v?(\d+\.\d+[^+\s]*)", done.stdout)
    return Helm(path, match[1].decode()) if match else None


def is_chart(directory: Path) -> bool:
    """Whether a directory is a chart."""
    return (directory / CHART).is_file()


def render(tree: Tree, request: RenderRequest, helm: Helm | None) -> Rendered:
    """The objects of a chart, its definitions among them and its tests not.

    Raises:
        InvalidManifest: naming a file that is missing, a link, or what is no YAML.
        RenderFailed: with Helm's own words, or naming what is another one each time.
    """
    where, options = request.path or ".", request.options.helm or HelmOptions()
    if helm is None:
        raise RenderFailed(
            f"{request.application}: {where} is a Helm chart, and helm is missing: put it on PATH, or set TRUEUP_HELM"
        )
    chart = tree.root / request.path
    if not is_chart(chart):
        raise InvalidManifest(f"{where}: spec.render.helm needs a chart, and there is no {CHART} in this directory")
    _refuse_links(tree, chart)
    _refuse_references(tree, chart)
    read = {f"{name}/" for name in tree.names(chart)}
    probed: set[str] = set()
    with home_of("helm") as home:
        values = [*_files(_Chart(tree, chart, home, request), options, read, probed), *_written(home, request, options)]
        argv = _argv(helm, request, options, chart, values)
        documents = _template(argv, home, tree, request)
        if not options.allow_changing and (uses := tuple(_uses(tree, chart))):
            if any(use.function in _CLOCK for use in uses):
                time.sleep(_SECOND)
            _refuse_changing(documents, _template(argv, home, tree, request), uses)
    return Rendered(tuple(documents), frozenset(read), frozenset(probed), f"helm/{helm.version}")


def _argv(helm: Helm, request: RenderRequest, options: HelmOptions, chart: Path, values: Sequence[Path]) -> list[str]:
    name, given = options.release_name or request.application.name, request.given
    if len(name) > 53:
        raise InvalidManifest(
            f"{request.application}: {name!r} is too long for a release, 53 are possible; set spec.render.helm.releaseName"
        )
    argv = [helm.path, "template", name, str(chart), "--namespace", given.namespace or "default", "--skip-tests"]
    argv += [] if options.skip_crds else ["--include-crds"]
    if version := options.kube_version or given.kube_version:
        argv += ["--kube-version", version]
    for api_version in (*given.api_versions, *options.api_versions):
        argv += ["--api-versions", api_version]
    for file in values:
        argv += ["--values", str(file)]
    return argv


@dataclass(frozen=True, slots=True)
class _Chart:
    """Where a chart is, and what its render is given."""

    tree: Tree
    directory: Path
    home: Path
    request: RenderRequest


def _files(chart: _Chart, options: HelmOptions, read: set[str], probed: set[str]) -> Iterator[Path]:
    """The files of values that the Application names."""
    handed, tree = dict(chart.request.given.files), chart.tree
    for number, path in enumerate(options.values_files):
        if path.startswith("$"):
            name, names = path, set[str]()
            place = chart.home / f"handed-{number}.yaml"
            if path in handed:
                place.touch(0o600)
                place.write_text(handed[path])
        else:
            place = tree.place(chart.directory, path)
            name, names = tree.name(place), tree.names(place)
        if place.is_file():
            if b"ENC[AES256_GCM," in place.read_bytes():
                mend = "name the Secret with a fitting age key in spec.render.decrypt.secretRef"
                raise InvalidManifest(f"{name}: is encrypted by SOPS; {mend}")
            read |= names
            yield place
        elif options.ignore_missing_values_files:
            probed |= names
        else:
            raise InvalidManifest(f"{name}: spec.render.helm.valuesFiles names it, and it is not in the repository")


def _written(home: Path, request: RenderRequest, options: HelmOptions) -> Iterator[Path]:
    """Values that stand in no file, as files: neither arguments nor the environment are secret."""
    texts = [_referred(reference, request) for reference in options.values_from]
    for number, text in enumerate([*texts, options.values or None]):
        if text is not None:
            file = home / f"values-{number}.yaml"
            file.touch(0o600)
            file.write_text(text)
            yield file


def _referred(reference: Reference, request: RenderRequest) -> str | None:
    entries, key = request.given.entries(reference), reference.key or USUAL_KEY
    if entries is None or (key not in entries and reference.optional):
        return None
    if key not in entries:
        raise InvalidManifest(
            f"{request.application}: {reference.kind} {reference.name} has no key {key} that is text; spec.render.helm.valuesFrom names it"
        )
    if not reference.target:
        return entries[key]
    value: Any = _typed(entries[key].rstrip("\n"))
    for part in reversed(reference.target.split(".")):
        value = {part: value}
    return orjson.dumps(value).decode()


def _typed(text: str) -> Any:
    """What `--set` makes of a text: https://helm.sh/docs/intro/using_helm/."""
    if text in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[text]
    return int(text) if re.fullmatch(r"-?([1-9][0-9]{0,17}|0)", text) else text


def _template(argv: Sequence[str], home: Path, tree: Tree, request: RenderRequest) -> list[RawDocument]:
    homes = {name: str(home / name.lower()) for name in ("HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME", "HELM_PLUGINS")}
    done = run(argv, home, homes)
    if done.code != 0:
        said = done.words(tree.root).replace(str(home), "the values of the Application").partition("\n\nUse --debug")[0]
        said = _IN_CHART.sub(lambda match: f"{match[1]}{request.path or '.'}/{match[2]}", said)
        raise helm_error(tree, request.path or ".", said)
    return list(_documents(done.output.decode(errors="replace"), request.path))


def _documents(output: str, path: str) -> Iterator[RawDocument]:
    parts = _SOURCE.split(output)
    for source, text in zip(parts[1::2], parts[2::2], strict=True):
        place = "/".join(part for part in (path, source.partition("/")[2]) if part)
        yield from parse_documents(text.encode(), name=f"{place} (rendered by helm)", limit_bytes=LIMIT_OUTPUT_BYTES)


def _refuse_links(tree: Tree, chart: Path) -> None:
    for folder, folders, names in os.walk(chart):
        for name in (*folders, *names):
            if (path := Path(folder, name)).is_symlink():
                raise InvalidManifest(
                    f"{tree.name(path)}: is a link, which Helm would follow out of the repository; a chart may have none"
                )


def _refuse_references(tree: Tree, chart: Path) -> None:
    """Helm reads whatever file or address a schema names."""
    for path in (Path(folder, SCHEMA) for folder, _, names in os.walk(chart) if SCHEMA in names):
        try:
            references = list(_references(orjson.loads(path.read_bytes())))
        except (orjson.JSONDecodeError, RecursionError):
            continue  # Helm says what is wrong with it
        for key, text in references:
            if not _OWN_REFERENCE.match(text):
                raise InvalidManifest(
                    f"{tree.name(path)}: {key}: {text[:200]!r} is in another file; copy what it names below `$defs`"
                )


def _references(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for entry in value:
            yield from _references(entry)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key in ("$ref", "$schema", "$dynamicRef", "$recursiveRef") and isinstance(inner, str):
                yield key, inner
            yield from _references(inner)


def _uses(tree: Tree, chart: Path) -> Iterator[_Use]:
    """Where templates call what is another one each time; a packed subchart may do so anywhere."""
    for folder, _, names in os.walk(chart):
        for name in sorted(names):
            path = Path(folder, name)
            if name.endswith((".tgz", ".tar.gz")):
                yield _Use("", tree.name(path))
            elif "templates" in path.relative_to(chart).parts:
                found = _CHANGING.findall(path.read_text(errors="replace"))
                yield from (_Use(function, tree.name(path)) for function in dict.fromkeys(found))


def _refuse_changing(first: Sequence[RawDocument], second: Sequence[RawDocument], uses: Sequence[_Use]) -> None:
    for one, other in zip(first, second, strict=False):
        path = _difference(one.document, other.document)
        if path is None:
            continue
        file = one.source.partition(" (")[0]
        nearest = sorted(uses, key=lambda use: use.file != file)
        why = f"{nearest[0].file} calls {nearest[0].function}" if nearest[0].function else f"see {nearest[0].file}"
        name = f"{one.document.get('kind')} {(one.document.get('metadata') or {}).get('name')}"
        raise RenderFailed(
            f"{file}: {name}: {format_path(path)} is another one at each rendering and would never settle: {why}, and `lookup` finds "
            "nothing here; set the value in spec.render.helm.values or valuesFrom, or say spec.render.helm.allowChanging"
        )


def _difference(one: Any, other: Any) -> tuple[str | int, ...] | None:
    """The path of the first difference of two values."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        inner: Iterator[tuple[str | int, Any, Any]] = ((key, one[key], other[key]) for key in one)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        inner = ((index, *pair) for index, pair in enumerate(zip(one, other, strict=True)))
    else:
        return None if one == other else ()
    return next(((key, *path) for key, a, b in inner if (path := _difference(a, b)) is not None), None)
