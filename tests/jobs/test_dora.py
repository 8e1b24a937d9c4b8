"""The four figures, from tables of what happened; each row is an application's story, in minutes from noon."""

from datetime import UTC, datetime, timedelta

import pytest

from jobs.dora import DeploymentRecord, SpreadRecord, Window, measure, spread, stages
from jobs.records import JobKind
from reconciler.model.outcome import SyncState

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = 1440
GOOD, BAD, HELD, OVER = SyncState.SUCCEEDED, SyncState.FAILED, SyncState.HELD, SyncState.SUPERSEDED


def at(minutes):
    return None if minutes is None else NOON + timedelta(minutes=minutes)


def done(commit, state, finished, *, touched=1, committed=None, kind=JobKind.PUSH, application="trueup/web", **times):
    """One that was received a minute before its end, unless it says otherwise."""
    return DeploymentRecord(
        application=application, commit=commit, kind=kind, state=state, touched=touched, committed=at(committed),
        received=at(times.get("received", finished - 1)), planned=at(times.get("planned")), applied=at(times.get("applied")),
        healthy=at(times.get("healthy")), finished=at(finished),
    )  # fmt: skip


def back(commit, finished, state=GOOD):
    return done(commit, state, finished, kind=JobKind.ROLLBACK)


def figures(*records, since=-30 * DAY, until=DAY):
    return measure(records, Window(at(since), at(until)))


@pytest.mark.parametrize(
    ("records", "deployments", "failed", "restores", "unrestored"),
    [
        pytest.param([], 0, 0, [], 0, id="nothing"),
        pytest.param([done("a", GOOD, 1)], 1, 0, [], 0, id="a good one"),
        pytest.param([done("a", HELD, 1)], 1, 0, [], 0, id="good, and deletions are held"),
        pytest.param([done("a", OVER, 1), done("b", GOOD, 2)], 1, 0, [], 0, id="overtaken"),
        pytest.param([done("a", GOOD, 1, touched=0)], 0, 0, [], 0, id="nothing was to be changed"),
        pytest.param([done("a", BAD, 1)], 1, 1, [], 1, id="a failed one"),
        pytest.param([done("a", BAD, 1, touched=0)], 0, 0, [], 0, id="refused before anything was written"),
        pytest.param([done("a", BAD, 1), done("b", GOOD, 11)], 2, 1, [10], 0, id="mended"),
        pytest.param([done("a", BAD, 1), done("b", BAD, 5), done("c", GOOD, 11)], 3, 2, [10], 0, id="mended the second time"),
        pytest.param([done("a", BAD, 1), done("a", GOOD, 4, touched=0)], 1, 1, [3], 0, id="well again by itself"),
        pytest.param([done("a", BAD, 1), back("z", 3)], 1, 1, [2], 0, id="rolled back since it failed"),
        pytest.param([done("a", GOOD, 1), back("z", 31)], 1, 1, [30], 0, id="rolled back by people"),
        pytest.param([done("a", GOOD, 1), done("b", GOOD, 2), back("a", 5)], 2, 1, [3], 0, id="only the last is rolled back"),
        pytest.param([done("a", GOOD, 1), back("z", 3, BAD), back("y", 7)], 1, 1, [6], 0, id="the second return succeeds"),
        pytest.param([done("a", BAD, 5, applied=1), done("b", GOOD, 11, healthy=9)], 2, 1, [8], 0, id="from applied to healthy"),
        pytest.param([done("b", GOOD, 11), done("a", BAD, 1)], 2, 1, [10], 0, id="in whatever order they come"),
        pytest.param(
            [done("a", BAD, 1), done("b", GOOD, 5, application="trueup/api")], 2, 1, [], 1, id="another application mends nothing",
        ),
    ],
)  # fmt: skip
def test_deployments_failures_and_restores(records, deployments, failed, restores, unrestored):
    found = figures(*records)
    total = found.total
    assert (total.deployments, total.failed, total.unrestored) == (deployments, failed, unrestored)
    assert total.failure_rate == (failed / deployments if deployments else None)
    assert total.restore == spread([timedelta(minutes=minutes) for minutes in restores])
    assert sum(item.deployments for item in found.items) == deployments


@pytest.mark.parametrize(
    ("record", "minutes"),
    [
        pytest.param(
            done("a", GOOD, 60, committed=0, received=10, applied=12, healthy=15),
            {"lead": 15, "received": 10, "applied": 2, "healthy": 3}, id="all of its times",
        ),
        pytest.param(
            done("a", GOOD, 60, committed=0, received=10), {"lead": 60, "received": 10, "healthy": 50}, id="some are not known",
        ),
        pytest.param(
            done("a", GOOD, 60, committed=30, received=10, applied=12, healthy=15),
            {"lead": 5, "received": 0, "applied": 2, "healthy": 3}, id="a commit from the future counts from when it was received",
        ),
        pytest.param(done("a", GOOD, 60, received=10, applied=12), {}, id="the time of the commit is not known"),
    ],
)  # fmt: skip
def test_lead_time_and_its_parts(record, minutes):
    wanted = {name: timedelta(minutes=value) for name, value in minutes.items()}
    assert stages(record) == wanted
    total = figures(record).total
    for name in ("lead", "received", "applied", "healthy"):
        assert getattr(total, name) == spread([wanted[name]] if name in wanted else [])


def test_a_commit_that_is_deployed_again_counts_once_for_lead_time_and_a_return_never():
    first, again = done("a", GOOD, 10, committed=0), done("a", GOOD, 99, committed=0)
    returned = done("z", GOOD, 50, committed=-9000, kind=JobKind.ROLLBACK)
    assert figures(first, again).total.lead == SpreadRecord(count=1, p50_seconds=600, p90_seconds=600)
    assert figures(first, returned).total.lead.count == 1


def test_what_is_not_in_the_window_is_not_counted_and_yet_known():
    records = [done("a", BAD, -100), done("b", GOOD, 5, committed=0), done("c", GOOD, 500, committed=0)]
    found = figures(*records, since=0, until=60)
    assert (found.total.deployments, found.total.failed, found.total.lead.count) == (1, 0, 1)
    assert found.total.restore == spread([timedelta(minutes=105)]), "it ended in the window"
    assert found.known_since == at(-100)


@pytest.mark.parametrize(
    ("since", "first", "per_day"),
    [
        pytest.param(-30 * DAY, -40 * DAY, 3 / 30, id="all of the window is known"),
        pytest.param(-30 * DAY, -6 * DAY, 4 / 6, id="it began in the window"),
        pytest.param(-30 * DAY, -10, 4.0, id="at least a day"),
        pytest.param(-60, -40 * DAY, 3.0, id="a short window"),
    ],
)
def test_how_many_a_day(since, first, per_day):
    recent = [done(str(number), GOOD, -number) for number in range(1, 4)]
    assert figures(done("first", GOOD, first), *recent, since=since, until=0).total.per_day == pytest.approx(per_day)


def test_every_application_has_its_figures_by_name_and_all_have_one():
    names = ("trueup/web", "trueup/api", "trueup/db")
    records = [done("a", GOOD, number, committed=0, application=name) for number, name in enumerate(names, 1)]
    found = figures(*records, done("b", BAD, 9, application="trueup/db"), done("old", GOOD, -40 * DAY, application="trueup/old"))
    assert [(item.application, item.deployments, item.failed) for item in found.items] == [
        ("trueup/api", 1, 0), ("trueup/db", 2, 1), ("trueup/web", 1, 0),
    ]  # fmt: skip
    assert (found.total.deployments, found.total.lead.count, found.total.lead.p50_seconds) == (4, 3, 120)


@pytest.mark.parametrize(
    ("seconds", "p50", "p90"),
    [
        ([], None, None), ([7], 7, 7), ([1, 2], 1, 2), ([3, 1, 2], 2, 3), (range(1, 11), 5, 9), (range(1, 101), 50, 90),
        ([1] * 99 + [1000], 1, 1),
    ],
    ids=["none", "one", "two", "three", "ten", "a hundred", "one of many is late"],
)  # fmt: skip
def test_how_long_most_of_them_were(seconds, p50, p90):
    found = spread([timedelta(seconds=value) for value in seconds])
    assert (found.count, found.p50_seconds, found.p90_seconds) == (len(seconds), p50, p90)
