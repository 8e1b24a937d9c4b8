"""When periodic work is due, and when sync windows are open. Pure: the time is handed in.

Each thing has intervals that begin at a moment of its own, found by hashing its name: a thousand repositories that are looked at every
minute are looked at seventeen a second, not all at once, and every worker finds the same moments without speaking to the others.

A window begins by the clock of its time zone, as cron has it on days when that clock is set: what would begin in the hour that is left
out begins right after it, what would begin twice begins once. It lasts as long as it says, by real time.
"""

import hashlib
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from reconciler.model.policy import SyncWindow, WindowKind

HOPS = 100
BEGINNINGS = 500
HORIZON = timedelta(days=400)
"""So many closures, so many beginnings of one of them, and so far ahead is looked for the next time that all windows permit: in ten
milliseconds. Beyond, nobody plans; it is looked again later."""

_LOOK_BACK = (timedelta(hours=1), timedelta(days=1))
"""A window that begins every minute is found by its last hour; one that begins once a month by all of its duration."""


def interval_number(name: str, seconds: float, now: float) -> int:
    """The number of the interval that it is now for a thing; when it is another than last time, the thing is due.

    Args:
        name: of the thing, e.g. `trueup/shop`.
        seconds: the length of an interval.
        now: seconds since the epoch.
    """
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    phase = int.from_bytes(digest, "big") / 2**64
    return math.floor(now / seconds + phase)


@dataclass(frozen=True, slots=True)
class Closure:
    """Windows do not permit a sync now."""

    until: datetime | None
    """When they do again; None when that is further away than anybody plans."""
    permits_people: bool
    """Whether what people ask for is done all the same."""
    permits_repairs: bool
    """Whether drift is put back all the same."""


def closure(sets: Sequence[Sequence[SyncWindow]], now: datetime) -> Closure | None:
    """What stands in the way of a sync, by windows; None when nothing does.

    In a set `deny` wins over `allow`, and a set without any `allow` permits what it does not deny. Every set must permit: the windows
    of an application do not widen those of the instance.
    """
    standing = [window for windows in sets for window in _in_the_way(windows, now)]
    if not standing:
        return None
    return Closure(_opening(sets, now), all(w.manual for w in standing), all(w.repair for w in standing))


def _in_the_way(windows: Sequence[SyncWindow], now: datetime) -> list[SyncWindow]:
    """The windows of a set that forbid a sync: open ones that deny, or else all that allow when none of them is open."""
    denying = [w for w in windows if w.kind is WindowKind.DENY and _begun(w, now)]
    allowing = [w for w in windows if w.kind is WindowKind.ALLOW]
    return denying if denying or any(_begun(w, now) for w in allowing) else allowing


def _opening(sets: Sequence[Sequence[SyncWindow]], now: datetime) -> datetime | None:
    moment = now
    for _ in range(HOPS):
        standing = [(windows, found) for windows in sets if (found := _in_the_way(windows, moment))]
        if not standing:
            return moment
        changes = [change for _, found in standing if (change := _change(found, moment))]
        if len(changes) < len(standing):
            return None
        moment = max(changes)
    return None


def _change(standing: Sequence[SyncWindow], now: datetime) -> datetime | None:
    """The next moment at which windows that stand in the way may no longer do so; None when it is beyond the horizon."""
    if standing[0].kind is WindowKind.DENY:
        ends = [end for window in standing if (end := _end(window, now))]
        return max(ends) if len(ends) == len(standing) else None
    return min((begin for w in standing if (begin := next(_beginnings(w, now), None))), default=None)


def _end(window: SyncWindow, now: datetime) -> datetime | None:
    """When an open window is closed, and not opened again at that moment or before it."""
    duration = timedelta(seconds=window.duration_seconds)
    end = now
    for begin in itertools.islice(_beginnings(window, now - duration), BEGINNINGS):
        if begin > end:
            return end
        if end > now + HORIZON:
            break
        end = begin + duration
    return None


def _begun(window: SyncWindow, now: datetime) -> datetime | None:
    """When a window that is open was opened last; None when it is closed."""
    duration = timedelta(seconds=window.duration_seconds)
    for span in (*(span for span in _LOOK_BACK if span < duration), duration):
        found = None
        for begin in _beginnings(window, now - span):
            if begin > now:
                break
            found = begin
        if found is not None:
            return found
    return None


def _beginnings(window: SyncWindow, after: datetime) -> Iterator[datetime]:
    """When a window begins, later than a moment, in UTC."""
    zone = ZoneInfo(window.time_zone)
    for begin in CronSim(window.schedule, after.astimezone(zone)):
        moment = begin.astimezone(UTC)
        if moment > after:
            yield moment
