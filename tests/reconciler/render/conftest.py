"""A tree of files to render, and a kubectl that misbehaves."""

import stat
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reconciler.render.kustomize import Kubectl, ask_version, binary
from reconciler.render.tree import Tree

MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\n"

Plant = Callable[[Mapping[str, str]], Tree]


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Writes files, `{path: text}`; a text `-> target` makes a link, and `map:name` a ConfigMap."""
    root = tmp_path / "tree"
    root.mkdir()

    def write(files: Mapping[str, str]) -> Tree:
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text.startswith("-> "):
                path.symlink_to(text.removeprefix("-> "))
            else:
                path.write_text(MAP % text.removeprefix("map:") if text.startswith("map:") else text)
        return Tree(root)

    return write


@pytest.fixture(scope="session")
def kubectl() -> Kubectl:
    """The real one."""
    path = binary()
    assert path is not None
    found = ask_version(path)
    assert found is not None
    return found


@pytest.fixture
def fake_kubectl(tmp_path: Path) -> Callable[[str], str]:
    """Makes a kubectl of which `kustomize DIRECTORY` runs the given shell text."""

    def make(script: str) -> str:
        path = tmp_path / "kubectl"
        path.write_text(f'#!/bin/sh\ncase "$1" in version) echo "Kustomize Version: v9.9.9"; exit;; esac\n{script}\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    return make
