"""Wrong tokens by address: a few are forgiven, then one in six seconds; no other address pays for them."""

import pytest

from receiver.ui import guesses
from receiver.ui.guesses import EVERY_SECONDS, FORGIVEN, Guesses

A, B = "192.0.2.1", "192.0.2.2"


def tried(found, address, now, times):
    """How many of so many wrong tokens were looked at."""
    looked = 0
    for _ in range(times):
        if not found.wait_seconds(address, now):
            found.wrong(address, now)
            looked += 1
    return looked


def test_a_few_are_forgiven_and_then_they_are_taken_slowly():
    found = Guesses()
    assert tried(found, A, 0.0, 100) == FORGIVEN
    assert 0 < found.wait_seconds(A, 0.0) <= EVERY_SECONDS
    assert [tried(found, A, EVERY_SECONDS * n, 100) for n in (1, 2, 3)] == [1, 1, 1]
    assert tried(found, A, 1e6, 100) == FORGIVEN, "and forgotten in time"


def test_in_an_hour_nobody_guesses_more_than_this():
    found = Guesses()
    assert sum(tried(found, A, float(second), 5) for second in range(3600)) <= FORGIVEN + 3600 / EVERY_SECONDS


@pytest.mark.parametrize(
    ("other", "pays"),
    [
        pytest.param(A, True, id="the same"),
        pytest.param(B, False, id="another"),
        pytest.param("", False, id="none"),
        pytest.param("2001:db8::1", False, id="of the other protocol"),
    ],
)
def test_who_pays_for_the_guesses_of_an_address(other, pays):
    found = Guesses()
    tried(found, A, 0.0, 100)
    assert bool(found.wait_seconds(other, 0.0)) is pays


@pytest.mark.parametrize(
    ("other", "pays"),
    [("2001:db8::2", True), ("2001:db8::ffff:1", True), ("2001:db8::1%eth0", True), ("2001:db8:0:1::1", False)],
)
def test_a_whole_network_of_ipv6_is_one_guesser(other, pays):
    found = Guesses()
    tried(found, "2001:db8::1", 0.0, 100)
    assert bool(found.wait_seconds(other, 0.0)) is pays


@pytest.mark.parametrize("odd", ["", "unix", "999.1.1.1"])
def test_what_is_no_address_is_one_guesser(odd):
    found = Guesses()
    assert tried(found, odd, 0.0, 100) == FORGIVEN
    assert tried(found, "nonsense", 0.0, 100) == 0


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(guesses, "ADDRESSES", 100)
    found = Guesses()
    for number in range(1000):
        found.wrong(f"10.0.{number // 250}.{number % 250}", float(number))
        tried(found, A, float(number), 3)
    assert len(found._forgiven_at) == 100
    assert found.wait_seconds(A, 999.0), "who goes on is not forgotten"
