"""How pages say things."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from receiver.ui import words

NOON = datetime(2026, 11, 28, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "0.00 s"), (0, "0.00 s"), (0.424, "0.42 s"), (9.99, "9.99 s"), (12.34, "12.3 s"), (59.9, "59.9 s"), (59.97, "1 min"),
        (60, "1 min"), (250, "4 min 10 s"), (3599, "59 min 59 s"), (3600, "1 h"), (10920, "3 h 2 min"), (86399, "23 h 59 min"),
        (86400, "1 d"), (442800, "5 d 3 h"), (86400 * 400, "400 d"),
    ],
)  # fmt: skip
def test_how_long_something_took(seconds, said):
    assert words.span(timedelta(seconds=seconds)) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-3600, "just now"),
        (4, "just now"),
        (5, "5 s ago"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (7300, "2 h ago"),
        (90000, "1 d ago"),
    ],
)
def test_how_long_ago_something_was(seconds, said):
    assert words.ago(NOON - timedelta(seconds=seconds), NOON) == said


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (NOON, "2026-11-28 12:00:00 UTC"),
        (NOON.astimezone(timezone(timedelta(hours=2))), "2026-11-28 12:00:00 UTC"),
        (None, ""),
    ],
)
def test_times_are_those_of_the_records(at, said):
    assert words.moment(at) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-11-28T12:00:00Z", "2026-11-28 12:00:00 UTC"),
        ("2026-11-28T14:00:00+02:00", "2026-11-28 12:00:00 UTC"),
        ("soon", "soon"),
    ],
)
def test_times_that_were_written_down(text, said):
    assert words.clock(text) == said


@pytest.mark.parametrize(
    ("commit", "said"),
    [("a" * 40, "a" * 12), (f"main@sha1:{'b' * 40}", f"main@sha1:{'b' * 12}"), ("", ""), ("abc", "abc")],
)
def test_commits_are_short(commit, said):
    assert words.short(commit) == said


@pytest.mark.parametrize(("ref", "said"), [("refs/heads/a/b", "a/b"), ("refs/tags/v1", "tag v1"), ("", ""), ("x", "x")])
def test_refs_by_their_names(ref, said):
    assert words.named(ref) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("plain\n\ttext é 漢 👍", "plain\n\ttext é 漢 👍", id="text"),
        pytest.param("a\x00\x1b[31mb\x7f", "a\ufffd\ufffd[31mb\ufffd", id="controls"),
        pytest.param("user\u202etxt.exe", "user\ufffdtxt.exe", id="turned"),
        pytest.param("a\u2066b\u2069", "a\ufffdb\ufffd", id="isolated"),
        pytest.param("ma\u200bin\ufeff", "ma\ufffdin\ufffd", id="unseen"),
        pytest.param("\ud800", "\ufffd", id="half a character"),
    ],
)
def test_texts_of_others_look_like_what_they_are(text, said):
    assert words.plain(text) == said


def test_a_text_has_an_end():
    assert words.plain("x" * 10_000) == "x" * words.MOST_LETTERS + "… (10000 letters)"


@pytest.mark.parametrize(("text", "said"), [("a/b c", "a%2Fb%20c"), ("../x", "..%2Fx"), ("\ud800", "%EF%BF%BD"), ("é", "%C3%A9")])
def test_what_stands_in_an_address_is_one_part_of_it(text, said):
    assert words.part(text) == said


@pytest.mark.parametrize("state", ["succeeded", "failed", "held", "nonsense"])
def test_every_state_has_a_sign(state):
    assert words.mark(state)
