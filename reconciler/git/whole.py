"""Commits with their submodules in place: made once, kept beside the commit, and read instead of it.

A whole is a commit of our own in the same mirror, whose tree is the commit's with the trees of its submodules where it has their links. So
renders, their cache, and what a push affects know files of a submodule as they know all others. `git submodule` is never run, and nothing is
checked out: what a submodule's commit has is fetched as the repository's own commits are, and bounded with them.

The place of a submodule that is refused stays empty: a *gap*. It may be filled later, when the commit is wanted again; what was filled once
stays, so that whoever reads a whole may go by the gaps that it had before.
"""

import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from reconciler.errors import SourceRefused, SourceUnavailable, TrueupError
from reconciler.git.command import NOBODY
from reconciler.git.contents import GAPS, WHOLE, Contents
from reconciler.git.failures import last_line
from reconciler.git.reach import Reach
from reconciler.git.submodules import FILE, Submodule, address, parse_submodules

MOST = 50
"""Submodules of one commit, with those that are within others."""

DEEPEST = 4
"""Submodules within submodules."""

MODULES_BYTES = 256 * 1024

TRIES = 5
"""Others may fill gaps of the same commit meanwhile: each time there is one less."""

STRANGERS = "is not fetched for a commit of people who may not write to the repository"
"""What the repository's Secret opens on its host is not for everybody to see who can propose a change."""

Fetch = Callable[[str, str], Awaitable[None]]
"""Has a commit of another address in the mirror: the address, the commit."""


async def make_whole(contents: Contents, commit: str, fetch: Fetch | None) -> Mapping[str, str]:
    """Put the trees of a commit's submodules at their places, unless that was done; by place, why one is refused, and the mend.

    Args:
        contents: of the mirror, which has the commit.
        commit: a full hash.
        fetch: gets commits of submodules into the same mirror; None: none is to be had, and what was made so is kept from nobody else.

    Raises:
        SourceRefused: when one is not there that is not to be had, or they are too much for the mirror.
        SourceUnavailable: when a host does not answer.
    """
    for _ in range(TRIES):
        kept = await _kept(contents, commit)
        if kept.id and not kept.gaps:
            return {}
        links = await _links(contents, commit)
        maker = _Maker(contents, fetch, commit)
        made = await maker.commit(links) if links else commit
        if kept.id and not maker.gaps.keys() < kept.gaps.keys():
            return {place: maker.gaps.get(place, why) for place, why in kept.gaps.items()}
        if await _keep(contents, commit, made, maker.gaps, kept):
            return maker.gaps
    raise SourceUnavailable(
        f"{contents.repository.name}: commit {commit[:12]}: its submodules are put in place by others; tried again"
    )


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was made of a commit before."""

    id: str = ""
    """Of the whole; empty where nothing was."""
    gaps_id: str = ""
    gaps: Mapping[str, str] = field(default_factory=dict)


async def _kept(contents: Contents, commit: str) -> _Kept:
    lines = await contents.read_git("for-each-ref", "--format=%(refname) %(objectname)", f"{WHOLE}{commit}", f"{GAPS}{commit}")
    found = dict(line.split(" ") for line in lines.decode().splitlines())
    gaps = found.get(f"{GAPS}{commit}", "")
    read = orjson.loads(await contents.read_git("cat-file", "blob", gaps)) if gaps else {}
    places = {place.encode("latin-1").decode(errors="surrogateescape"): why for place, why in read.items()}
    return _Kept(found.get(f"{WHOLE}{commit}", ""), gaps, places)


async def _keep(contents: Contents, commit: str, made: str, gaps: Mapping[str, str], before: _Kept) -> bool:
    """Keep a whole with what it lacks, both or neither; whether nobody else kept one meanwhile."""
    places = {place.encode(errors="surrogateescape").decode("latin-1"): why for place, why in gaps.items()}
    text = orjson.dumps(places)
    blob = (await contents.read_git("hash-object", "-w", "--stdin", stdin=text)).decode().strip() if gaps else ""
    nothing = "0" * len(commit)
    lines = [f"update {WHOLE}{commit} {made} {before.id or nothing}"]
    if blob or before.gaps_id:
        lines.append(f"update {GAPS}{commit} {blob or nothing} {before.gaps_id or nothing}")
    return (await contents.try_git("update-ref", "--stdin", stdin="".join(f"{line}\n" for line in lines).encode())).code == 0


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
    """Makes the whole of one commit."""

    def __init__(self, contents: Contents, fetch: Fetch | None, commit: str) -> None:
        self._contents = contents
        self._fetch = fetch
        self._commit = commit
        self._what = f"{contents.repository.name}: commit {commit[:12]}"
        self._left = MOST
        self.gaps: dict[str, str] = {}
        """Why submodules are refused, by their places."""

    async def commit(self, links: _Links) -> str:
        """A commit of our own with the submodules that are to be had."""
        tree = await self._tree(self._commit, self._contents.repository.url, links, "")
        message = f"{self._commit} with its submodules"
        return (await self._contents.read_git("commit-tree", "-m", message, tree, reach=Reach(NOBODY))).decode().strip()

    async def _tree(self, commit: str, url: str, links: _Links, above: str, depth: int = 1) -> str:
        """The tree of a commit of an address with its submodules, and theirs."""
        found: dict[str, str] = {}
        declared: Mapping[str, Submodule] | SourceRefused
        try:
            declared = await self._declared(links)
        except SourceRefused as error:
            declared = error
        for path, linked in links.places.items():
            try:
                submodule = self._submodule(declared, path)
                found[path] = await self._of(submodule, linked, url, f"{above}{path}/", depth)
            except SourceRefused as error:
                if self._fetch is None or not await self._contents.has(self._commit):
                    raise  # a mirror that became too large is gone
                self.gaps[f"{above}{path}"] = str(error).encode(errors="replace").decode()
        return await self._put_together(commit, found) if found else f"{commit}^{{tree}}"

    def _submodule(self, declared: Mapping[str, Submodule] | SourceRefused, path: str) -> Submodule:
        if isinstance(declared, SourceRefused):
            raise declared
        if path not in declared:
            raise SourceRefused(f"{self._what}, {FILE}: says nothing of the submodule at {path!r}; add it, or take it out")
        return declared[path]

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

    async def _of(self, submodule: Submodule, linked: str, parent: str, place: str, depth: int) -> str:
        """The tree of one submodule, whose commit is fetched if it is not here."""
        what = f"{self._what}, {FILE}, submodule {submodule.name!r} at {submodule.path}"
        self._left -= 1
        if self._left < 0 or depth > DEEPEST:
            raise SourceRefused(f"{what}: is one too many; {MOST} are possible, and {DEEPEST} within each other")
        if self._fetch is None:
            raise SourceRefused(f"{what}: {STRANGERS}")
        try:
            url = address(submodule, parent)
            await self._fetch(url, linked)
        except ValueError as error:
            raise SourceRefused(f"{what}: {error}") from error
        except TrueupError as error:
            said = str(error).removeprefix(f"{self._contents.repository.name}: ").replace("spec.url", f"its url in {FILE}")
            kind = SourceUnavailable if isinstance(error, SourceUnavailable) else SourceRefused
            raise kind(f"{what}: {said}") from error
        links = await _links(self._contents, linked)
        return await self._tree(linked, url, links, place, depth + 1) if links else f"{linked}^{{tree}}"

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
