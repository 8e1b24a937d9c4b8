"""What is in the commits of a mirror that are here: their trees, files and differences, read without asking the remote."""

import contextlib
import posixpath
import re
from collections.abc import AsyncIterator, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from reconciler.errors import InvalidManifest, PathMissing
from reconciler.git.command import FILE_BYTES, Call, Git
from reconciler.git.directory import Directory
from reconciler.git.failures import MirrorBroken, last_line
from reconciler.git.reach import Reach
from reconciler.model.declared import Repository
from reconciler.process import Completed
from reconciler.urls import redact

REMEMBERED = 1000
"""Commits that are known to be here without asking git."""

WHOLE = "refs/trueup/whole/"
"""Where a commit is with its submodules in place, by its hash."""

GAPS = "refs/trueup/gaps/"
"""Where it is said which of them are not, and why; of a commit that lacks none there is nothing."""

NAMED_AT_ONCE = 500
"""Paths in one command."""

NO_REACH = Reach()

_KINDS = frozenset({b"tree", b"blob", b"commit", b"tag"})
_ENTRIES = {width: re.compile(rb"([0-7]+) ([^\0]+)\0(.{%d})" % width, re.DOTALL) for width in (20, 32)}
"""Of a tree: mode, name, and the hash in bytes."""

_SECONDS = re.compile(rb"[0-9]{1,11}")
"""Since the epoch; a commit may claim to be of any time, and what no calendar has is none."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """A directory: its object's id, and those of directories in it by name."""

    id: str
    beneath: Mapping[bytes, str]


@dataclass(eq=False)
class Contents:
    """The part of one Repository's mirror that needs no remote."""

    repository: Repository
    directory: Directory
    git: Git

    def __post_init__(self) -> None:
        self._present: set[tuple[int, str]] = set()
        self._failures = 0
        self._made: dict[str, datetime] = {}
        """When commits were made, as far as somebody asked."""

    async def has(self, commit: str) -> bool:
        """Whether a commit is here with its tree."""
        if (identity := self.directory.identity) == 0:
            return False
        if (identity, commit) in self._present:
            return True
        completed = await self.try_git("cat-file", "-e", f"{commit}^{{tree}}")
        if completed.code == 0:
            self._remember(commit)
        return completed.code == 0

    async def changed(self, old: str, new: str) -> frozenset[str]:
        """The paths that differ between two commits that are here; a rename is both its paths.

        Of a submodule that is another one these are its files, once both commits have theirs in place; before that it is its path.
        """
        are_whole = self.repository.submodules and await self._is_whole(old) and await self._is_whole(new)
        commits = (self._at(old), self._at(new)) if are_whole else (old, new)
        output = await self.read_git("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--end-of-options", *commits)
        return frozenset(path.decode(errors="surrogateescape") for path in output.split(b"\0") if path)

    async def tree(self, commit: str, path: str = "") -> str | None:
        """The object id of a directory or file in a commit that is here; None when there is none."""
        commit = self._at(commit)
        if not path:
            return (await self.read_git("rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}")).decode().strip()
        listed = await self.read_git("ls-tree", "-z", "--full-tree", commit, "--", path.strip("/"))
        return listed.split(b"\t")[0].split(b" ")[2].decode() if listed else None

    async def trees(self, commit: str, paths: Iterable[str]) -> Mapping[str, str]:
        """The object ids of directories in a commit that is here, by path; what is not there, or is no directory, is left out.

        They are read from the directories that they stand in, each of which git opens once: asked for a thousand of one directory by their
        paths, it opens that a thousand times.
        """
        asked = {path: _split(path) for path in paths if not path or _is_plain(path)}
        wanted: dict[str, set[bytes]] = {}
        for parent, name in asked.values():
            wanted.setdefault(parent, set()).add(name)
        read = await self._listed(self._at(commit), wanted)
        found: dict[str, str] = {}
        for path, (parent, name) in asked.items():
            if parent in read and (tree := read[parent].beneath.get(name) if path else read[""].id):
                found[path] = tree
        return found

    async def _listed(self, commit: str, directories: Mapping[str, Container[bytes]]) -> Mapping[str, "_Listed"]:
        """What is in directories of a commit under the names that are wanted of each, by path; those that are none are left out."""
        lines = "".join(f"{commit}:{path}\n" if path else f"{commit}^{{tree}}\n" for path in directories)
        stdin = lines.encode(errors="surrogateescape")
        output = await self.read_git("cat-file", "--buffer", "--batch=%(objecttype) %(objectname) %(objectsize)", stdin=stdin)
        found: dict[str, _Listed] = {}
        at = 0
        for path, names in directories.items():
            end = output.index(b"\n", at)
            kind, *about = output[at:end].split(b" ")
            at = end + 1
            if kind in _KINDS and len(about) == 2:
                start, at = at, at + int(about[1]) + 1
                if kind == b"tree":
                    found[path] = _Listed(about[0].decode(), _directories(output[start : at - 1], len(about[0]) // 2, names))
        return found

    async def committed_at(self, commit: str) -> datetime | None:
        """When a commit that is here was made, as its committer's clock said; None where that cannot be known.

        A branch that was merged has the time of the merge.
        """
        if commit in self._made:
            return self._made[commit]
        completed = await self.try_git("log", "-1", "--no-show-signature", "--format=%ct", "--end-of-options", commit)
        text = completed.stdout.strip()
        if completed.code != 0 or not _SECONDS.fullmatch(text):
            return None
        if len(self._made) >= REMEMBERED:
            self._made.clear()
        self._made[commit] = datetime.fromtimestamp(int(text), UTC)
        return self._made[commit]

    async def files(self, commit: str, paths: Sequence[str], *, limit_bytes: int) -> Mapping[str, bytes | InvalidManifest]:
        """What is in files of a commit that is here, or why it cannot be used; what is not there is left out.

        Args:
            commit: a full hash.
            paths: from the top, normalised.
            limit_bytes: of one file.
        """
        found: dict[str, bytes | InvalidManifest] = {}
        wanted: dict[str, str] = {}
        for start in range(0, len(paths), NAMED_AT_ONCE):
            named = paths[start : start + NAMED_AT_ONCE]
            listed = await self.read_git("ls-tree", "-l", "-z", "--full-tree", self._at(commit), "--", *named)
            for entry in listed.split(b"\0")[:-1]:
                about, _, name = entry.partition(b"\t")
                mode, kind, blob, size = about.decode().split()
                path = name.decode(errors="surrogateescape")
                if kind != "blob" or mode == "120000":
                    what = "a link; name the file that it leads to" if mode == "120000" else "no file"
                    found[path] = InvalidManifest(f"{path}: is {what} in {self._name}")
                elif int(size) > limit_bytes:
                    found[path] = InvalidManifest(f"{path}: more than {limit_bytes >> 20} MiB in {self._name}")
                else:
                    wanted[path] = blob
        stdin = "".join(f"{blob}\n" for blob in wanted.values()).encode()
        output = await self.read_git("cat-file", "--buffer", "--batch=%(objectsize)", stdin=stdin) if wanted else b""
        at = 0
        for path in wanted:
            end = output.index(b"\n", at)
            start, at = end + 1, end + 2 + int(output[at:end])
            found[path] = output[start : at - 1]
        return found

    async def archive(self, commit: str, paths: tuple[str, ...], into: Path, *, limit_bytes: int = FILE_BYTES) -> None:
        """Write files of a commit that is here as a tar archive; all of them when no paths are given.

        What a commit says of its files' attributes is of no effect (`directory.ATTRIBUTES`): git would read all of its directories for it,
        and is told to look where nothing is.

        Raises:
            PathMissing: when the commit has one of the paths not.
            SourceRefused: when the archive is larger than the limit.
        """
        arguments = ("archive", "--format=tar", "--worktree-attributes", f"--output={into}", self._at(commit), "--", *paths)
        async with self._mended():
            completed = await self.try_git(*arguments, file_bytes=limit_bytes)
            if completed.code != 0 and "did not match any files" in completed.message:
                absent = f"commit {commit[:12]} has no path {' or '.join(map(repr, paths))}"
                raise PathMissing(f"{self._name}: {absent}; check spec.sources[].git.path")
            _expect_success(completed, self._name)

    @property
    def _name(self) -> str:
        return str(self.repository.name)

    @property
    def _url(self) -> str:
        return redact(self.repository.url)

    async def _is_whole(self, commit: str) -> bool:
        return (await self.try_git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{WHOLE}{commit}")).code == 0

    def _at(self, commit: str) -> str:
        """What is read of a commit: itself, or itself with its submodules."""
        return f"{WHOLE}{commit}" if self.repository.submodules else commit

    def _remember(self, commit: str) -> None:
        """That a commit is here, or a whole by its ref."""
        if len(self._present) >= REMEMBERED:
            self._present.clear()
        self._present.add((self.directory.identity, commit))

    async def read_git(self, *arguments: str, stdin: bytes = b"", reach: Reach = NO_REACH) -> bytes:
        """Run git on what is here; what it printed.

        Raises:
            MirrorBroken: when it fails.
        """
        async with self._mended():
            completed = await self.try_git(*arguments, stdin=stdin, reach=reach)
            _expect_success(completed, self._name)
            return completed.stdout

    async def try_git(
        self, *arguments: str, file_bytes: int = FILE_BYTES, stdin: bytes = b"", reach: Reach = NO_REACH
    ) -> Completed:
        """Run git on what is here, and say how it ended."""
        call = Call(f"{self._name}: cannot read the mirror", file_bytes=file_bytes, stdin=stdin, reach=reach)
        return await self.git.attempt(self.directory.path, *arguments, call=call)

    @contextlib.asynccontextmanager
    async def _mended(self) -> AsyncIterator[None]:
        """A mirror that fails twice in a row for no reason of the remote's is thrown away; the next try makes it again."""
        identity = self.directory.identity
        try:
            yield
        except MirrorBroken:
            self._present.clear()
            self._failures += 1
            if self._failures >= 2:
                self._failures = 0
                await self.directory.throw_away(identity)
            raise
        self._failures = 0


def _directories(tree: bytes, width: int, names: Container[bytes]) -> dict[bytes, str]:
    """Directories in a tree as git stores it, by name: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects."""
    entry = _ENTRIES[width]
    return {match[2]: match[3].hex() for match in entry.finditer(tree) if match[2] in names and match[1] == b"40000"}


def _split(path: str) -> tuple[str, bytes]:
    """The directory that a path stands in, and its name there as git has it."""
    parent, name = posixpath.split(path)
    return parent, name.encode(errors="surrogateescape")


def _is_plain(path: str) -> bool:
    """Whether git takes a path as it stands, on a line of its own."""
    return posixpath.normpath(path) == path and not path.startswith(("../", "/")) and "\n" not in path


def _expect_success(completed: Completed, name: str) -> None:
    """A read that fails is the mirror's fault, not the remote's."""
    if completed.code != 0:
        raise MirrorBroken(f"{name}: cannot read the mirror: {last_line(completed.message)}", retry_seconds=0.0)
