"""Taking a commit's files out into a directory: regular files, and links that stay inside; nothing else, and bounded."""

import asyncio
import os
import tarfile
from pathlib import Path

from reconciler.errors import PathMissing, SourceRefused
from reconciler.git.mirror import Mirror

LIMIT_BYTES = 256 * 1024 * 1024
LIMIT_FILES = 50_000
"""An export past these is no configuration repository; Argo CD stops at 1 GiB."""


async def export(mirror: Mirror, commit: str, path: str, root: Path) -> None:
    """Write the files of a commit at or beneath a path into `root`, under their paths in the repository.

    Raises:
        PathMissing: when the commit has no such path.
        SourceRefused: when there is a link that leaves the tree, or too much.
    """
    if path and await mirror.tree(commit, path) is None:
        raise PathMissing(f"{mirror.repository.name}: commit {commit[:12]} has no path {path!r}; check spec.sources[].git.path")
    archive = root.with_name(f"{root.name}.tar")
    try:
        await mirror.archive(commit, (f":(literal){path}",) if path else (), archive)
        await asyncio.to_thread(_extract, archive, root, str(mirror.repository.name))
    finally:
        archive.unlink(missing_ok=True)


def _extract(archive: Path, root: Path, what: str) -> None:
    size = count = 0
    links: list[Path] = []
    with tarfile.open(archive) as tar:
        for member in tar:
            size, count = size + member.size, count + 1
            if size > LIMIT_BYTES or count > LIMIT_FILES:
                raise SourceRefused(f"{what}: more than {LIMIT_FILES} files or {LIMIT_BYTES >> 20} MiB; use a smaller path")
            target = _inside(root, member.name, what)
            if member.isdir():
                target.mkdir(parents=True, exist_ok=True)
            elif member.issym():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(member.linkname)
                links.append(target)
            elif member.isfile():
                _write(tar, member, target)
    for link in links:
        if not Path(os.path.realpath(link)).is_relative_to(os.path.realpath(root)):
            raise SourceRefused(f"{what}: {link.relative_to(root)} is a link that leaves the repository; replace it by a file")


def _inside(root: Path, name: str, what: str) -> Path:
    parts = Path(name).parts
    if ".." in parts or Path(name).is_absolute() or any(part.lower() == ".git" for part in parts):
        raise SourceRefused(f"{what}: refused the path {name!r}")
    return root.joinpath(*parts)


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    source = tar.extractfile(member)
    assert source is not None
    with source, target.open("xb") as file:
        file.write(source.read())
