"""Commits with their submodules in place: made once, kept beside the commit, and read instead of it.

A whole is a commit of our own in the same mirror, whose tree is the commit's with the trees of its submodules where it has their links. So
renders, their cache, and what a push affects know files of a submodule as they know all others. `git submodule` is never run, and nothing is
checked out: what a submodule's commit has is fetched as the repository's own commits are, and bounded with them.
"""

import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.errors import SourceRefused, SourceUnavailable, TrueupError
from reconciler.git.command import NOBODY
from reconciler.git.contents import WHOLE, Contents
from reconciler.git.failures import last_line
from reconciler.git.reach import Reach
from reconciler.git.submodules import FILE, Submodule, address, parse_submodules

MOST = 50
"""Submodules of one commit, with those that are within others."""

DEEPEST = 4
"""Submodules within submodules."""

MODULES_BYTES = 256 * 1024

Fetch = Callable[[str, str], Awaitable[None]]
"""Has a commit of another address in the mirror: the address, the commit."""


async def make_whole(contents: Contents, commit: str, fetch: Fetch) -> None:
    """Put the trees of a commit's submodules at their places, unless that was done.

    Args:
        contents: of the mirror, which has the commit.
        commit: a full hash.
        fetch: gets commits of submodules into the same mirror.

    Raises:
        SourceRefused: naming the submodule, what is wrong with it, and the mend.
        SourceUnavailable: when a host does not answer.
    """
    name, kept = str(contents.repository.name), f"{WHOLE}{commit}"
    if (await contents.read_git("for-each-ref", "--count=1", kept)).strip():
        return
    links = await _links(contents, commit)
    made = commit
    if links:
        tree = await _Maker(contents, fetch, f"{name}: commit {commit[:12]}").tree(commit, contents.repository.url, links, 1)
        reach = Reach(NOBODY)
        made = (await contents.read_git("commit-tree", "-m", f"{commit} with its submodules", tree, reach=reach)).decode().strip()
    await contents.read_git("update-ref", kept, made)


@dataclass(frozen=True, slots=True)
class _Links:
    """What a commit's tree has of submodules."""

    places: dict[str, str] = field(default_factory=dict)
    """Commits by their paths."""
    modules: str = ""
    """The object of `.gitmodules`; empty where there is none."""
    is_file: bool = True
    """Whether that is a regular file."""

    def __bool__(self) -> bool:
        return bool(self.places)


async def _links(contents: Contents, commit: str) -> _Links:
    """The places of submodules are known from the tree; `.gitmodules` only says where each of them comes from."""
    places: dict[str, str] = {}
    modules, is_file = "", True
    listed = await contents.read_git("ls-tree", "-r", "-z", "--full-tree", commit)
    for entry in listed.split(b"\0"):
        if entry.startswith(b"160000 "):
            about, _, path = entry.partition(b"\t")
            places[path.decode(errors="surrogateescape")] = about.split(b" ")[2].decode()
        elif entry.endswith(b"\t" + FILE.encode()):
            mode, _, blob = entry.partition(b"\t")[0].decode().split(" ")
            modules, is_file = blob, mode.startswith("100")
    return _Links(places, modules, is_file)


class _Maker:
    """Makes the tree of one commit."""

    def __init__(self, contents: Contents, fetch: Fetch, what: str) -> None:
        self._contents = contents
        self._fetch = fetch
        self._what = what
        self._left = MOST

    async def tree(self, commit: str, url: str, links: _Links, depth: int) -> str:
        """The tree of a commit of an address with its submodules, and theirs."""
        declared = await self._declared(links)
        found: dict[str, str] = {}
        for path, linked in links.places.items():
            if path not in declared:
                raise SourceRefused(f"{self._what}, {FILE}: says nothing of the submodule at {path!r}; add it, or take it out")
            submodule = declared[path]
            try:
                found[path] = await self._of(submodule, linked, url, depth)
            except ValueError as error:
                raise SourceRefused(f"{self._what}, {FILE}, submodule {submodule.name!r} at {path}: {error}") from error
        return await self._put_together(commit, found)

    async def _declared(self, links: _Links) -> dict[str, Submodule]:
        if not links.modules:
            raise SourceRefused(f"{self._what} has submodules at {', '.join(sorted(links.places)[:5])}, and no file {FILE}")
        if not links.is_file:
            raise SourceRefused(f"{self._what}, {FILE}: is a link; make it a file")
        if int(await self._contents.read_git("cat-file", "-s", links.modules)) > MODULES_BYTES:
            raise SourceRefused(f"{self._what}, {FILE}: is longer than {MODULES_BYTES >> 10} KiB")
        read = ("config", "--blob", links.modules, "--no-includes", "-z", "--list")
        completed = await self._contents.try_git(*read)
        if completed.code != 0:
            raise SourceRefused(f"{self._what}, {FILE}: {last_line(completed.message)}")
        try:
            return dict(parse_submodules(completed.stdout))
        except ValueError as error:
            raise SourceRefused(f"{self._what}, {FILE}: {error}") from error

    async def _of(self, submodule: Submodule, linked: str, parent: str, depth: int) -> str:
        """The tree of one submodule, whose commit is fetched if it is not here.

        Raises:
            ValueError: when it is refused, without saying which it is.
        """
        self._left -= 1
        if self._left < 0 or depth > DEEPEST:
            raise ValueError(f"is one too many; {MOST} are possible, and {DEEPEST} within each other")
        url = address(submodule, parent)
        try:
            await self._fetch(url, linked)
        except TrueupError as error:
            said = str(error).removeprefix(f"{self._contents.repository.name}: ").replace("spec.url", f"its url in {FILE}")
            kind = SourceUnavailable if isinstance(error, SourceUnavailable) else SourceRefused
            raise kind(f"{self._what}, {FILE}, submodule {submodule.name!r} at {submodule.path}: {said}") from error
        links = await _links(self._contents, linked)
        if links:
            return await self.tree(linked, url, links, depth + 1)
        return f"{linked}^{{tree}}"

    async def _put_together(self, commit: str, trees: dict[str, str]) -> str:
        """A commit's tree with other trees at the places of its links; in an index that nobody else sees."""
        with tempfile.TemporaryDirectory(prefix="trueup-whole-") as directory:
            reach = Reach({"GIT_INDEX_FILE": str(Path(directory, "index"))})
            await self._contents.read_git("read-tree", f"{commit}^{{tree}}", reach=reach)
            gone = b"".join(b"0 %b\t%b\0" % (b"0" * len(commit), path.encode(errors="surrogateescape")) for path in trees)
            await self._contents.read_git("update-index", "-z", "--index-info", reach=reach, stdin=gone)
            for path, tree in trees.items():
                await self._contents.read_git("--work-tree", directory, "read-tree", f"--prefix={path}/", tree, reach=reach)
            return (await self._contents.read_git("write-tree", reach=reach)).decode().strip()
