"""Bare mirrors: what a repository's refs are at, exactly the commits that are asked for, and what is in them.

One mirror for each address and the Secret that opens it, shared by the workers of a host. Commits are fetched one deep, so a mirror
knows no history; what was fetched once is not fetched again. A mirror that cannot be read is thrown away and made again.
"""

import asyncio
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.errors import SourceRefused
from reconciler.git.command import FILE_BYTES, Call, Git
from reconciler.git.contents import WHOLE, Contents
from reconciler.git.directory import Directory, mirrors_in
from reconciler.git.failures import MISMATCHED, NO_REF, UNADVERTISED
from reconciler.git.listing import parse_listed
from reconciler.git.remote import Remotes
from reconciler.git.whole import make_whole
from reconciler.model.declared import Name, Repository, RepositoryType, Secrets
from reconciler.model.revisions import BRANCHES, TAGS, is_commit, names_of
from reconciler.settings import ReconcilerSettings
from reconciler.urls import redact

UNUSED_SECONDS = 86400.0
"""A mirror whose Repository is declared no more is kept so long: whoever declares it again fetches nothing."""

OLD_SERVER_DEPTH = 100
"""Commits of each ref that are fetched from a server that gives none out by its hash."""

_NO_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/$|\.$|\.lock(/|$)|(^|/)\.")
"""https://git-scm.com/docs/git-check-ref-format; what passes is one ref, never a pattern."""

LISTED = (BRANCHES, TAGS)
"""What every server lists."""

_EVERY = [f"{beginning}*" for beginning in LISTED]


class Mirrors:
    """The mirrors of one state directory, and the connections that they are filled by; closed at the end."""

    def __init__(self, settings: ReconcilerSettings, secrets: Secrets) -> None:
        self._root = (settings.state / "mirrors").absolute()
        self._git = Git(tuple(settings.git_protocols))
        self._timeout_seconds = settings.git_timeout
        self._limit_bytes = settings.mirror_limit << 20
        self._directories: dict[Path, Directory] = {}
        self._mirrors: dict[tuple[Name, Path, RepositoryType], Mirror] = {}
        self.sweep_at = 0.0
        """By the monotonic clock: when those that nobody needs are looked for next."""
        self.remotes = Remotes(settings, secrets, self._git, self._root)

    def of(self, repository: Repository) -> "Mirror":
        """The mirror of a Repository; nothing is fetched yet.

        Repositories of one address share what is on disk when they are opened by the same Secret, or all by none: then each may read
        what the others may.
        """
        path = self._path(repository)
        key = repository.name, path, repository.type
        mirror = self._mirrors.get(key)
        if mirror is None:
            directory = self._directories.setdefault(path, Directory(path, self._git, self._limit_bytes))
            mirror = self._mirrors[key] = self._make(repository, directory)
        mirror.repository = repository
        return mirror

    def _make(self, repository: Repository, directory: Directory) -> "Mirror":
        return Mirror(repository, directory, self._git, self.remotes, self._timeout_seconds)

    def _path(self, repository: Repository) -> Path:
        ref = self.remotes.keyring.ref(repository)
        text = f"{repository.url} {ref.namespace}/{ref.name}" if ref else repository.url
        return self._root / hashlib.sha256(text.encode()).hexdigest()[:32]

    async def sweep(self, repositories: Iterable[Repository], *, unused_seconds: float = UNUSED_SECONDS) -> int:
        """Remove the mirrors of Repositories that are declared no more, a while after their last use; how many."""
        kept = {self._path(repository) for repository in repositories}
        found = [path for path in await asyncio.to_thread(mirrors_in, self._root) if path not in kept]
        gone = 0
        for path in found:
            directory = self._directories.get(path) or Directory(path, self._git, self._limit_bytes)
            if await directory.remove_unused(unused_seconds):
                gone += 1
                self._directories.pop(path, None)
                self._mirrors = {key: mirror for key, mirror in self._mirrors.items() if key[1] != path}
        return gone

    async def close(self) -> None:
        """End the connections to Git hosts."""
        await self.remotes.pool.close()


@dataclass(frozen=True, slots=True)
class Tag:
    """An annotated tag."""

    id: str
    """Its object's."""
    name: str
    """What it calls itself; empty where that is not clear."""


@dataclass(eq=False)
class Mirror(Contents):
    """One Repository's bare mirror."""

    remotes: Remotes
    timeout_seconds: float = 120.0
    is_part: bool = False
    """Whether it is a submodule's, in the directory of the repository that has it."""

    async def heads(self, revisions: Iterable[str] | None = None) -> Mapping[str, str]:
        """Where the refs of the remote are that some revisions may mean; annotated tags are followed to their commit.

        Args:
            revisions: as they are declared; None: every branch and tag.

        Raises:
            SourceRefused: when the remote refuses.
            SourceUnavailable: when it does not answer.
        """
        if not self.directory.identity:
            async with self.directory.exclusive():
                pass
        if await self.directory.tidy():
            self._present.clear()
        names = sorted({name for revision in revisions for name in names_of(revision)}) if revisions is not None else _EVERY
        call = Call(f"{self._name}: cannot list the refs of {self._url}", self.timeout_seconds)
        prefixes = [name.removesuffix("*") for name in names] or ["HEAD"]
        found = await self.remotes.refs(self.repository, self.directory.path, prefixes, call)
        if found is None:
            found = await self._every_head(names)
        exact, begun = frozenset(names), tuple(name[:-1] for name in names if name.endswith("*"))
        return {ref: commit for ref, commit in found.items() if ref in exact or (begun and ref.startswith(begun))}

    async def _every_head(self, names: Iterable[str]) -> Mapping[str, str]:
        """As a server is asked that knows no prefixes: for all branches and tags; what else is wanted is fetched, one by one."""
        arguments = ("ls-remote", "--heads", "--tags", "--end-of-options", self.repository.url)
        refs = parse_listed(await self._remote(*arguments, what=f"cannot list the refs of {self._url}"))
        for ref in (name for name in names if not name.startswith(LISTED)):
            try:
                refs[ref] = await self.fetch(ref)
            except SourceRefused as error:
                if NO_REF not in str(error):
                    raise
        return refs

    async def fetch(self, ref: str) -> str:
        """Fetch what a ref (`refs/heads/main`) is at now, one commit deep; returns that commit.

        Raises:
            SourceRefused: when the remote has no such ref, or refuses.
            SourceUnavailable: when it does not answer.
        """
        _expect_ref(ref, self._name)
        local = _local(ref)
        async with self._mended(), self.directory.exclusive() as lock:
            await self._fetch(f"+{ref}:{local}", lock=lock, what=f"cannot fetch {ref} of {self._url}")
            commit = await self._commit_at(local, ref)
            self._remember(commit)
        return commit

    async def fetch_deep(self, refs: Sequence[str], depth: int) -> list[str]:
        """Fetch what refs are at now with so many commits before each; the commits that they lead to, in their order.

        Raises:
            SourceRefused: when the remote has one of them not, or refuses.
            SourceUnavailable: when it does not answer.
        """
        for ref in refs:
            _expect_ref(ref, self._name)
        async with self._mended(), self.directory.exclusive() as lock:
            refspecs = [f"+{ref}:{_local(ref)}" for ref in refs]
            await self._fetch(*refspecs, lock=lock, depth=depth, what=f"cannot fetch {' and '.join(refs)} of {self._url}")
            commits = [await self._commit_at(_local(ref), ref) for ref in refs]
        for commit in commits:
            self._remember(commit)
        return commits

    async def ensure(self, commit: str, _: Iterable[str] = (), *, is_trusted: bool = True) -> Mapping[str, str]:
        """Have exactly this commit, and with `submodules` those of its submodules; asks a remote only for what is not there yet.

        Returns why submodules are refused, by their places, which are empty: whatever would read one of these must not be rendered.

        Args:
            commit: a full hash.
            _: how it is followed; of no use to Git, which gives out commits by their hash.
            is_trusted: off for one of people who may not write to the repository: no submodule is fetched that it names.

        Raises:
            SourceRefused: when the remote does not have it, or refuses.
            SourceUnavailable: when it does not answer.
        """
        if not is_commit(commit):
            raise SourceRefused(f"{self._name}: {commit!r} is no commit; write all of its 40 digits (64 in a SHA-256 repository)")
        if not await self.has(commit):
            await self._get(commit)
        whole = f"{WHOLE}{commit}"
        if not self.repository.submodules or (self.directory.identity, whole) in self._present:
            return {}
        gaps = await make_whole(self, commit, self._get_part if is_trusted else None)
        if not gaps:
            self._remember(whole)
        return gaps

    async def _get_part(self, url: str, commit: str) -> None:
        """Have a commit of a submodule, with the repository's own credentials, or with none where these are not for its address."""
        part = replace(self.repository, url=url, submodules=False, verify=None)
        keyring = self.remotes.keyring
        if keyring.ref(part) not in (None, keyring.ref(self.repository)):
            raise SourceRefused(
                f"{self._name}: {redact(url)} is opened by another Secret than {self._url}; declare it on its own"
            )
        await replace(self, repository=part, is_part=True).ensure(commit)

    async def _get(self, commit: str) -> None:
        local, what = f"refs/trueup/commits/{commit}", f"cannot fetch the commit {commit[:12]} of {self._url}"
        async with self._mended(), self.directory.exclusive() as lock:
            if len(commit) == 64 and not self.directory.is_sha256 and not self.is_part:
                await self.directory.remake(is_sha256=True)
            try:
                await self._fetch(f"+{commit}:{local}", lock=lock, what=what)
            except SourceRefused as error:
                await self._fetch_around(commit, local, lock, error)
            self._remember(commit)

    async def tag(self, ref: str, commit: str) -> Tag | None:
        """The annotated tag that a ref has, which leads to a commit; None when the ref leads to the commit itself.

        A tag that was seen is kept, so that a commit that was live can be looked at again when the tag has moved.

        Raises:
            SourceRefused: when the ref leads elsewhere by now, or the remote refuses.
            SourceUnavailable: when it does not answer.
        """
        kept = f"refs/trueup/tags/{hashlib.sha256(ref.encode()).hexdigest()[:32]}/{commit}"
        found = (await self.try_git("rev-parse", "--verify", "--quiet", "--end-of-options", kept)).stdout.decode().strip()
        if not found:
            if (now := await self.fetch(ref)) != commit:
                raise SourceRefused(f"{self._name}: {ref} leads to {now[:12]} by now, and not to {commit[:12]}")
            found = (await self.read_git("rev-parse", "--verify", "--end-of-options", _local(ref))).decode().strip()
            await self.read_git("update-ref", kept, found)
        if found == commit:
            return None
        header, _, _ = (await self.read_git("cat-file", "tag", found)).partition(b"\n\n")
        names = [line[4:].decode(errors="replace") for line in header.splitlines() if line.startswith(b"tag ")]
        return Tag(found, names[0] if len(names) == 1 else "")

    async def _fetch(self, *refspecs: str, lock: int, what: str, depth: int = 1) -> None:
        arguments = (
            "fetch", "--quiet", f"--depth={depth}", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--force",
            "--prune", "--no-show-forced-updates", "--end-of-options", self.repository.url, *refspecs,
        )  # fmt: skip
        try:
            await self._remote(*arguments, what=what, descriptors=(lock,))
        except SourceRefused as error:
            if MISMATCHED not in str(error) or self.is_part:
                raise
            self._present.clear()  # it is known by the first fetch only how a server names its commits
            await self.directory.remake(is_sha256=not self.directory.is_sha256)
            await self._remote(*arguments, what=what, descriptors=(lock,))
        try:
            await self.directory.bound(lock, {refspec.partition(":")[2] for refspec in refspecs})
        except SourceRefused as error:
            self._present.clear()
            raise SourceRefused(f"{self._name}: {what}: {error}") from error

    async def _fetch_around(self, commit: str, local: str, lock: int, refusal: SourceRefused) -> None:
        """A server that gives out only what refs are at: fetch those, some commits deep, and see whether ours is among them."""
        if UNADVERTISED not in str(refusal):
            raise refusal
        what = f"cannot fetch the refs of {self._url}"
        refspecs = ("+refs/heads/*:refs/trueup/around/heads/*", "+refs/tags/*:refs/trueup/around/tags/*")
        await self._fetch(*refspecs, lock=lock, depth=OLD_SERVER_DEPTH, what=what)
        if not await self.has(commit):
            raise refusal
        call = Call(f"{self._name}: cannot keep {commit[:12]}", descriptors=(lock,))
        await self.git.run(self.directory.path, "update-ref", local, commit, call=call)

    async def _commit_at(self, local: str, ref: str) -> str:
        """The commit that was just fetched; a branch's file holds it, a tag may have to be followed."""
        file = self.directory.path / local
        if ref.startswith("refs/heads/") and file.exists():
            return file.read_text().strip()
        call = Call(f"{self._name}: {ref} of {self._url} leads to no commit")
        arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{local}^{{commit}}")
        completed = await self.git.attempt(self.directory.path, *arguments, call=call)
        if completed.code != 0:
            raise SourceRefused(call.what)
        return completed.stdout.decode().strip()

    async def _remote(self, *arguments: str, what: str, descriptors: tuple[int, ...] = ()) -> bytes:
        """Run git against the remote, logged in."""
        limit = min(FILE_BYTES, self.directory.limit_bytes)
        call = Call(f"{self._name}: {what}", self.timeout_seconds, file_bytes=limit, descriptors=descriptors)
        return await self.remotes.run(self.repository, self.directory.path, *arguments, call=call)


def _expect_ref(ref: str, name: str) -> None:
    if _NO_REF.search(ref) or not ref.startswith("refs/"):
        raise SourceRefused(f"{name}: {ref!r} is no ref; check spec.sources[].git.revision")


def _local(ref: str) -> str:
    """Where a ref of the remote is kept: `a` may become `a/b`."""
    return f"refs/trueup/heads/{hashlib.sha256(ref.encode()).hexdigest()[:32]}"
