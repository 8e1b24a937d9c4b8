"""Moments are spread, and the same for everybody; windows open and close by the clock of their place, also when that is set."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.schedule import closure, interval_number
from reconciler.model.policy import SyncWindow, WindowKind

NOW = 1_795_000_000.0
NAMES = [f"trueup/shop-{number}" for number in range(1000)]


def test_a_thing_is_due_once_in_every_interval():
    numbers = [interval_number("trueup/shop", 60, NOW + second) for second in range(600)]
    assert numbers == sorted(numbers)
    first, *whole, last = Counter(numbers).values()
    assert set(whole) == {60}
    assert first <= 60 >= last


def test_a_thousand_repositories_are_not_due_at_once():
    due = Counter(
        second
        for name in NAMES
        for second in range(60)
        if interval_number(name, 60, NOW + second) != interval_number(name, 60, NOW + second + 1)
    )
    assert sum(due.values()) == len(NAMES)
    assert max(due.values()) < 40


@pytest.mark.parametrize("seconds", [0.5, 1.0, 60.0, 3600.0])
def test_every_worker_finds_the_same_moment(seconds):
    assert {interval_number("trueup/shop", seconds, NOW) for _ in range(10)} == {interval_number("trueup/shop", seconds, NOW)}
    assert interval_number("trueup/shop", seconds, NOW + seconds) == interval_number("trueup/shop", seconds, NOW) + 1


def window(schedule, hours, zone="UTC", kind="allow", *, manual=True, repair=False):
    return SyncWindow(schedule, hours * 3600.0, zone, WindowKind(kind), manual, repair)


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


OFFICE = window("0 8 * * 1-5", 10, "Europe/Berlin")
NIGHT = window("0 22 * * *", 8, kind="deny")

# 2026-11-23 is a Monday; Berlin is UTC+1 in winter, UTC+2 in summer.
DECISIONS = {
    "no windows at all": ([[]], "2026-11-23T03:00", None),
    "allowed: inside": ([[OFFICE]], "2026-11-23T07:00", None),
    "allowed: to its last second": ([[OFFICE]], "2026-11-23T16:59:59", None),
    "allowed: not at its end": ([[OFFICE]], "2026-11-23T17:00", "2026-11-24T07:00"),
    "allowed: not before it begins": ([[OFFICE]], "2026-11-23T06:59:59", "2026-11-23T07:00"),
    "allowed: not on a weekend": ([[OFFICE]], "2026-11-21T10:00", "2026-11-23T07:00"),
    "allowed: in summer an hour earlier by UTC": ([[OFFICE]], "2026-07-06T06:00", None),
    "denied: inside, over midnight": ([[NIGHT]], "2026-11-23T03:00", "2026-11-23T06:00"),
    "denied: outside; without any allow all is allowed": ([[NIGHT]], "2026-11-23T12:00", None),
    "deny wins over allow": (
        [[OFFICE, window("0 12 23 11 *", 2, kind="deny")]], "2026-11-23T13:00", "2026-11-23T14:00",
    ),
    "after a deny the allow must be open too": (
        [[OFFICE, window("0 12 23 11 *", 6, kind="deny")]], "2026-11-23T13:00", "2026-11-24T07:00",
    ),
    "one open allow of two is enough": ([[OFFICE, window("0 2 * * *", 2)]], "2026-11-23T03:00", None),
    "denials that touch are one": (
        [[window("0 8 * * *", 2, kind="deny"), window("0 10 * * *", 2, kind="deny")]], "2026-11-23T09:00", "2026-11-23T12:00",
    ),
    "a denial that begins every minute of some hours": (
        [[window("* 8-9 * * *", 0.1, kind="deny")]], "2026-11-23T08:30", "2026-11-23T10:05",
    ),
    "every set must permit: the instance is shut": ([[OFFICE], [NIGHT]], "2026-11-23T23:00", "2026-11-24T07:00"),
    "every set must permit: the application is shut": ([[window("0 12 * * *", 1)], [OFFICE]], "2026-11-23T08:00", "2026-11-23T12:00"),
    "every set must permit: they meet days later": (
        [[window("0 12 * * 6", 1)], [window("0 12 28 11 *", 1), window("0 0 * * 1", 1)]], "2026-11-23T08:00", "2026-11-28T12:00",
    ),
    "windows that never meet": ([[window("0 12 * * 6", 1)], [window("0 12 * * 0", 1)]], "2026-11-23T08:00", "never"),
    "denied always": ([[window("0 0 * * *", 24, kind="deny")]], "2026-11-23T08:00", "never"),
    "a window of a month": ([[window("0 0 1 * *", 24 * 31)]], "2026-11-30T23:00", None),
    # Berlin's clock goes forward on 29 March at 02:00 and back on 25 October at 03:00.
    "forward: what begins in the missing hour begins after it": (
        [[window("30 2 * * *", 1, "Europe/Berlin")]], "2026-03-29T00:45", "2026-03-29T01:00",
    ),
    "forward: and lasts as long as it says": ([[window("30 2 * * *", 1, "Europe/Berlin")]], "2026-03-29T01:59", None),
    "forward: not longer": ([[window("30 2 * * *", 1, "Europe/Berlin")]], "2026-03-29T02:00", "2026-03-30T00:30"),
    "forward: a span over the change lasts by real time": ([[window("0 1 * * *", 3, "Europe/Berlin")]], "2026-03-29T02:59", None),
    "forward: it ends at five by the clock": (
        [[window("0 1 * * *", 3, "Europe/Berlin")]], "2026-03-29T03:00", "2026-03-29T23:00",
    ),
    "back: what would begin twice begins the first time": (
        [[window("30 2 * * *", 1, "Europe/Berlin")]], "2026-10-25T00:00", "2026-10-25T00:30",
    ),
    "back: it is open then": ([[window("30 2 * * *", 1, "Europe/Berlin")]], "2026-10-25T01:29", None),
    "back: and not again when the clock shows that time again": (
        [[window("30 2 * * *", 1, "Europe/Berlin")]], "2026-10-25T01:31", "2026-10-26T01:30",
    ),
    "back: office hours move by an hour of UTC, before": ([[OFFICE]], "2026-10-23T06:00", None),
    "back: office hours move by an hour of UTC, after": ([[OFFICE]], "2026-10-26T06:30", "2026-10-26T07:00"),
    "New York": ([[window("0 9 * * *", 1, "America/New_York")]], "2026-03-08T12:30", "2026-03-08T13:00"),
}  # fmt: skip


@pytest.mark.parametrize(("sets", "now", "until"), DECISIONS.values(), ids=DECISIONS)
def test_windows_permit_or_say_when_they_will(sets, now, until):
    found = closure(sets, utc(now))
    if until is None:
        assert found is None
    else:
        assert found is not None
        assert found.until == (None if until == "never" else utc(until))


@pytest.mark.parametrize(
    ("sets", "people", "repairs"),
    [
        ([[NIGHT]], True, False),
        ([[window("0 22 * * *", 8, kind="deny", manual=False, repair=True)]], False, True),
        ([[window("0 12 * * *", 1), window("0 14 * * *", 1, manual=False)]], False, False),
        ([[window("0 12 * * *", 1, repair=True)], [window("0 22 * * *", 8, kind="deny")]], True, False),
        ([[window("0 12 * * *", 1, repair=True)], [window("0 22 * * *", 8, kind="deny", repair=True)]], True, True),
    ],
    ids=["by default", "turned round", "every window that is shut has a say", "every set too", "all repair"],
)
def test_what_is_done_all_the_same_is_said_by_all_that_stands_in_the_way(sets, people, repairs):
    found = closure(sets, utc("2026-11-23T23:00"))
    assert (found.permits_people, found.permits_repairs) == (people, repairs)


@settings(deadline=None)  # the time of one is a matter of who else is on the machine
@given(
    now=st.integers(0, 365 * 86400).map(lambda seconds: utc("2026-01-01") + timedelta(seconds=seconds)),
    windows=st.lists(
        st.builds(
            window,
            st.sampled_from(["0 8 * * 1-5", "30 2 * * *", "*/20 * * * *", "0 0 1 * *", "15 1-3 * * 0"]),
            st.sampled_from([0.25, 1, 5, 30]),
            st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
            st.sampled_from(["allow", "deny"]),
        ),
        max_size=4,
    ),
)
def test_at_the_opening_all_is_open_and_a_moment_before_it_is_not(now, windows):
    found = closure([windows], now)
    if found is not None and found.until is not None:
        assert found.until > now
        assert closure([windows], found.until) is None
        assert closure([windows], found.until - timedelta(seconds=1)) is not None
