"""Semantic versions, and ranges of them as Helm, Flux and Argo CD read them. Pure.

Ranges follow https://github.com/Masterminds/semver#checking-version-constraints, so that what people bring means the same here. Versions
are whole ones, with three numbers: a tag `v1` that moves is none.
"""

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from semver import Version

FORM = "a range of versions such as `>=1.2 <2`, `^1.4`, `~1.4.2`, `1.x` or `1.2 - 1.4`"

LONGEST = 200
"""Letters of a range, and of a version; people need twenty."""

_PART = r"0|[1-9][0-9]{0,17}|[xX*]"
_VERSION = rf"[vV]?({_PART})(?:\.({_PART}))?(?:\.({_PART}))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?"
_COMPARATOR = re.compile(rf"(=>|=<|>=|<=|!=|~>|[=<>~^])?[ ]*{_VERSION}(?=$|[ ,])[ ,]*")
_HYPHEN = re.compile(r"[ ]*(\S+)[ ]+-[ ]+(\S+)[ ]*")


@dataclass(frozen=True, slots=True)
class Range:
    """Versions that are wanted: those within any of its alternatives."""

    alternatives: tuple[tuple["_Bound", ...], ...]
    """What each demands, all of it."""

    def includes(self, version: Version) -> bool:
        """Whether a version is wanted; one before a release only where the alternative names one, as `>=1.2.0-0` does."""
        return any(
            (not version.prerelease or any(bound.is_early for bound in bounds)) and all(bound.holds(version) for bound in bounds)
            for bounds in self.alternatives
        )


@functools.lru_cache(maxsize=1000)
def parse_range(text: str) -> Range:
    """Read a range.

    Raises:
        ValueError: when it is none.
    """
    if len(text) > LONGEST:
        raise ValueError(f"is longer than {LONGEST} letters; write {FORM}")
    try:
        return Range(tuple(_alternative(part) for part in text.split("||")))
    except ValueError as error:
        raise ValueError(f"{text!r} is no range; write {FORM}") from error


@functools.lru_cache(maxsize=10_000)
def parse_version(text: str) -> Version | None:
    """Read a whole version, with or without `v` before it; None when it is none."""
    if len(text) > LONGEST:
        return None
    try:
        return Version.parse(text.removeprefix("v"))
    except (ValueError, TypeError):
        return None


def check_range(text: str) -> None:
    """See whether a range can be understood.

    Raises:
        ValueError: saying how one is written.
    """
    parse_range(text)


def newest(wanted: str, versions: Iterable[str]) -> str | None:
    """The highest of these versions within a range, as it was written; of equal ones the last by its letters. None when there is none.

    Raises:
        ValueError: when the range cannot be understood.
    """
    known = parse_range(wanted)
    found = [(version, text) for text in versions if (version := parse_version(text)) is not None and known.includes(version)]
    return max(found)[1] if found else None


@dataclass(frozen=True, slots=True)
class _Bound:
    """From a version on, up to another, or outside of them."""

    low: Version | None = None
    high: Version | None = None
    """Not itself one of them, unless the bound is closed."""
    is_open: bool = False
    """Whether the low one itself is not one of them."""
    is_closed: bool = False
    is_outside: bool = False
    is_early: bool = False
    """Whether it was written with a version before a release."""

    def holds(self, version: Version) -> bool:
        above = self.low is None or version > self.low or (version == self.low and not self.is_open)
        below = self.high is None or version < self.high or (version == self.high and self.is_closed)
        return (above and below) != self.is_outside


def _alternative(text: str) -> tuple[_Bound, ...]:
    if (hyphen := _HYPHEN.fullmatch(text)) is not None:
        return *_alternative(f">={hyphen[1]}"), *_alternative(f"<={hyphen[2]}")
    rest, bounds = text.strip(" ,"), []
    while rest:
        if (match := _COMPARATOR.match(rest)) is None:
            raise ValueError(rest)
        bounds.append(_bound(match[1] or "=", *match.group(2, 3, 4, 5)))
        rest = rest[match.end() :]
    if not bounds:
        raise ValueError("nothing")
    return tuple(bounds)


def _bound(operator: str, major: str, minor: str | None, patch: str | None, early: str | None) -> _Bound:
    """One comparison; what is left out, or is an x, stands for any number."""
    numbers: list[int] = []
    for part in (major, minor, patch):
        if part is None or part in "xX*":
            break
        numbers.append(int(part))
    if early and len(numbers) < 3:
        raise ValueError(early)
    first, second, third = [*numbers, 0, 0, 0][:3]
    low = Version(first, second, third, prerelease=early)
    after = _raised(numbers, len(numbers) - 1) if numbers else None
    """The first version that is none of those that were written."""
    is_whole, is_early = len(numbers) == 3, early is not None
    match operator:
        case ">":
            return _Bound(low, is_open=True, is_early=is_early) if is_whole else _Bound(after or _NEVER, is_early=is_early)
        case ">=" | "=>":
            return _Bound(low, is_early=is_early)
        case "<":
            return _Bound(high=low, is_early=is_early)
        case "<=" | "=<":
            return _Bound(high=low if is_whole else after, is_closed=is_whole, is_early=is_early)
        case "!=" | "=":
            high = low if is_whole else after
            return _Bound(low, high, is_closed=is_whole, is_outside=operator == "!=", is_early=is_early)
        case "~" | "~>":
            return _Bound(low, _raised(numbers, min(len(numbers) - 1, 1)) if numbers else None, is_early=is_early)
        case _:
            leading = next((index for index, number in enumerate(numbers) if number), len(numbers) - 1)
            return _Bound(low, _raised(numbers, leading) if numbers else None, is_early=is_early)


_NEVER = Version(10**30)


def _raised(numbers: list[int], index: int) -> Version:
    """The next version at one of its numbers: 1.2.3 raised at 1 is 1.3.0."""
    first, second, third = [*numbers[:index], numbers[index] + 1, 0, 0, 0][:3]
    return Version(first, second, third)
