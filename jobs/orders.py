"""Commands beneath pull requests, as they are read: `/trueup pause web 2h migration`. Pure."""

import enum
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass


class Standing(enum.IntEnum):
    """What somebody may do in a repository at the forge."""

    NONE = 0
    WRITES = 1
    MAINTAINS = 2


class Verb(enum.StrEnum):
    """What may be commanded."""

    PLAN = "plan"
    SYNC = "sync"
    DIFF = "diff"
    PAUSE = "pause"
    RESUME = "resume"
    ROLLBACK = "rollback"
    APPROVE = "approve"
    HELP = "help"


NEEDS: Mapping[Verb, Standing] = dict.fromkeys(Verb, Standing.WRITES) | {Verb.APPROVE: Standing.MAINTAINS}

USAGE = """| command | what it does |
|---|---|
| `/trueup plan` | makes the plan of this pull request anew |
| `/trueup diff [APPLICATION …]` | says what a sync would do now |
| `/trueup sync [APPLICATION …]` | syncs to the newest commit of what they follow |
| `/trueup pause [APPLICATION …] [2h] REASON` | syncs and repairs nothing, for that long |
| `/trueup resume [APPLICATION …]` | ends a pause or a rollback |
| `/trueup rollback [APPLICATION …] [COMMIT] REASON` | returns to an older commit; without one to the last healthy one |
| `/trueup approve [APPLICATION …]` | deletes what is held; needs the right to maintain the repository |

Without names it is about the applications that this pull request affects."""

_COMMIT = re.compile(r"[0-9a-f]{7,40}|[0-9a-f]{64}")
_DURATION = re.compile(r"([0-9]{1,9})([smhd])")

UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

LONGEST_PAUSE_SECONDS = 366 * 86400.0
"""A pause that is longer has no end worth naming."""


@dataclass(frozen=True, slots=True)
class Order:
    """A command that was understood."""

    verb: Verb
    applications: tuple[str, ...] = ()
    """Those that were named, as `namespace/name`; none: those of the pull request."""
    seconds: float | None = None
    """How long a pause is."""
    to: str = ""
    """The commit to return to."""
    reason: str = ""


def read(text: str, known: Collection[str]) -> Order | str:
    """A command, or why it is none, for people.

    Args:
        text: the line: `/trueup sync web`.
        known: the applications that may be named: `namespace/name`; the name alone will do where it is clear.
    """
    _, *words = text.split()
    if not words or words[0] not in set(Verb):
        return f"there is no command {words[0][:50] if words else ''}".strip()
    verb, rest = Verb(words[0]), words[1:]
    applications: list[str] = []
    while rest and (name := _named(rest[0], known)):
        applications.append(name)
        rest.pop(0)
    order = Order(verb, tuple(dict.fromkeys(applications)))
    match verb:
        case Verb.PAUSE:
            return _pause(order, rest)
        case Verb.ROLLBACK:
            to = rest.pop(0) if rest and _COMMIT.fullmatch(rest[0]) else ""
            return Order(verb, order.applications, to=to, reason=" ".join(rest)[:200])
        case _ if rest:
            return f"no application of this repository is called {rest[0][:100]}"
    return order


def _pause(order: Order, words: list[str]) -> Order | str:
    length: float | None = None
    if words and (match := _DURATION.fullmatch(words[0])):
        words.pop(0)
        length = float(match[1]) * UNIT_SECONDS[match[2]]
        if not 0 < length <= LONGEST_PAUSE_SECONDS:
            return "a pause is longer than nothing and at most a year: 30m, 2h, 3d"
    if not words:
        return "a pause needs a reason: /trueup pause 2h migration of the database"
    return Order(order.verb, order.applications, seconds=length, reason=" ".join(words)[:200])


def _named(word: str, known: Collection[str]) -> str:
    if word in known:
        return word
    found = [name for name in known if name.rpartition("/")[2] == word]
    return found[0] if len(found) == 1 else ""
