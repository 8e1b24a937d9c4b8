"""What of a job is shown, in which order and how much."""

from datetime import timedelta

import pytest

from jobs.records import HoldRecord, JobKind, JobState, ObjectHealthRecord, StageRecord, StepRecord
from receiver.ui.shown import LEAST, STEPS, SYNCS, JobView, RowView, SyncView, refresh_seconds
from reconciler.model.outcome import Action, HealthStatus, SyncState
from tests.servers.records import NOON, job_record, sync_record

HOLD = HoldRecord(guard="most-of-application", reason="most would go", objects=("a",))
UNHEALTHY = ObjectHealthRecord(object="a", status=HealthStatus.DEGRADED)


def steps(count, error=""):
    return tuple(StepRecord(action=Action.UPDATE, object=f"o{n}", identity="i", reason="r", error=error) for n in range(count))


@pytest.mark.parametrize("state", JobState)
def test_a_page_is_looked_at_again_while_its_job_is_not_final(state):
    seconds = refresh_seconds(job_record(state=state))
    assert (seconds == 0) is state.is_final
    assert seconds in (0, 3, 15, 30)


@pytest.mark.parametrize(
    ("state", "syncs", "seconds"),
    [
        (JobState.RUNNING, 3, 3),
        (JobState.RUNNING, 40, 20),
        (JobState.HELD, 40, 30),
        (JobState.HELD, 100, 50),
        (JobState.FAILED, 100, 0),
    ],
)
def test_a_large_page_is_looked_at_less_often(state, syncs, seconds):
    many = steps(500)
    all_of_them = (sync_record().model_copy(update={"steps": many}),) * syncs
    assert refresh_seconds(job_record(state=state).model_copy(update={"syncs": all_of_them})) == seconds


def test_what_is_held_is_named_once():
    held = StepRecord(action=Action.HOLD, object="a", identity="i", reason="r")
    other = StepRecord(action=Action.HOLD, object="b", identity="i", reason="r")
    view = SyncView.of(sync_record(holds=(HOLD, HOLD), steps=(held, other, *steps(1))), 10, JobKind.PUSH)
    assert [step.object for step in view.steps] == ["b", "o0"]


def test_what_needs_a_person_comes_first():
    job = job_record(syncs=tuple(sync_record(state, application=f"trueup/{state}") for state in SyncState))
    assert [view.sync.state for view in JobView.of(job, NOON).syncs] == [
        "failed", "held", "waiting", "running", "superseded", "succeeded",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "is_open"),
    [
        pytest.param({}, False, id="as it should be"),
        pytest.param({"unhealthy": (UNHEALTHY,)}, True, id="unhealthy"),
        pytest.param({"holds": (HOLD,)}, True, id="something held"),
        pytest.param({"state": SyncState.FAILED}, True, id="failed"),
        pytest.param({"state": SyncState.RUNNING}, True, id="running"),
    ],
)
def test_which_syncs_stand_open(fields, is_open):
    assert SyncView.of(sync_record(**fields), 10, JobKind.PUSH).needs_a_look is is_open


def test_steps_that_failed_come_first_and_the_rest_is_counted():
    view = SyncView.of(sync_record(steps=(*steps(20), *steps(2, "refused"))), 5, JobKind.PUSH)
    assert [step.error for step in view.steps] == ["refused", "refused", "", "", ""]
    assert view.left_out == 17


@pytest.mark.parametrize(
    ("syncs", "shown", "each"), [(1, 1, STEPS), (4, 4, STEPS // 4), (150, 150, STEPS // 150), (1000, SYNCS, LEAST)]
)
def test_no_page_grows_without_end(syncs, shown, each):
    syncs_of_all = tuple(sync_record(application=f"trueup/a{n}") for n in range(syncs))
    many = steps(2001)
    job = job_record().model_copy(update={"syncs": tuple(sync.model_copy(update={"steps": many}) for sync in syncs_of_all)})
    view = JobView.of(job, NOON)
    assert (len(view.syncs), view.left_out) == (shown, syncs - shown)
    assert {len(sync.steps) for sync in view.syncs} == {each}


@pytest.mark.parametrize(
    ("kind", "application", "digest", "command"),
    [
        pytest.param(JobKind.PUSH, "trueup/web", "9f86", "trueup app approve trueup/web --digest 9f86", id="held"),
        pytest.param(JobKind.PUSH, "trueup/web", "", "", id="nothing held"),
        pytest.param(
            JobKind.PUSH,
            "a/b; rm -rf ~",
            "$(x)",
            "trueup app approve 'a/b; rm -rf ~' --digest '$(x)'",
            id="a shell would obey it",
        ),
        pytest.param(JobKind.REMOVAL, "trueup/web", "9f86", "", id="a removal, whose message has the command"),
        pytest.param(JobKind.PLAN, "trueup/web", "9f86", "", id="a plan, in which nothing is held yet"),
    ],
)
def test_the_command_that_approves_what_is_held(kind, application, digest, command):
    assert SyncView.of(sync_record(application=application, held_digest=digest), 1, kind).approve == command


@pytest.mark.parametrize(
    ("fields", "about"),
    [
        pytest.param({"actor": "ada"}, "trueup/shop · main · ada", id="a push"),
        pytest.param({"repository": "", "ref": ""}, "", id="nothing known"),
        pytest.param({"applications": tuple("abc"), "ref": "refs/tags/v1"}, "trueup/shop · tag v1 · a, b, c", id="applications"),
        pytest.param({"applications": tuple("abcde"), "ref": ""}, "trueup/shop · a, b, c and 2 more", id="many applications"),
        pytest.param({"finished": NOON + timedelta(seconds=3)}, "trueup/shop · main · took 3.00 s", id="ended"),
    ],
)
def test_what_a_list_says_of_a_job(fields, about):
    row = RowView.of(job_record(**fields), NOON + timedelta(minutes=2))
    assert (row.about, row.ago) == (about, "2 min ago")


def test_stages_are_told_from_the_beginning():
    at = NOON + timedelta(seconds=1.5)
    job = job_record(stages=(StageRecord(name="fetched", at=at, detail="main"),), finished=NOON + timedelta(seconds=70))
    view = JobView.of(job, NOON + timedelta(hours=3))
    assert [(stage.name, stage.after, stage.detail) for stage in view.stages] == [("fetched", "1.50 s", "main")]
    assert (view.ago, view.took) == ("3 h ago", "1 min 10 s")
