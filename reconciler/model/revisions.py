"""What `spec.sources[].git.revision` means among the refs of a repository. Pure.

A revision is a branch, a tag, a commit's full hash, any ref by its whole name, or the highest tag of a range of versions:
`semver:>=1.2 <2`, and for tags with something before their version `semver:shop-v:>=1.2 <2`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from reconciler.model.versions import newest, parse_range, parse_version

SEMVER = "semver:"
BRANCHES, TAGS = "refs/heads/", "refs/tags/"

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class TagRange:
    """Tags whose names are a prefix and a version within a range; a `v` may stand between."""

    prefix: str
    wanted: str

    @classmethod
    def parse(cls, revision: str) -> Self | None:
        """Read `semver:RANGE` or `semver:PREFIX:RANGE`; None when a revision is something else.

        Raises:
            ValueError: when the range is none.
        """
        if not revision.startswith(SEMVER):
            return None
        prefix, _, text = revision.removeprefix(SEMVER).rpartition(":")
        parse_range(text)
        return cls(prefix, text)

    def includes(self, ref: str) -> bool:
        """Whether a ref is a tag within it; there may be a higher one."""
        if not ref.startswith(self.start):
            return False
        version = parse_version(ref.removeprefix(self.start))
        return version is not None and parse_range(self.wanted).includes(version)

    @property
    def start(self) -> str:
        """How the full names of its tags begin."""
        return f"{TAGS}{self.prefix}"

    def highest(self, refs: Iterable[str]) -> str | None:
        """The tag that is meant; None when none is within it."""
        name = newest(self.wanted, (ref.removeprefix(self.start) for ref in refs if ref.startswith(self.start)))
        return None if name is None else f"{self.start}{name}"


def is_range(revision: str) -> bool:
    """Whether a revision is a range of tags."""
    return revision.startswith(SEMVER)


def is_commit(revision: str) -> bool:
    """Whether a revision is a commit's full hash."""
    return _COMMIT.fullmatch(revision) is not None


def resolve(revision: str, refs: Iterable[str]) -> str | None:
    """The ref that a revision means among those there are; of a branch and a tag of one name the branch. None for a commit, too."""
    if (tags := TagRange.parse(revision)) is not None:
        return tags.highest(refs)
    known = refs if isinstance(refs, dict | frozenset | set) else frozenset(refs)
    return next((ref for ref in names_of(revision) if ref in known), None)


def names_of(revision: str) -> tuple[str, ...]:
    """The refs that a revision may mean, the first that there is; of a range of tags how their names begin, with a star."""
    if (tags := TagRange.parse(revision)) is not None:
        return (f"{tags.start}*",)
    if is_commit(revision):
        return ()
    return (revision,) if revision.startswith("refs/") else (f"{BRANCHES}{revision}", f"{TAGS}{revision}")


def may_mean(revision: str, ref: str) -> bool:
    """Whether a revision may mean a ref; a range means the highest of its tags, and a name a branch before a tag."""
    tags = TagRange.parse(revision)
    return tags.includes(ref) if tags is not None else ref in names_of(revision)
