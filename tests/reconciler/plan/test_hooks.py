"""Which hooks run now, which are done, and what becomes of their objects."""

from dataclasses import replace

import pytest

from reconciler.model.hooks import Hook, Phase, Removal
from reconciler.model.intent import HookRun
from reconciler.model.outcome import Health, HealthStatus
from reconciler.plan.hooks import (
    Facts,
    Move,
    RunState,
    as_sent,
    by_key,
    due,
    forgotten,
    has_run,
    in_waves,
    is_fleeting,
    is_removed,
    move,
    remembered,
    run_name,
    run_of,
    state_of,
    without_failures,
)
from reconciler.plan.marks import APPLIED, FINALIZER, HOOK, RUN, WAVE
from tests.reconciler.plan.made import document, key, manifest, owned

JOB = key("Job", "migrate", group="batch")
NOTE = key("ConfigMap", "note")
NOW = "now"
THIS, OLDER = run_name(Phase.PRE_SYNC, NOW), run_name(Phase.PRE_SYNC, "before")
ANY = Hook(frozenset({Phase.PRE_SYNC}))
KEPT = Hook(frozenset({Phase.PRE_SYNC}), frozenset({Removal.SUCCEEDED}))
RUNNING, SUCCEEDED, FAILED = RunState
WELL, ILL = Health(HealthStatus.HEALTHY), Health(HealthStatus.DEGRADED)


def ran(identity=JOB.identity, digest=NOW, *, good=True, phase="pre-sync", at="2026-01-01", reason=""):
    return HookRun(identity, digest, "c" * 40, at, good, phase, reason)


def hook(name, phases="pre-sync", wave="0", kind="ConfigMap", **fields):
    metadata = {"annotations": {HOOK: phases, WAVE: wave}}
    return manifest(document({"Job": "batch/v1"}.get(kind, "v1"), kind, name, metadata=metadata, **fields))


GOOD, BAD = ran(), ran(good=False)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(Facts(ANY, THIS), Move.START, id="never ran"),
        pytest.param(Facts(ANY, THIS, past=GOOD), Move.DONE, id="it has succeeded, and is gone"),
        pytest.param(Facts(ANY, THIS, owned(JOB, run=THIS), SUCCEEDED, GOOD), Move.DONE, id="it has succeeded"),
        pytest.param(Facts(ANY, THIS, owned(JOB, run=THIS), RUNNING), Move.AWAIT, id="it runs"),
        pytest.param(Facts(ANY, THIS, owned(JOB, run=THIS), SUCCEEDED), Move.DONE, id="its success was not written down"),
        pytest.param(Facts(ANY, THIS, owned(JOB, run=THIS), FAILED), Move.FAILED, id="its failure was not written down"),
        pytest.param(Facts(ANY, THIS, owned(JOB, run=THIS, deleting=True), SUCCEEDED), Move.DONE, id="it has succeeded, and is going"),
        pytest.param(Facts(ANY, THIS, owned(JOB, run=THIS, deleting=True), FAILED), Move.FAILED, id="it has failed, and is going"),
        pytest.param(Facts(ANY, THIS, owned(JOB, run=THIS, deleting=True), RUNNING), Move.LET_GO, id="it is going before its end"),
        pytest.param(Facts(ANY, THIS, past=BAD), Move.FAILED, id="it has failed, and is gone"),
        pytest.param(Facts(ANY, THIS, owned(JOB, run=THIS), FAILED, BAD), Move.FAILED, id="it has failed: not repeated by itself"),
        pytest.param(Facts(ANY, THIS, owned(JOB, run=THIS), FAILED, BAD, is_retried=True), Move.REMOVE, id="it has failed: a person asks"),
        pytest.param(Facts(ANY, THIS, owned(JOB, run=THIS), RUNNING, BAD, is_retried=True), Move.LET_END,
                     id="it was late and runs on: a person asks"),
        pytest.param(Facts(ANY, THIS, owned(JOB, run=THIS), SUCCEEDED, BAD, is_retried=True), Move.DONE, id="it was late, and succeeded"),
        pytest.param(Facts(ANY, THIS, past=BAD, is_retried=True), Move.START, id="it has failed and is gone: a person asks"),
        pytest.param(Facts(ANY, THIS, past=GOOD, is_retried=True), Move.DONE, id="what has succeeded is not repeated for anybody"),
        pytest.param(Facts(ANY, THIS, owned(JOB, run=OLDER), RUNNING), Move.LET_END, id="an older run goes on"),
        pytest.param(Facts(ANY, THIS, owned(JOB, run=OLDER), FAILED), Move.REMOVE, id="an older run makes room"),
        pytest.param(Facts(KEPT, THIS, owned(JOB, run=OLDER), FAILED), Move.REMOVE, id="a Job cannot be changed: it makes room in any case"),
        pytest.param(Facts(ANY, THIS, owned(JOB, run=OLDER, deleting=True), FAILED), Move.LET_GO, id="an older run is going"),
        pytest.param(Facts(ANY, THIS, owned(JOB), RUNNING), Move.REMOVE, id="it was no hook before"),
        pytest.param(Facts(ANY, THIS, owned(NOTE, run=OLDER), SUCCEEDED), Move.REMOVE, id="before creation: of any kind"),
        pytest.param(Facts(KEPT, THIS, owned(NOTE, run=OLDER), SUCCEEDED), Move.START, id="otherwise it is changed where it is"),
        pytest.param(Facts(KEPT, THIS, owned(NOTE, run=OLDER), RUNNING), Move.START, id="also while it is not healthy"),
    ],
)  # fmt: skip
def test_what_is_to_be_done_about_a_hook(facts, expected):
    assert move(facts) is expected


@pytest.mark.parametrize(
    ("of", "ended", "healthy", "degraded", "state"),
    [
        pytest.param(JOB, None, False, False, RUNNING, id="a Job runs"),
        pytest.param(JOB, None, True, False, RUNNING, id="a Job is healthy only when it has ended"),
        pytest.param(JOB, None, False, True, RUNNING, id="a Job fails only when it has ended"),
        pytest.param(JOB, WELL, True, False, SUCCEEDED, id="a Job is complete"),
        pytest.param(JOB, ILL, False, True, FAILED, id="a Job has failed"),
        pytest.param(key("Pod"), ILL, False, True, FAILED, id="a Pod has failed"),
        pytest.param(key("Pod"), None, True, False, SUCCEEDED, id="a Pod that serves is ready"),
        pytest.param(NOTE, None, True, False, SUCCEEDED, id="what has no end is healthy"),
        pytest.param(NOTE, None, False, True, FAILED, id="what has no end is degraded"),
        pytest.param(NOTE, None, False, False, RUNNING, id="what has no end is on its way"),
    ],
)
def test_how_a_run_is(of, ended, healthy, degraded, state):
    assert state_of(of, ended, is_healthy=healthy, is_degraded=degraded) is state


def names(waves):
    return [[f"{one.key.kind}/{one.key.name}" for one in wave] for wave in waves]


def test_the_hooks_of_a_phase_go_by_wave_and_kind():
    hooks = [
        hook("b"), hook("a"), hook("a", kind="Job"), hook("a", kind="ServiceAccount"), hook("last", wave="3"), hook("first", wave="-2"),
        hook("other", "post-sync"), hook("both", "post-sync, pre-sync", wave="3"), manifest(document(name="ordinary")),
    ]  # fmt: skip
    assert names(in_waves(hooks, Phase.PRE_SYNC)) == [
        ["ConfigMap/first"], ["ServiceAccount/a", "ConfigMap/a", "ConfigMap/b", "Job/a"], ["ConfigMap/both", "ConfigMap/last"],
    ]  # fmt: skip
    assert names(in_waves(hooks, Phase.POST_SYNC)) == [["ConfigMap/other"], ["ConfigMap/both"]]
    assert in_waves(hooks, Phase.PRE_DELETE) == ()


def test_a_hook_is_due_unless_it_ran_for_this_content_in_this_phase():
    one = hook("one", "pre-sync,post-sync")
    identity = one.key.identity
    for past, is_due in (
        ([], True),
        ([ran(identity)], False),
        ([ran(identity, good=False)], False),
        ([ran(identity, "before")], True),
        ([ran(identity, phase="post-sync")], True),
        ([ran("another")], True),
    ):
        assert due([one], Phase.PRE_SYNC, by_key(past), NOW) == ((one,) if is_due else ())


@pytest.mark.parametrize(
    ("removals", "good", "bad"),
    [
        pytest.param({Removal.BEFORE_CREATION}, False, False, id="before creation"),
        pytest.param({Removal.SUCCEEDED}, True, False, id="succeeded"),
        pytest.param({Removal.FAILED, Removal.SUCCEEDED}, True, True, id="both"),
    ],
)
def test_when_the_object_of_a_hook_goes(removals, good, bad):
    one = Hook(frozenset({Phase.PRE_SYNC}), frozenset(removals))
    assert (is_removed(one, has_succeeded=True), is_removed(one, has_succeeded=False)) == (good, bad)


def fleeting(**spec):
    return manifest(document("batch/v1", "Job", "once", spec={"ttlSecondsAfterFinished": 0, **spec}))


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        pytest.param(fleeting(), True, id="a Job that goes at once"),
        pytest.param(
            manifest(document("batch/v1", "Job", "x", spec={"ttlSecondsAfterFinished": 60})), True, id="a Job that goes later"
        ),
        pytest.param(manifest(document("batch/v1", "Job", "x", spec={})), False, id="a Job that stays"),
        pytest.param(manifest(document("batch/v1", "Job", "x")), False, id="a Job without a spec"),
        pytest.param(
            manifest(document("example.com/v1", "Job", "x", spec={"ttlSecondsAfterFinished": 0})), False, id="another's Job"
        ),
    ],
)
def test_what_is_gone_by_itself_when_it_is_done(one, expected):
    assert is_fleeting(one) is expected


def test_an_ordinary_object_is_sent_as_it_is():
    one = manifest(document())
    assert as_sent(one) is one


def test_what_would_vanish_is_kept_until_its_end_is_written_down():
    one = fleeting()
    sent = as_sent(one)
    assert sent.document["metadata"]["finalizers"] == [FINALIZER]
    assert (sent.digest, sent.annotations[APPLIED], RUN in sent.annotations) == (one.digest, one.digest, False)
    assert "finalizers" not in one.document["metadata"]


def test_the_object_of_a_hook_says_what_it_runs_for():
    sent = as_sent(hook("note"), THIS)
    assert sent.annotations[RUN] == THIS
    assert "finalizers" not in sent.document["metadata"]
    kept = as_sent(hook("x", kind="Job", spec={"ttlSecondsAfterFinished": 5}), THIS)
    assert (kept.annotations[RUN], kept.document["metadata"]["finalizers"]) == (THIS, [FINALIZER])


def test_what_a_live_object_runs_for():
    assert run_of(owned(JOB, run=THIS)) == ("pre-sync", NOW)
    assert run_of(owned(JOB, applied="v1:7")) == ("", "v1:7")


def test_a_job_that_is_gone_has_run_for_its_own_content_only():
    one = fleeting()
    past = ran(one.key.identity, one.digest, phase="")
    assert has_run(one, by_key([past])) is past
    assert has_run(one, by_key([replace(past, digest="older")])) is None
    assert has_run(one, by_key([replace(past, phase="pre-sync")])) is None
    assert has_run(one, {}) is None


def test_the_last_run_of_each_object_and_phase_is_remembered_while_the_object_is_declared():
    old, other, gone = ran(digest="before"), ran(phase="post-sync"), ran("gone")
    assert remembered([old, other, gone], GOOD, {JOB.identity}) == (other, GOOD)
    assert remembered([old, gone], GOOD, None) == (gone, GOOD)
    assert remembered([], GOOD, set()) == (GOOD,)


def test_what_is_known_is_not_written_again():
    later = ran(at="later", reason="in other words")
    assert remembered([GOOD], later, {JOB.identity}) == (GOOD,)
    assert remembered([BAD], later, {JOB.identity}) == (later,)


def test_a_run_that_is_repeated_is_forgotten_first():
    other = ran("other")
    assert forgotten([BAD, other], BAD) == (other,)


def test_jobs_that_had_failed_are_forgotten_when_a_person_asks():
    job, later, hook_run = ran(good=False, phase="", at="1"), ran(good=False, phase="", at="3"), ran(good=False, at="1")
    assert without_failures([job, later, hook_run, ran(phase="", at="1")], "2") == (later, hook_run, ran(phase="", at="1"))
