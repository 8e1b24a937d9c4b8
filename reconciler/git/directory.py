"""The bare repository on disk that a mirror lives in: made when missing, locked while written, cleaned after a crash.

Reads take no lock: git's own files change by renaming. The lock is an flock that every git process under it shares, so that a fetch
that outlives a killed worker keeps it until it ends. A word in the lock file says that work is under way; who finds it there
cleans up first.
"""

import asyncio
import contextlib
import fcntl
import os
import re
import shutil
import time
from collections.abc import AsyncIterator, Collection
from pathlib import Path

from reconciler.errors import SourceRefused, SourceUnavailable, TrueupError
from reconciler.git.command import TOO_LARGE, Call, Git

ATTRIBUTES = "* -export-ignore -export-subst -filter -text -eol -ident -working-tree-encoding\n"
"""An export is the tree as committed: the repository's own attributes neither hide nor rewrite files."""

LOCK_SECONDS = 120.0
"""How long others may keep a mirror, in this process or another of this host."""

LOOK_SECONDS = 0.02
"""How often a lock that is held is looked at."""

LEFTOVERS = (
    "*.lock",
    "objects/pack/tmp_*",
    "objects/*/tmp_obj_*",
    "refs/**/*.lock",
    "gc.pid",
    "tmp_objdir-*",
    "objects/tmp_objdir-*",
)
"""What a git that was killed leaves behind."""

KEEP_COMMITS = 200
"""Commits that were fetched by their hash, and refs, that are kept; older ones are fetched again when they are asked for."""

UNTIDY_PACKS = 50
UNTIDY_LOOSE = 12
"""Packs, and loose objects of one of 256 directories, past which a repository is packed anew; git's own limits are 50 and 27."""


class Directory:
    """One bare repository on disk."""

    def __init__(self, path: Path, git: Git, limit_bytes: int) -> None:
        self.path = path
        self.limit_bytes = limit_bytes
        self._git = git
        self._lock = asyncio.Lock()

    @property
    def large_files(self) -> Path:
        """Where files are kept that Git LFS has for it elsewhere."""
        return self.path.with_suffix(".lfs")

    @property
    def identity(self) -> int:
        """Another number when the repository was thrown away and made again; 0 when there is none."""
        try:
            return (self.path / "objects").stat().st_ino
        except FileNotFoundError:
            return 0

    @contextlib.asynccontextmanager
    async def exclusive(self) -> AsyncIterator[int]:
        """The repository, existing and clean, with nobody else writing to it; gives the lock's descriptor for git to share.

        Raises:
            SourceUnavailable: when others keep it too long.
        """
        async with contextlib.AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(LOCK_SECONDS):
                    await stack.enter_async_context(self._lock)
                    descriptor = self._open(stack)
                    while not _locked(descriptor):  # noqa: ASYNC110 - another process sets no event of ours
                        await asyncio.sleep(LOOK_SECONDS)
            except TimeoutError as error:
                raise SourceUnavailable(
                    f"{self.path}: another process keeps it locked for more than {LOCK_SECONDS:g} s"
                ) from error
            if os.fstat(descriptor).st_size:
                await asyncio.to_thread(_clean, self.path)
            os.pwrite(descriptor, b"busy\n", 0)
            if not self.identity:
                await self._make()
            try:
                yield descriptor
            except TrueupError:  # a git that was killed leaves things behind, which may be what fills the disk
                await asyncio.to_thread(_clean, self.path)
                raise
            os.ftruncate(descriptor, 0)  # not after another failure: whoever comes next cleans up

    async def throw_away(self, identity: int) -> None:
        """Throw the repository away, unless somebody did already; it is made again when it is next used."""
        async with self.exclusive():
            if self.identity == identity:
                await asyncio.to_thread(_remove, self.path)

    async def bound(self, lock: int, fetched: Collection[str]) -> None:
        """See that the repository is not too large, after a fetch and under its lock; what is oldest goes first.

        Args:
            lock: that is held.
            fetched: the refs that were just fetched, which stay however old what they lead to is.

        Raises:
            SourceRefused: when it is; it is thrown away then.
        """
        if await asyncio.to_thread(_size, self.path) <= self.limit_bytes:
            return
        await self._pack(lock, prune="now", fetched=fetched)
        if await asyncio.to_thread(_size, self.path) > self.limit_bytes:
            await asyncio.to_thread(_remove, self.path)
            raise SourceRefused(f"more than {self.limit_bytes >> 20} MiB; {TOO_LARGE}")

    async def remove_unused(self, seconds: float) -> bool:
        """Remove the repository when nobody used it for so long, or keeps its lock now; whether it was there and is gone."""
        lock = self.path.with_suffix(".lock")
        async with contextlib.AsyncExitStack() as stack:
            descriptor = self._open(stack)
            is_free = self.identity and time.time() - lock.stat().st_mtime > seconds and _locked(descriptor)
            if is_free:
                await asyncio.to_thread(_remove, self.path)
                await asyncio.to_thread(shutil.rmtree, self.large_files, ignore_errors=True)
            return bool(is_free)

    async def tidy(self) -> bool:
        """Pack the repository anew when it has grown by many fetches, without what nobody asked for lately; whether that was so."""
        if not await asyncio.to_thread(_is_untidy, self.path):
            return False
        async with self.exclusive() as lock:
            await self._pack(lock, prune="1.hour.ago")
        return True

    async def _pack(self, lock: int, *, prune: str, fetched: Collection[str] = ()) -> None:
        call = Call(f"{self.path}: cannot be packed", timeout_seconds=LOCK_SECONDS, descriptors=(lock,))
        for kind in ("commits", "heads", "whole"):
            listed = await self._git.run(
                self.path, "for-each-ref", "--sort=-creatordate", "--format=%(refname)", f"refs/trueup/{kind}", call=call
            )
            old = [ref for ref in listed.decode().splitlines()[KEEP_COMMITS:] if ref not in fetched]
            stdin = Call(call.what, stdin="".join(f"delete {ref}\n" for ref in old).encode(), descriptors=(lock,))
            await self._git.run(self.path, "update-ref", "--stdin", call=stdin)
        await self._git.run(self.path, "gc", "--quiet", f"--prune={prune}", call=call)

    def _open(self, stack: contextlib.AsyncExitStack) -> int:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        stack.callback(os.close, descriptor)
        return descriptor

    @property
    def is_sha256(self) -> bool:
        """Whether it is a repository whose commits are named by SHA-256."""
        try:
            return "objectformat = sha256" in (self.path / "config").read_text()
        except FileNotFoundError:
            return False

    async def remake(self, *, is_sha256: bool) -> None:
        """Make the repository anew and empty, for commits that are named by an algorithm; under its lock."""
        await self._make(is_sha256=is_sha256)

    async def _make(self, *, is_sha256: bool = False) -> None:
        new = self.path.with_suffix(".new")
        await asyncio.to_thread(shutil.rmtree, new, ignore_errors=True)
        new.mkdir(mode=0o700)
        call = Call(f"{self.path}: cannot be made")
        algorithm = f"--object-format={'sha256' if is_sha256 else 'sha1'}"
        await self._git.run(new, "init", "--quiet", "--bare", "--template=", algorithm, new, call=call)
        (new / "info").mkdir()
        (new / "info" / "attributes").write_text(ATTRIBUTES)
        await asyncio.to_thread(shutil.rmtree, self.path, ignore_errors=True)  # what is no repository
        new.rename(self.path)


def mirrors_in(root: Path) -> list[Path]:
    """The repositories of a state directory."""
    return [path for path in root.iterdir() if re.fullmatch(r"[0-9a-f]{32}", path.name)] if root.exists() else []


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove(path: Path) -> None:
    """By another name first, so that whoever reads sees all of it or nothing."""
    doomed = path.with_suffix(".broken")
    shutil.rmtree(doomed, ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):
        path.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def _size(path: Path) -> int:
    """Bytes on disk of its objects."""
    return sum(file.lstat().st_blocks * 512 for file in (path / "objects").rglob("*"))


def _clean(path: Path) -> None:
    for pattern in LEFTOVERS:
        for leftover in path.glob(pattern):
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)
    for suffix in (".new", ".broken"):
        shutil.rmtree(path.with_suffix(suffix), ignore_errors=True)


def _is_untidy(path: Path) -> bool:
    packs = sum(1 for _ in path.glob("objects/pack/*.pack"))
    return packs > UNTIDY_PACKS or sum(1 for _ in path.glob("objects/17/*")) > UNTIDY_LOOSE
