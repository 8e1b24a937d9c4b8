"""How pages say things: times, commits, names, and texts of others without what would deceive the eye."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

MOST_LETTERS = 4000
"""Of one text."""

_DECEIVING = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""Control characters, those that turn the direction of writing, those that nobody sees, and halves of characters.
https://www.unicode.org/reports/tr36/"""

_MARKS = {
    "succeeded": "✓", "Healthy": "✓", "failed": "✗", "Degraded": "✗", "Missing": "✗", "held": "‖", "Suspended": "‖",
    "waiting": "…", "running": "↻", "Progressing": "↻", "queued": "…", "superseded": "»", "ignored": "·", "pending": "…",
}  # fmt: skip
"""Beside the word and its colour, for those who see no colours."""


def plain(text: str) -> str:
    """A text that looks like what it is, and has an end."""
    text = _DECEIVING.sub("\ufffd", text)
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}… ({len(text)} letters)"


def mark(state: str) -> str:
    """A sign for a state."""
    return _MARKS.get(state, "?")


def part(text: str) -> str:
    """A text as one part of an address."""
    return quote(plain(text), safe="")


def short(commit: str) -> str:
    """A commit or a revision with twelve digits."""
    name, separator, digits = commit.rpartition(":")
    return f"{name}{separator}{digits[:12]}"


def named(ref: str) -> str:
    """`main`, `tag v1`."""
    if ref.startswith("refs/tags/"):
        return f"tag {ref.removeprefix('refs/tags/')}"
    return ref.removeprefix("refs/heads/")


def moment(at: datetime | None) -> str:
    """`2026-11-28 03:07:05 UTC`; nothing where there is none."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if at else ""


def clock(text: str) -> str:
    """A time that was written down as text, as `moment` has it; what is none stays as it is."""
    try:
        return moment(datetime.fromisoformat(text))
    except ValueError:
        return text


def span(duration: timedelta) -> str:
    """How long something took: `0.42 s`, `12.3 s`, `4 min 10 s`, `3 h 2 min`, `5 d 3 h`."""
    seconds = max(duration.total_seconds(), 0.0)
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s" if seconds < 59.95 else "1 min"
    for large, small, unit, part in ((60, 1, "min", "s"), (3600, 60, "h", "min"), (86400, 3600, "d", "h")):
        if seconds < large * (60 if unit == "min" else 24) or unit == "d":
            rest = int(seconds % large // small)
            return f"{int(seconds // large)} {unit}" + (f" {rest} {part}" if rest else "")
    raise AssertionError("days take everything")


def ago(at: datetime, now: datetime) -> str:
    """`3 min ago`, in one unit; `just now` for less than five seconds, and for what is not yet."""
    seconds = (now - at).total_seconds()
    if seconds < 5:
        return "just now"
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if seconds >= length:
            return f"{int(seconds // length)} {unit} ago"
    raise AssertionError("five seconds are seconds")
