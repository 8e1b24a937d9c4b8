"""What people decided: pauses by the clock, rollbacks by content, what counts as a failure, and where one returns to."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from reconciler.model.declared import Name
from reconciler.model.intent import Healthy, Intent, Pause, Quarantine, Rollback
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import Action, Health, HealthStatus, Revision, StepResult, SyncReport, SyncState
from reconciler.plan.intent import (
    describe_pause,
    describe_rollback,
    found_by,
    is_about,
    is_failure,
    is_older,
    is_refused,
    is_rolled_back,
    pause_of,
    previous,
    quarantined,
    released,
    returns_to,
    short,
)

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ONE, TWO, BAD, WORSE, NEW = (("1" * 40,), ("2" * 40,), ("b" * 40,), ("c" * 40,), ("d" * 40,))
PAUSE = Pause("ann", "migration", "2026-11-23T10:00:00+00:00")
ROLLBACK = Rollback(ONE, BAD, "bad", "ann", "too slow", "2026-11-23T10:00:00+00:00", "j1")
HELD = Intent(rollback=ROLLBACK)
QUARANTINED = Intent(rollback=replace(ROLLBACK, instead_of=WORSE, digest="worse"), quarantine=(Quarantine(BAD, "bad", "x", "t"),))


@pytest.mark.parametrize(
    ("intent", "is_paused"),
    [
        pytest.param(Intent(), False, id="none"),
        pytest.param(Intent(pause=PAUSE), True, id="until somebody resumes"),
        pytest.param(Intent(pause=replace(PAUSE, until="2026-11-23T12:00:01+00:00")), True, id="a second before its end"),
        pytest.param(Intent(pause=replace(PAUSE, until="2026-11-23T12:00:00+00:00")), False, id="at its end"),
        pytest.param(Intent(pause=replace(PAUSE, until="2026-11-23T13:30:00+02:00")), False, id="by another zone's clock"),
    ],
)
def test_a_pause_is_in_force_until_its_end(intent, is_paused):
    assert pause_of(intent, NOON) == (intent.pause if is_paused else None)


def test_what_people_read():
    assert describe_pause(PAUSE) == "paused by ann until somebody resumes: migration"
    timed = replace(PAUSE, until="2026-11-23T15:00:00+01:00")
    assert describe_pause(timed) == "paused by ann until 2026-11-23 14:00 UTC: migration"
    assert describe_rollback(ROLLBACK) == "rolled back to 1111111 by ann: too slow"
    assert describe_rollback(replace(ROLLBACK, actor="", reason="")) == "rolled back to 1111111"


@pytest.mark.parametrize(
    ("intent", "heads", "answer"),
    [
        pytest.param(Intent(), BAD, False, id="nothing was decided"),
        pytest.param(HELD, BAD, True, id="the commit that was left"),
        pytest.param(HELD, NEW, None, id="another commit: its content tells"),
        pytest.param(HELD, ONE, False, id="the ref is at the held commit by now"),
        pytest.param(Intent(rollback=replace(ROLLBACK, digest="")), NEW, False, id="another, where what was left did not render"),
        pytest.param(QUARANTINED, BAD, True, id="an older failure, force-pushed back"),
        pytest.param(HELD, (*BAD, *NEW), False, id="the application has another number of sources by now"),
    ],
)
def test_an_application_is_held_while_its_sources_give_what_was_left(intent, heads, answer):
    assert is_rolled_back(intent, heads) is answer


@pytest.mark.parametrize(
    ("intent", "digest", "answer"),
    [
        (Intent(), "bad", False), (HELD, "bad", True), (HELD, "good", False), (HELD, "", False), (QUARANTINED, "worse", True),
        (QUARANTINED, "bad", True), (Intent(rollback=replace(ROLLBACK, digest="")), "", False),
    ],
)  # fmt: skip
def test_content_is_refused_whatever_its_commit_is_called(intent, digest, answer):
    assert is_refused(intent, digest) is answer


def test_a_commit_is_known_as_one_that_was_left():
    assert [is_about(QUARANTINED, commits[0]) for commits in (BAD, WORSE, ONE, NEW)] == [True, True, False, False]
    assert not is_about(HELD, "")
    assert not is_about(Intent(), BAD[0])


def test_what_another_source_stays_at_was_not_left():
    several = Intent(rollback=replace(ROLLBACK, commits=("a1", "b1"), instead_of=("a2", "b1")))
    assert [is_about(several, commit) for commit in ("a2", "b1", "a1")] == [True, False, False]


def test_commits_of_several_sources_are_told_together():
    assert [short(("abcdef0123",)), short(("abcdef0123", "1234567890")), short(("abcdef0123", "abcdef0123"))] == [
        "abcdef0", "abcdef0+1234567", "abcdef0",
    ]  # fmt: skip


def report(state, *, error="", action=Action.UPDATE, health=None):
    key = ObjectKey("", "ConfigMap", "web", "a")
    unhealthy = ((key, Health(health, "why")),) if health else ()
    return SyncReport(
        Name("trueup", "web"),
        Revision("main", "c"),
        state,
        steps=(StepResult(action, key, "", error=error),),
        unhealthy=unhealthy,
    )


@pytest.mark.parametrize(
    ("ended", "is_it"),
    [
        pytest.param(report(SyncState.FAILED, error="no"), True, id="an apply was refused"),
        pytest.param(report(SyncState.FAILED, error="no", action=Action.CREATE), True, id="a create was refused"),
        pytest.param(report(SyncState.FAILED, error="no", action=Action.RUN), True, id="a hook failed"),
        pytest.param(report(SyncState.FAILED, error="no", action=Action.DELETE), False, id="a deletion was refused"),
        pytest.param(report(SyncState.FAILED, health=HealthStatus.DEGRADED), True, id="degraded"),
        pytest.param(report(SyncState.FAILED, health=HealthStatus.PROGRESSING), True, id="not healthy in time"),
        pytest.param(report(SyncState.FAILED), False, id="neither fetched nor rendered"),
        pytest.param(report(SyncState.SUPERSEDED, health=HealthStatus.PROGRESSING), False, id="overtaken"),
        pytest.param(report(SyncState.WAITING, health=HealthStatus.PROGRESSING), False, id="waits"),
        pytest.param(report(SyncState.HELD), False, id="held"),
        pytest.param(report(SyncState.SUCCEEDED), False, id="well"),
    ],
)
def test_what_counts_as_a_failure_of_content(ended, is_it):
    assert is_failure(ended) is is_it


def test_a_failure_is_held_and_quarantined_once_and_the_list_is_short():
    intent = quarantined(Intent(), ROLLBACK)
    assert (intent.rollback, [failed.commits for failed in intent.quarantine]) == (ROLLBACK, [BAD])
    assert quarantined(intent, ROLLBACK) == intent
    for number in range(20):
        intent = quarantined(intent, replace(ROLLBACK, instead_of=(f"{number:040}",)))
    assert [failed.commits[0] for failed in intent.quarantine] == [f"{number:040}" for number in range(10, 20)]
    assert released(replace(intent, pause=PAUSE)) == Intent(pause=PAUSE)


@pytest.mark.parametrize(
    ("fallback", "failed", "is_it"),
    [
        pytest.param(Healthy(ONE, "good"), Healthy(BAD, "bad"), True, id="to the last healthy one"),
        pytest.param(None, Healthy(BAD, "bad"), False, id="never healthy"),
        pytest.param(Healthy(BAD, "good"), Healthy(BAD, "bad"), False, id="the commit was healthy before"),
        pytest.param(Healthy(ONE, "bad"), Healthy(BAD, "bad"), False, id="its content was healthy before"),
        pytest.param(Healthy((*ONE, *TWO), "good"), Healthy(BAD, "bad"), False, id="other sources"),
    ],
)
def test_what_failed_returns_to_other_content_that_was_healthy(fallback, failed, is_it):
    assert returns_to(Intent(fallback=fallback), failed) == (fallback if is_it else None)


@pytest.mark.parametrize(("asked", "is_it"), [("09:59:59", False), ("10:00:01", True)])
def test_a_request_ends_only_what_was_decided_before_it(asked, is_it):
    assert is_older(HELD, datetime.fromisoformat(f"2026-11-23T{asked}+00:00")) is is_it
    assert not is_older(Intent(), NOON)


def past(*commits):
    return [Healthy(entry, f"digest of {entry[0][:1]}") for entry in commits]


@pytest.mark.parametrize(
    ("known", "present", "intent", "found"),
    [
        pytest.param(past(TWO, ONE), TWO, Intent(), ONE, id="the one before"),
        pytest.param(past(TWO, ONE), BAD, Intent(), TWO, id="the newest, where the present one failed"),
        pytest.param(past(ONE), ONE, Intent(), None, id="there is none before"),
        pytest.param([], ONE, Intent(), None, id="nothing is known"),
        pytest.param(
            past(TWO, NEW, TWO, ONE), TWO, Intent(rollback=Rollback(TWO, NEW, "", "", "", "")), ONE,
            id="rolled back before: one further back, not forward again",
        ),
        pytest.param(
            past(TWO, NEW, ONE), TWO, Intent(rollback=Rollback(TWO, NEW, "", "", "", "")), ONE,
            id="the same, where the first time is no longer known",
        ),
        pytest.param([Healthy(TWO, "x"), Healthy(NEW, "x"), Healthy(ONE, "y")], TWO, Intent(), ONE, id="the same content is no other"),
        pytest.param(
            past(TWO, BAD, ONE), NEW, Intent(rollback=Rollback(ONE, TWO, "", "", "", ""), quarantine=(Quarantine(BAD, "digest of b", "", ""),)),
            ONE, id="neither what was left nor what is quarantined",
        ),
    ],
)  # fmt: skip
def test_the_last_healthy_revision_before_the_present_one(known, present, intent, found):
    digest = next((healthy.digest for healthy in known if healthy.commits == present), "")
    answer = previous(known, Healthy(present, digest), intent)
    assert (answer.commits if answer else None) == found


def test_a_revision_is_found_by_its_first_digits():
    known = [("abc1", "x"), ("abd2", "y"), ("abc1", "x")]
    assert found_by("ab", known) == [("abc1", "x"), ("abd2", "y")]
    assert found_by("abc", known) == [("abc1", "x")]
    assert found_by("f", known) == []
    assert found_by("y", known) == [("abd2", "y")], "of any source"
