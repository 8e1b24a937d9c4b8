"""Taking a commit's files out into a directory: regular files, and links that stay inside the repository; nothing else, bounded.

Nothing is checked out: git writes a tar archive, and what is in it is written by us, files before links, so that no file is ever
written through a link. A link to what lies outside the exported path brings that along. A link that leaves the repository is
written as a link to itself: whoever reads it fails and names it, and whoever does not is not bothered.
"""

import asyncio
import errno
import os
import posixpath
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.errors import SourceRefused, SourceUnavailable
from reconciler.git.mirror import Mirror

LIMIT_BYTES = 256 * 1024 * 1024
LIMIT_FILES = 50_000
"""An export past these is no configuration repository; Argo CD stops at 1 GiB."""

LIMIT_ROUNDS = 10
"""Links that lead to links that lead elsewhere."""


async def export(mirror: Mirror, commit: str, path: str, root: Path) -> None:
    """Write the files of a commit at or beneath a path into `root`, under their paths in the repository.

    Raises:
        PathMissing: when the commit has no such path.
        SourceRefused: when it is too much, or something that no checkout would hold.
    """
    taken = _Export(root, str(mirror.repository.name))
    await _add(mirror, commit, (path,) if path else (), taken)
    for _ in range(LIMIT_ROUNDS if path else 0):
        missing = sorted({target for target in taken.targets.values() if not os.path.lexists(root / target)})
        found = [target for target in missing if await mirror.tree(commit, target) is not None]
        if not found:
            break
        await _add(mirror, commit, tuple(found), taken)
    await asyncio.to_thread(taken.link)


async def _add(mirror: Mirror, commit: str, paths: tuple[str, ...], taken: "_Export") -> None:
    archive = taken.root.with_name(f"{taken.root.name}.tar")
    try:
        await mirror.archive(commit, paths, archive, limit_bytes=2 * LIMIT_BYTES)  # headers and padding are not content
        await asyncio.to_thread(taken.unpack, archive)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise SourceRefused(f"{taken.what}: has a path that is longer than a file system takes; rename it") from error
        raise SourceUnavailable(f"{taken.what}: cannot be written to {taken.root}: {error.strerror}") from error
    finally:
        archive.unlink(missing_ok=True)


@dataclass(slots=True)
class _Export:
    """What was taken out so far."""

    root: Path
    what: str
    size_bytes: int = 0
    files: int = 0
    targets: dict[str, str] = field(default_factory=dict)
    """Those of the links that lead into the repository, and where."""
    links: dict[str, str] = field(default_factory=dict)
    """Links, as they are written."""

    def unpack(self, archive: Path) -> None:
        """Write the regular files of an archive, and remember its links."""
        with tarfile.open(archive) as tar:
            for member in tar:
                self.files += 1
                self.size_bytes += member.size
                if self.size_bytes > LIMIT_BYTES or self.files > LIMIT_FILES:
                    limits = f"{LIMIT_FILES} files or {LIMIT_BYTES >> 20} MiB"
                    raise SourceRefused(f"{self.what}: more than {limits}; use a smaller path")
                name = _checked(member.name, self.what)
                if member.issym():
                    self.links[name] = member.linkname
                    if (target := _target(name, member.linkname)) is not None:
                        self.targets[name] = target
                elif member.isdir():
                    (self.root / name).mkdir(parents=True, exist_ok=True)
                elif member.isfile():
                    self._write(tar, member, name)
                else:
                    raise SourceRefused(f"{self.what}: {name} is neither a file nor a link; remove it")

    def link(self) -> None:
        """Make the links, all files being there.

        Raises:
            SourceRefused: when something else is in a link's place.
        """
        top = os.path.realpath(self.root)
        for name, target in self.links.items():
            place = self.root / name
            place.parent.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(place) or os.path.realpath(place.parent) != str(Path(top, name).parent):
                raise SourceRefused(f"{self.what}: {name} is there twice; the commit is damaged")
            place.symlink_to(target if name in self.targets else place.name)
        for name in self.links:
            place = self.root / name
            if not Path(os.path.realpath(place)).is_relative_to(top):  # by way of another link
                place.unlink()
                place.symlink_to(place.name)

    def _write(self, tar: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> None:
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        source = tar.extractfile(member)
        assert source is not None
        with source, target.open("wb") as file:
            file.write(source.read())


def _checked(name: str, what: str) -> str:
    parts = name.rstrip("/").split("/")
    if any(part in ("", ".", "..") or part.lower() == ".git" for part in parts):
        raise SourceRefused(f"{what}: refused the path {name!r}")
    return "/".join(parts)


def _target(name: str, link: str) -> str | None:
    """Where in the repository a link leads, read without the disk; None when it leaves."""
    target = posixpath.normpath(posixpath.join(posixpath.dirname(name), link))
    return None if link.startswith("/") or target == ".." or target.startswith("../") else target
