"""Files that people write while Trueup runs: what they say now, and again after every change of their content."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Protocol, TypeVar

from reconciler.declarations.problems import Problem

LOOK_SECONDS = 0.5
"""How often the files are looked at: a change is seen within a second."""

SETTLED_SECONDS = 2.0
"""How old a change must be until the times of the files are trusted to tell the next one; clocks of file systems are coarse."""

SUFFIXES = (".yaml", ".yml")


class Read(Protocol):
    """What was read."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with it."""

    @property
    def digest(self) -> str:
        """Of the content; empty when it could not be read."""


_T = TypeVar("_T", bound=Read)


async def changes(path: Path, read: Callable[[Path], _T], *, interval_seconds: float = LOOK_SECONDS) -> AsyncIterator[_T]:
    """What a file or directory says now, and again after every change of its content.

    While nothing changes, only the times of the files are looked at. A file that goes away while it is read is looked for again
    before it is a problem: a mounted ConfigMap is replaced like that.
    """
    digest: str | None = None
    stamp: object = None
    failures = 0
    while True:
        newer, is_settled = await asyncio.to_thread(_stamp, path)
        if newer != stamp:
            loaded = await asyncio.to_thread(read, path)
            failures = 0 if loaded.digest else failures + 1
            stamp = newer if is_settled and loaded.digest else None
            name = loaded.digest or f"unreadable: {loaded.problems}"
            if name != digest and failures != 1:
                digest = name
                yield loaded
        await asyncio.sleep(interval_seconds)


def files_of(path: Path) -> list[Path]:
    """The YAML files of a directory and of those beneath it, or the one file itself.

    Hidden entries are left out: a mounted ConfigMap keeps its data in `..data`, and links to it.
    """
    if not path.is_dir():
        return [path]
    found: list[Path] = []
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(folder, name) for name in names if name.endswith(SUFFIXES) and not name.startswith(".")]
    return sorted(found)


def _stamp(path: Path) -> tuple[object, bool]:
    """What changes when a file does, and whether the last change is long enough ago that the next will show."""
    stamp: list[tuple[object, ...]] = []
    newest = 0
    for file in files_of(path):
        try:
            status = file.stat()
        except OSError:
            return (str(file), time.time_ns()), False
        stamp.append((str(file), status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino))
        newest = max(newest, status.st_mtime_ns, status.st_ctime_ns)
    return tuple(stamp), time.time_ns() - newest > SETTLED_SECONDS * 1e9
