"""What merging a branch would make, as a commit that nobody made: it is written into the mirror alone, and never pushed.

The same two commits give the same result, by name too: nobody's name and the beginning of time stand in it.
"""

from dataclasses import dataclass

from reconciler.errors import SourceRefused
from reconciler.git.command import BEGINNING, NOBODY, Call
from reconciler.git.mirror import Mirror
from reconciler.git.reach import Reach
from reconciler.process import Completed

DEPTHS = (50, 1000, 2**31 - 1)
"""Commits of each side that are fetched to find where they part; the last is git's way to say all of them."""

MERGE_SECONDS = 60.0
"""Until two trees that are hard to merge are given up."""

NAMED = 5
"""Files in conflict that a message names."""


@dataclass(frozen=True, slots=True)
class Merge:
    """What merging one commit into another comes to."""

    base: str
    """What the one is merged into."""
    head: str
    commit: str
    """The result; empty where they conflict."""
    conflicts: tuple[str, ...] = ()
    """Files that both changed, in each their own way."""

    @property
    def why_none(self) -> str:
        """For people, why there is no result; empty where there is one."""
        more = f" and {len(self.conflicts) - NAMED} more" if len(self.conflicts) > NAMED else ""
        return f"conflicts in {', '.join(self.conflicts[:NAMED])}{more}" if not self.commit else ""


async def merge(mirror: Mirror, base: str, head: str) -> Merge:
    """Merge what two refs of a remote are at now.

    Args:
        mirror: of the repository; both are fetched into it.
        base: what is merged into: `refs/heads/main`.
        head: what is merged: `refs/pull/7/head`.

    Raises:
        SourceRefused: when one of them is not there, or they have nothing in common.
        SourceUnavailable: when the remote does not answer.
    """
    for depth in DEPTHS:
        onto, tip = await mirror.fetch_deep((base, head), depth)
        found = await _git(mirror, "merge-base", onto, tip)
        if found.code == 0:
            return await _merged(mirror, onto, tip, found.stdout.decode().split()[0])
    raise SourceRefused(f"{mirror.repository.name}: {head} and {base} have no commit in common")


async def _git(mirror: Mirror, *arguments: str) -> Completed:
    call = Call(f"{mirror.repository.name}: cannot merge", MERGE_SECONDS, reach=Reach({**NOBODY, **BEGINNING}))
    return await mirror.git.attempt(mirror.directory.path, *arguments, call=call)


async def _merged(mirror: Mirror, onto: str, tip: str, parting: str) -> Merge:
    if parting == onto:
        return Merge(onto, tip, tip)
    if parting == tip:
        return Merge(onto, tip, onto)
    found = await _git(mirror, "merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", onto, tip)
    tree, *conflicts = [part.decode(errors="replace") for part in found.stdout.split(b"\0") if part]
    if found.code not in (0, 1):
        raise SourceRefused(f"{mirror.repository.name}: cannot merge {tip[:12]} into {onto[:12]}: {found.message[:200]}")
    if found.code == 1:
        return Merge(onto, tip, "", tuple(dict.fromkeys(conflicts)))
    commit = await _git(mirror, "commit-tree", "-p", onto, "-p", tip, "-m", "as if merged", tree)
    if commit.code != 0:
        raise SourceRefused(f"{mirror.repository.name}: cannot keep what the merge makes: {commit.message[:200]}")
    return Merge(onto, tip, commit.stdout.decode().strip())
