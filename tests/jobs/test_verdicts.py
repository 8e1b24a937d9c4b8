"""What is said of a job from its syncs, and of a commit from its jobs."""

from datetime import UTC, datetime, timedelta

import pytest

from jobs.records import (
    ApplicationRecord,
    JobKind,
    JobRecord,
    JobState,
    ObjectHealthRecord,
    StepRecord,
    SyncRecord,
    Verdict,
    VerdictState,
)
from jobs.verdicts import conclude, lack_of, lack_of_sync, unapplied, verdicts, worst
from reconciler.model.outcome import Action, HealthStatus, SyncState

NOW = datetime(2026, 11, 23, tzinfo=UTC)
COMMIT = "c" * 40


def sync(application, state=SyncState.SUCCEEDED, message="", *, cluster="in-cluster", changed=0):
    step = StepRecord(action=Action.UPDATE, object="x", identity="x", reason="")
    return SyncRecord(
        application=f"trueup/{application}", cluster=cluster, revision="r", state=state, message=message, steps=(step,) * changed
    )


def job(state, *syncs, minute=0, kind=JobKind.PUSH, repository="trueup/shop", message=""):
    at = NOW + timedelta(minutes=minute)
    return JobRecord(
        id=f"j{minute}", kind=kind, state=state, repository=repository, message=message, syncs=syncs, created=at, updated=at
    )


GOOD, BAD, HELD = SyncState.SUCCEEDED, SyncState.FAILED, SyncState.HELD


@pytest.mark.parametrize(
    ("syncs", "state", "message"),
    [
        pytest.param([sync("web", message="2 objects changed")], JobState.SUCCEEDED, "2 objects changed", id="one"),
        pytest.param(
            [sync("web", changed=2), sync("api", changed=1)], JobState.SUCCEEDED, "2 applications healthy, 3 objects changed", id="two"
        ),
        pytest.param([sync("web", BAD, "ImagePullBackOff")], JobState.FAILED, "ImagePullBackOff", id="one failed"),
        pytest.param(
            [sync("a"), sync("b"), sync("web", BAD, "ImagePullBackOff"), sync("c")],
            JobState.FAILED, "3 of 4 applications healthy; web: ImagePullBackOff", id="one of four failed",
        ),
        pytest.param([sync("a", HELD, "x"), sync("b", BAD, "y")], JobState.FAILED, "0 of 2 applications healthy; b: y", id="failed wins"),
        pytest.param([sync("a", HELD, "2 held"), sync("b")], JobState.HELD, "1 of 2 applications healthy; a: 2 held", id="held"),
        pytest.param([sync("a", SyncState.RUNNING), sync("b")], JobState.RUNNING, "1 of 2 applications healthy; a: ", id="running"),
        pytest.param(
            [sync("a", SyncState.WAITING, "window"), sync("b", HELD)],
            JobState.WAITING, "0 of 2 applications healthy; a: window", id="waiting",
        ),
        pytest.param([sync("a", SyncState.SUPERSEDED)], JobState.SUPERSEDED, "a newer commit took its place", id="superseded"),
    ],
)  # fmt: skip
def test_a_job_is_concluded_from_its_syncs(syncs, state, message):
    assert conclude(syncs) == (state, message)


def test_no_commit_without_a_job_has_a_verdict():
    assert verdicts([], commit=COMMIT, instance="trueup") == ()


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        pytest.param([job(JobState.QUEUED)], [("", "pending")], id="queued"),
        pytest.param([job(JobState.WAITING, sync("web"))], [("in-cluster", "pending")], id="waiting"),
        pytest.param([job(JobState.SUCCEEDED)], [("", "succeeded")], id="nothing affected"),
        pytest.param([job(JobState.SUPERSEDED)], [("", "superseded")], id="overtaken"),
        pytest.param([job(JobState.IGNORED)], [], id="ignored"),
        pytest.param([job(JobState.FAILED, kind=JobKind.DRIFT)], [], id="drift says nothing of a commit"),
        pytest.param([job(JobState.FAILED, message="x")], [("", "failed")], id="failed before any sync"),
        pytest.param([job(JobState.HELD, sync("web", HELD))], [("in-cluster", "held")], id="held"),
        pytest.param(
            [job(JobState.FAILED, sync("web", BAD)), job(JobState.SUCCEEDED, sync("web"), minute=1)],
            [("in-cluster", "succeeded")], id="the newest decides",
        ),
        pytest.param(
            [job(JobState.SUCCEEDED, sync("web"), minute=1), job(JobState.FAILED, sync("web", BAD))],
            [("in-cluster", "succeeded")], id="in whatever order they come",
        ),
        pytest.param(
            [job(JobState.FAILED, sync("web", BAD), sync("api", BAD)),
             job(JobState.SUCCEEDED, sync("api"), minute=1, kind=JobKind.MANUAL)],
            [("in-cluster", "failed")], id="a manual sync of one leaves the other's failure",
        ),
        pytest.param(
            [job(JobState.HELD, sync("web", HELD)), job(JobState.SUCCEEDED, sync("web"), minute=1, kind=JobKind.APPROVAL)],
            [("in-cluster", "succeeded")], id="approved",
        ),
        pytest.param(
            [job(JobState.SUCCEEDED, sync("web")), job(JobState.RUNNING, minute=1, kind=JobKind.MANUAL)],
            [("in-cluster", "pending")], id="tried again",
        ),
        pytest.param(
            [job(JobState.FAILED, sync("web", BAD, cluster="east"), sync("web2", cluster="west"))],
            [("east", "failed"), ("west", "succeeded")], id="each cluster has its own",
        ),
        pytest.param(
            [job(JobState.SUCCEEDED, sync("web"), sync("api")), job(JobState.SUCCEEDED, sync("web"), minute=1, kind=JobKind.ROLLBACK)],
            [("in-cluster", "failed")], id="rolled back: not live, however well that went",
        ),
        pytest.param(
            [job(JobState.SUCCEEDED, sync("web")), job(JobState.FAILED, minute=1, kind=JobKind.ROLLBACK)],
            [("in-cluster", "succeeded")], id="a rollback that came to nothing changes nothing",
        ),
        pytest.param(
            [job(JobState.SUCCEEDED, sync("web")), job(JobState.SUCCEEDED, sync("web"), minute=1, kind=JobKind.ROLLBACK),
             job(JobState.SUCCEEDED, sync("web"), minute=2, kind=JobKind.RESUME)],
            [("in-cluster", "succeeded")], id="rolled back and resumed",
        ),
        pytest.param(
            [job(JobState.SUCCEEDED, sync("web")), job(JobState.SUCCEEDED, minute=1, kind=JobKind.PAUSE)],
            [("in-cluster", "succeeded")], id="a pause says nothing of a commit",
        ),
    ],
)  # fmt: skip
def test_a_commit_has_one_verdict_per_cluster(jobs, expected):
    found = verdicts(jobs, commit=COMMIT, instance="trueup")
    assert [(verdict.cluster, str(verdict.state)) for verdict in found] == expected
    assert {(verdict.commit, verdict.instance, verdict.repository) for verdict in found} <= {(COMMIT, "trueup", "trueup/shop")}


def test_each_repository_has_its_own_verdict():
    jobs = [job(JobState.FAILED, repository="trueup/b"), job(JobState.SUCCEEDED, repository="trueup/a")]
    found = verdicts(jobs, commit=COMMIT, instance="trueup")
    assert [(verdict.repository, verdict.state) for verdict in found] == [
        ("trueup/a", VerdictState.SUCCEEDED),
        ("trueup/b", VerdictState.FAILED),
    ]


def test_a_commit_with_several_clusters_is_as_its_worst():
    states = [VerdictState.SUCCEEDED, VerdictState.SUPERSEDED, VerdictState.HELD, VerdictState.PENDING, VerdictState.FAILED]
    found = [Verdict(repository="r", instance="i", cluster=str(state), commit=COMMIT, state=state) for state in states]
    assert [worst(found[: number + 1]).state for number in range(5)] == states


@pytest.mark.parametrize("state", VerdictState)
def test_everything_but_pending_is_decided(state):
    assert state.is_decided == (state is not VerdictState.PENDING)


RUNNING, WAITING = SyncState.RUNNING, SyncState.WAITING


@pytest.mark.parametrize(
    ("known", "lack"),
    [
        pytest.param(None, "which is on its way", id="not begun"),
        pytest.param(sync("db", RUNNING), "which is on its way", id="under way"),
        pytest.param(sync("db", RUNNING).model_copy(update={"healthy": NOW}), "", id="healthy, and deleting"),
        pytest.param(sync("db"), "", id="done"),
        pytest.param(sync("db", HELD), "", id="deletions are held: all else is there"),
        pytest.param(sync("db", BAD, "no image"), "which is failed: no image", id="failed"),
        pytest.param(sync("db", WAITING, "waits for x"), "which is waiting: waits for x", id="waits itself"),
    ],
)
def test_what_an_application_of_the_same_job_lacks(known, lack):
    assert lack_of_sync(known) == lack


def record(state=SyncState.SUCCEEDED, health=HealthStatus.HEALTHY, message="", unhealthy=()):
    return ApplicationRecord(
        name="t/db", repository="t/shop", state=state, health=health, message=message, unhealthy=unhealthy, updated=NOW
    )


ILL = (ObjectHealthRecord(object="shop/Pod/db", status=HealthStatus.DEGRADED, reason="no image"),)


@pytest.mark.parametrize(
    ("known", "is_dirty", "lack"),
    [
        pytest.param(None, False, "which was not synced yet", id="unknown"),
        pytest.param(record(None), False, "which was not synced yet", id="never synced"),
        pytest.param(record(), False, "", id="healthy at its commit"),
        pytest.param(record(HELD), False, "", id="deletions are held: all else is there"),
        pytest.param(record(), True, "which is not at its newest commit yet", id="a newer commit is on its way"),
        pytest.param(record(BAD, message="refused"), True, "which is failed: refused", id="the newest commit was refused"),
        pytest.param(record(WAITING, message="later"), True, "which is waiting: later", id="the newest commit waits"),
        pytest.param(record(BAD), False, "", id="applied, was not healthy in time, and is by now"),
        pytest.param(
            record(BAD, HealthStatus.DEGRADED, unhealthy=ILL), False, "which is Degraded: shop/Pod/db: no image", id="ill"
        ),
        pytest.param(record(health=HealthStatus.PROGRESSING), False, "which is Progressing", id="on its way"),
    ],
)
def test_what_an_application_of_any_job_lacks(known, is_dirty, lack):
    assert lack_of(known, is_dirty=is_dirty) == lack


def applied(application):
    return sync(application, RUNNING).model_copy(update={"applied": NOW})


def awaiting(application, *names):
    return sync(application, WAITING).model_copy(update={"awaits": names})


@pytest.mark.parametrize(
    ("syncs", "expected"),
    [
        pytest.param([], ["trueup/a"], id="not begun"),
        pytest.param([sync("a", RUNNING)], ["trueup/a"], id="under way"),
        pytest.param([applied("a")], [], id="applied"),
        pytest.param([sync("a")], [], id="done"),
        pytest.param([sync("a", BAD)], [], id="failed: it will not be"),
        pytest.param([awaiting("a", "trueup/b"), applied("b")], ["trueup/a"], id="waits for another of the job"),
        pytest.param([awaiting("a", "trueup/b"), sync("b", BAD)], [], id="waits in vain for another of the job"),
        pytest.param([awaiting("a", "trueup/elsewhere"), sync("b")], [], id="waits for one of another job: that may take long"),
        pytest.param([awaiting("a"), sync("b")], [], id="waits for the world"),
    ],
)
def test_what_will_still_be_applied_keeps_deletions(syncs, expected):
    assert list(unapplied(job(JobState.RUNNING, *syncs), ["trueup/a"])) == expected


def test_jobs_that_a_dependency_has_let_go_decide_about_their_commit():
    old = job(JobState.FAILED, sync("db", BAD, "no image"), sync("web", WAITING, "waits"))
    new = job(JobState.SUCCEEDED, sync("web"), minute=1, kind=JobKind.DEPENDENCY)
    (found,) = verdicts([old, new], commit=COMMIT, instance="trueup")
    assert (found.state, found.message) == (VerdictState.FAILED, "1 of 2 applications healthy; db: no image")


@pytest.mark.parametrize("kind", [JobKind.DRIFT, JobKind.DIFF, JobKind.PARTIAL])
def test_what_is_no_sync_of_a_whole_commit_says_nothing_about_it(kind):
    assert verdicts([job(JobState.FAILED, sync("web", BAD, "x"), kind=kind)], commit=COMMIT, instance="trueup") == ()
