"""Paths within an exported tree: every one is resolved, and none may leave it."""

import os
from pathlib import Path

from reconciler.errors import InvalidManifest


class Tree:
    """The top of an exported tree."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))

    def name(self, path: Path) -> str:
        """A path from the top of the tree, as people write it; empty for the top."""
        text = os.path.relpath(path, self.root)
        return "" if text == "." else text

    def place(self, directory: Path, path: str) -> Path:
        """Where a path leads that an Application names: from a directory, or from the top with a slash before it."""
        return self.root / path.lstrip("/") if path.startswith("/") else directory / path

    def names(self, path: Path) -> set[str]:
        """What a render depends on that reads a path: the path, and where links lead from it.

        Raises:
            InvalidManifest: when that is outside of the tree, or no path at all.
        """
        if "\0" in str(path):
            raise InvalidManifest(f"{str(path.relative_to(self.root))!r}: no path has a character NUL in it")
        plain, real = Path(os.path.normpath(path)), Path(os.path.realpath(path))
        if not (plain.is_relative_to(self.root) and real.is_relative_to(self.root)):
            raise InvalidManifest(f"{self.name(plain)}: leaves the repository; only what is in it can be rendered")
        return {self.name(plain), self.name(real)}


def join(directory: str, name: str) -> str:
    """The path of an entry of a directory, where the top is empty."""
    return f"{directory}/{name}" if directory else name
