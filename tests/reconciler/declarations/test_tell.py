"""The status that comes of an outcome: its conditions, what is remembered, and that nothing new is no news."""

from dataclasses import replace

import pytest

from reconciler.declarations.status import HISTORY, ApplicationStatus, RepositoryStatus
from reconciler.declarations.tell import (
    LONGEST,
    NAMED,
    Moment,
    Synced,
    after_health,
    after_sync,
    held_status,
    leaves,
    looked_at,
    refused,
    waits,
)
from reconciler.model.declared import Name
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import Action, Health, HealthStatus, Revision, StepResult, SyncReport, SyncState

NOON = Moment(3, "2026-11-20T12:00:00Z")
LATER = Moment(3, "2026-11-20T13:00:00Z")
NEXT = Moment(4, "2026-11-20T13:00:00Z")
EMPTY = ApplicationStatus()


def done(state=SyncState.SUCCEEDED, message="", *, commit="a", health=HealthStatus.HEALTHY, is_live=True, **fields):
    report = SyncReport(Name("trueup", "web"), Revision("main", commit * 40), state, message, health=Health(health), **fields)
    return Synced(report, is_live, objects=2, digest="d", actor="anna", job="j1")


def said(status):
    return {c.type: (c.status, c.reason, c.message) for c in status.conditions}


FINE = after_sync(EMPTY, done(), NOON)
BROKEN = after_sync(FINE, done(SyncState.FAILED, "no", commit="b", is_live=False), LATER)

SYNCED = {
    "good": (done(), {"Synced": ("True", "Succeeded", ""), "Healthy": ("True", "Healthy", ""), "Ready": ("True", "Succeeded", "")}),
    "suspended is healthy": (
        done(health=HealthStatus.SUSPENDED),
        {"Synced": ("True", "Succeeded", ""), "Healthy": ("True", "Suspended", ""), "Ready": ("True", "Succeeded", "")},
    ),
    "live and progressing": (
        done(SyncState.WAITING, "rolls out", health=HealthStatus.PROGRESSING),
        {
            "Synced": ("True", "Succeeded", ""), "Healthy": ("False", "Progressing", "rolls out"),
            "Ready": ("False", "Progressing", "rolls out"),
        },
    ),
    "live and not known": (
        done(health=HealthStatus.UNKNOWN, message="?"),
        {"Synced": ("True", "Succeeded", ""), "Healthy": ("Unknown", "Unknown", "?"), "Ready": ("False", "Unknown", "?")},
    ),
    "held": (
        done(SyncState.HELD, "held: why"),
        {
            "Synced": ("False", "Held", "held: why"), "Healthy": ("True", "Healthy", ""), "Ready": ("False", "Held", "held: why"),
        },
    ),
    "not live": (
        done(SyncState.WAITING, "the cluster is away", is_live=False),
        {"Synced": ("False", "Waiting", "the cluster is away"), "Ready": ("False", "Waiting", "the cluster is away")},
    ),
    "failed": (
        done(SyncState.FAILED, "no", is_live=False),
        {"Synced": ("False", "Failed", "no"), "Ready": ("False", "Failed", "no"), "Stalled": ("True", "Failed", "no")},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("sync", "conditions"), SYNCED.values(), ids=SYNCED)
def test_what_conditions_come_of_a_sync(sync, conditions):
    status = after_sync(EMPTY, sync, NOON)
    assert said(status) == conditions
    assert {c.observed_generation for c in status.conditions} == {status.observed_generation} == {3}
    assert {c.last_transition_time for c in status.conditions} == {NOON.now}


def test_a_revision_that_is_not_live_is_desired_only():
    assert (FINE.revision, FINE.health) == (f"main@sha1:{'a' * 40}", HealthStatus.HEALTHY)
    assert (BROKEN.revision, BROKEN.health) == (FINE.revision, FINE.health)
    assert BROKEN.desired == f"main@sha1:{'b' * 40}"
    assert said(BROKEN)["Healthy"] == ("True", "Healthy", ""), "what is in the cluster is as it was"


def test_the_same_again_is_no_news():
    assert after_sync(FINE, done(), LATER) == FINE
    assert after_sync(BROKEN, done(SyncState.FAILED, "no", commit="b", is_live=False), LATER) == BROKEN


def test_another_generation_is_news_and_no_transition():
    status = after_sync(FINE, done(), NEXT)
    assert status.observed_generation == 4
    assert {c.last_transition_time for c in status.conditions} == {NOON.now}


def test_a_condition_remembers_when_it_became_so():
    times = {c.type: c.last_transition_time for c in BROKEN.conditions}
    assert times == {"Synced": LATER.now, "Healthy": NOON.now, "Ready": LATER.now, "Stalled": LATER.now}


def test_a_sync_that_does_not_fail_ends_a_stall():
    assert "Stalled" not in said(after_sync(BROKEN, done(commit="c"), LATER))


REMEMBERED = {
    "the first": (EMPTY, done(), ["a"]),
    "the same again": (FINE, done(), ["a"]),
    "the same of another job": (FINE, replace(done(), job="j2"), ["a"]),
    "the same of somebody else": (FINE, replace(done(), actor="bert"), ["a", "a"]),
    "another revision": (FINE, done(commit="b"), ["b", "a"]),
    "a failure": (FINE, done(SyncState.FAILED, commit="b", is_live=False), ["b", "a"]),
    "what is tried again": (FINE, done(SyncState.WAITING, commit="b", is_live=False), ["a"]),
}


@pytest.mark.parametrize(("before", "sync", "commits"), REMEMBERED.values(), ids=REMEMBERED)
def test_what_is_remembered(before, sync, commits):
    history = after_sync(before, sync, LATER).history
    assert [entry.revision for entry in history] == [f"main@sha1:{commit * 40}" for commit in commits]


def test_the_oldest_is_forgotten():
    status = EMPTY
    for number in range(HISTORY + 3):
        status = after_sync(status, replace(done(), digest=str(number)), NOON)
    assert [entry.digest for entry in status.history] == [str(n) for n in range(HISTORY + 2, 2, -1)]


HEALTHS = {
    "worse": (FINE, Health(HealthStatus.DEGRADED, "crash"), ("False", "Degraded", "crash"), False),
    "the same": (FINE, Health(HealthStatus.HEALTHY), ("True", "Succeeded", ""), False),
    "worse, and stalled": (BROKEN, Health(HealthStatus.DEGRADED, "crash"), ("False", "Failed", "no"), True),
}


@pytest.mark.parametrize(("before", "health", "ready", "is_stalled"), HEALTHS.values(), ids=HEALTHS)
def test_what_another_health_changes(before, health, ready, is_stalled):
    status = after_health(before, health, LATER)
    assert (status.health, said(status)["Ready"]) == (health.status, ready)
    assert ("Stalled" in said(status)) is is_stalled


def test_waiting_for_people_is_not_ready_and_leaves_the_health():
    status = waits(FINE, "Paused", "by anna", LATER)
    assert said(status) == {
        "Synced": ("False", "Paused", "by anna"), "Healthy": ("True", "Healthy", ""), "Ready": ("False", "Paused", "by anna"),
    }  # fmt: skip
    assert (status.message, status.revision, status.history) == ("by anna", FINE.revision, FINE.history)


@pytest.mark.parametrize("before", [FINE, RepositoryStatus()], ids=["Application", "Repository"])
def test_what_is_refused_is_stalled_and_what_was_synced_stays_told(before):
    status = refused(before, ["spec.url: one", "two"], NEXT)
    assert said(status)["Ready"] == ("False", "Invalid", "spec.url: one; two")
    assert said(status)["Stalled"] == ("True", "Invalid", "spec.url: one; two")
    assert {kind: told for kind, told in said(before).items() if kind != "Ready"}.items() <= said(status).items()
    assert status.observed_generation == 4


def test_what_leaves_says_what_it_waits_for():
    report = done(SyncState.HELD, "held: why", held_digest="d1", steps=(step(0),)).report
    status = leaves(FINE, "Held", "approve it", LATER, held=held_status(report))
    assert said(status)["Ready"] == ("False", "Held", "approve it")
    assert (status.message, status.held.digest) == ("approve it", "d1")
    assert leaves(status, "Waiting", "for web", LATER).held is None


@pytest.mark.parametrize(
    ("error", "moved", "ready"),
    [
        pytest.param("", "", ("True", "Reachable", ""), id="read"),
        pytest.param("key refused", "", ("False", "Unreachable", "key refused"), id="not read"),
        pytest.param("", "renamed", ("True", "Moved", "renamed"), id="renamed, and read all the same"),
        pytest.param("redirected", "renamed", ("False", "Unreachable", "redirected; renamed"), id="renamed, and not read"),
    ],
)
def test_how_a_repository_is(error, moved, ready):
    status = looked_at(refused(RepositoryStatus(), ["no"], NOON), error, LATER, moved=moved)
    assert said(status) == {"Ready": ready}


def step(number, action=Action.HOLD):
    return StepResult(action, ObjectKey("", "ConfigMap", "web", f"{number:02}"), "why")


def test_what_is_held_is_named_up_to_a_number():
    steps = (step(99, Action.SKIP), *(step(n) for n in range(NAMED + 1)))
    held = held_status(done(SyncState.HELD, "x" * (LONGEST + 1), held_digest="d1", steps=steps).report)
    assert held.objects == tuple(f"web/ConfigMap/{n:02}" for n in range(NAMED))
    assert (held.digest, len(held.reason)) == ("d1", LONGEST)
    assert held_status(done().report) is None


def test_a_status_has_no_room_for_novels():
    status = after_sync(EMPTY, done(SyncState.FAILED, "x" * (LONGEST + 1), is_live=False), NOON)
    told = [status.message, status.history[0].message, *(c.message for c in status.conditions)]
    assert {len(text) for text in told} == {LONGEST}
