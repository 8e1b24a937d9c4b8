"""The bare repository on disk that a mirror lives in: made when missing, locked while written, cleaned after a crash.

Reads take no lock: git's own files change by renaming. The lock is an flock that every git process under it shares, so that a fetch
that outlives a killed worker keeps it until it ends. A word in the lock file says that work is under way; who finds it there
cleans up first.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from reconciler.errors import SourceUnavailable
from reconciler.git.command import Call, Git

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
"""Commits that were fetched by their hash and keep a ref; older ones are fetched again when they are asked for."""

UNTIDY_PACKS = 50
UNTIDY_LOOSE = 12
"""Packs, and loose objects of one of 256 directories, past which a repository is packed anew; git's own limits are 50 and 27."""


class Directory:
    """One bare repository on disk."""

    def __init__(self, path: Path, git: Git) -> None:
        self.path = path
        self._git = git
        self._lock = asyncio.Lock()

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
            yield descriptor
            os.ftruncate(descriptor, 0)  # not after a failure: a git that was killed leaves things behind

    async def throw_away(self, identity: int) -> None:
        """Throw the repository away, unless somebody did already; it is made again when it is next used."""
        async with self.exclusive():
            if self.identity == identity:
                doomed = self.path.with_suffix(".broken")
                self.path.rename(doomed)
                await asyncio.to_thread(shutil.rmtree, doomed, ignore_errors=True)

    async def tidy(self) -> None:
        """Pack the repository anew when it has grown by many fetches, without what nobody asked for lately."""
        if not await asyncio.to_thread(_is_untidy, self.path):
            return
        async with self.exclusive() as lock:
            call = Call(f"{self.path}: cannot be packed", timeout_seconds=LOCK_SECONDS, descriptors=(lock,))
            listed = await self._git.run(
                self.path, "for-each-ref", "--sort=-creatordate", "--format=delete %(refname)", "refs/trueup/commits", call=call
            )
            old = b"".join(listed.splitlines(keepends=True)[KEEP_COMMITS:])
            stdin = Call(call.what, stdin=old, descriptors=(lock,))
            await self._git.run(self.path, "update-ref", "--stdin", call=stdin)
            await self._git.run(self.path, "gc", "--quiet", "--prune=1.hour.ago", call=call)

    def _open(self, stack: contextlib.AsyncExitStack) -> int:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        stack.callback(os.close, descriptor)
        return descriptor

    async def _make(self) -> None:
        new = self.path.with_suffix(".new")
        await asyncio.to_thread(shutil.rmtree, new, ignore_errors=True)
        new.mkdir(mode=0o700)
        await self._git.run(new, "init", "--quiet", "--bare", "--template=", new, call=Call(f"{self.path}: cannot be made"))
        (new / "info").mkdir()
        (new / "info" / "attributes").write_text(ATTRIBUTES)
        await asyncio.to_thread(shutil.rmtree, self.path, ignore_errors=True)  # what is no repository
        new.rename(self.path)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
