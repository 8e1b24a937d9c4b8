"""Moments are spread, and the same for everybody."""

from collections import Counter

import pytest

from jobs.schedule import interval_number

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
