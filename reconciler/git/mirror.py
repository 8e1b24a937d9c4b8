"""Bare mirrors: one directory a repository, shared by the workers of a host, thrown away and made again when broken."""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import SourceRefused, SourceUnavailable
from reconciler.git.command import Git
from reconciler.git.credentials import askpass, install_script, login_for
from reconciler.model.declared import Repository, Secrets
from reconciler.settings import ReconcilerSettings
from reconciler.urls import parse_url

ATTRIBUTES = "* -export-ignore -export-subst -filter\n"
"""An export is the tree as committed: the repository's own attributes neither hide nor rewrite files."""

LOOK_SECONDS = 0.02
LOCK_SECONDS = 120.0
"""How long another process of this host may keep a mirror."""


class Mirrors:
    """The mirrors of one state directory."""

    def __init__(self, settings: ReconcilerSettings, secrets: Secrets) -> None:
        self._root = (settings.state / "mirrors").absolute()
        self._git = Git(tuple(settings.git_protocols), settings.git_timeout)
        self._secrets = secrets
        self._mirrors: dict[str, Mirror] = {}

    def of(self, repository: Repository) -> "Mirror":
        """The mirror of a repository; nothing is fetched yet."""
        mirror = self._mirrors.get(repository.url)
        if mirror is None or mirror.repository != repository:
            directory = self._root / hashlib.sha256(repository.url.encode()).hexdigest()[:32]
            mirror = self._mirrors[repository.url] = Mirror(repository, directory, self._git, self._secrets)
        return mirror


@dataclass(eq=False)
class Mirror:
    """One repository's bare mirror."""

    repository: Repository
    directory: Path
    git: Git
    secrets: Secrets

    def __post_init__(self) -> None:
        self._lock = asyncio.Lock()
        self._present: set[str] = set()
        self._is_made = False

    async def heads(self) -> Mapping[str, str]:
        """Every branch and tag of the remote with the commit it is at; annotated tags are followed to their commit."""
        await self._make()
        output = await self._remote("ls-remote", "--heads", "--tags", "--end-of-options", self.repository.url)
        refs: dict[str, str] = {}
        for line in output.decode(errors="replace").splitlines():
            commit, _, ref = line.partition("\t")
            refs[ref.removesuffix("^{}")] = commit  # the peeled line follows the tag's own
        return refs

    async def fetch(self, ref: str) -> str:
        """Fetch what a ref is at now, one commit deep; returns that commit.

        Raises:
            SourceRefused: when the remote has no such ref, or refuses.
            SourceUnavailable: when it does not answer.
        """
        local = f"refs/trueup/{ref.removeprefix('refs/')}"
        async with self._exclusive():
            await self._fetch(f"+{ref}:{local}")
            commit = (await self._local("rev-parse", "--verify", "--end-of-options", f"{local}^{{commit}}")).decode().strip()
        self._present.add(commit)
        return commit

    async def ensure(self, commit: str) -> None:
        """Have exactly this commit; asks the remote only when it is not there yet."""
        if await self.has(commit):
            return
        async with self._exclusive():
            await self._fetch(f"+{commit}:refs/trueup/commits/{commit}")
        self._present.add(commit)

    async def has(self, commit: str) -> bool:
        """Whether a commit is here with its tree."""
        await self._make()
        if commit not in self._present:
            completed = await self.git.attempt(self.directory, "cat-file", "-e", f"{commit}^{{tree}}")
            if completed.code != 0:
                return False
            self._present.add(commit)
        return True

    async def changed(self, old: str, new: str) -> frozenset[str]:
        """The paths that differ between two commits that are here; a rename is both its paths."""
        output = await self._local("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--end-of-options", old, new)
        return frozenset(path.decode(errors="surrogateescape") for path in output.split(b"\0") if path)

    async def tree(self, commit: str, path: str = "") -> str | None:
        """The object id of a directory or file in a commit; None when there is none."""
        completed = await self.git.attempt(self.directory, "rev-parse", "--verify", "--quiet", f"{commit}:{path}")
        return completed.stdout.decode().strip() if completed.code == 0 else None

    async def archive(self, commit: str, paths: tuple[str, ...], into: Path) -> None:
        """Write a commit's files as a tar archive; all of them when no paths are given."""
        await self._local("archive", "--format=tar", f"--output={into}", commit, "--", *paths)

    async def _fetch(self, refspec: str) -> None:
        await self._remote(
            "fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--force",
            "--end-of-options", self.repository.url, refspec,
        )  # fmt: skip

    async def _remote(self, *arguments: str) -> bytes:
        """Run git against the remote, logged in; a mirror that git calls broken is made again, once."""
        if parse_url(self.repository.url).protocol == "ssh":
            raise SourceRefused(f"{self.repository.name}: ssh remotes are not supported by this version; use https")
        login = await login_for(self.repository, self.secrets)
        script = install_script(self.directory.parent)
        with askpass(login, script) as pipes:
            completed = await self.git.attempt(self.directory, *arguments, askpass=pipes)
        if completed.code == 0:
            return completed.stdout
        if _is_broken(completed.message):
            await self._throw_away()
            raise SourceUnavailable(f"{self.repository.name}: the mirror was broken and is made again", retry_seconds=0.0)
        raise self.git.error(completed, str(self.repository.name))

    async def _local(self, *arguments: str) -> bytes:
        return await self.git.run(self.directory, *arguments, what=str(self.repository.name))

    async def _make(self) -> None:
        if self._is_made:
            return
        async with self._lock:
            if not (self.directory / "HEAD").exists():
                temporary = self.directory.with_name(f"{self.directory.name}.{os.getpid()}")
                temporary.mkdir(parents=True, exist_ok=True)
                await self.git.run(temporary, "init", "--quiet", "--bare", temporary, what=str(self.repository.name))
                (temporary / "info").mkdir(exist_ok=True)
                (temporary / "info" / "attributes").write_text(ATTRIBUTES)
                try:
                    temporary.rename(self.directory)
                except OSError:  # another process was quicker
                    shutil.rmtree(temporary, ignore_errors=True)
            self._is_made = True

    async def _throw_away(self) -> None:
        self._present.clear()
        self._is_made = False
        doomed = self.directory.with_name(f"{self.directory.name}.broken.{os.getpid()}")
        with contextlib.suppress(FileNotFoundError):
            self.directory.rename(doomed)
        await asyncio.to_thread(shutil.rmtree, doomed, ignore_errors=True)

    @contextlib.asynccontextmanager
    async def _exclusive(self) -> AsyncIterator[None]:
        """One fetch at a time, in this process and on this host; locks that a killed git left behind are removed."""
        await self._make()
        async with self._lock:
            descriptor = os.open(f"{self.directory}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                async with asyncio.timeout(LOCK_SECONDS):
                    while not _is_locked(descriptor):  # noqa: ASYNC110 - the lock is the kernel's, and tells nobody
                        await asyncio.sleep(LOOK_SECONDS)
                for stale in ("shallow.lock", "packed-refs.lock", "config.lock"):
                    (self.directory / stale).unlink(missing_ok=True)
                yield
            except TimeoutError as error:
                raise SourceUnavailable(f"{self.repository.name}: another process keeps the mirror locked") from error
            finally:
                os.close(descriptor)


def _is_locked(descriptor: int) -> bool:
    """Try to lock; a blocking call in a thread could not be cancelled."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_broken(said: str) -> bool:
    return any(text in said for text in ("not a git repository", "bad object HEAD", "is corrupt", "unable to read tree"))
