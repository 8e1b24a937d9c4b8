"""What is said of one application, from what happened to it."""

import pytest

from reconciler.errors import Stalled, Superseded, Transient, Waiting
from reconciler.model.declared import Application, Destination, Name
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import Action, Awaited, Health, HealthStatus, Hold, Revision, StepResult, SyncState
from reconciler.sync.report import Course, failed, report
from reconciler.sync.source import Target

TARGET = Target(Application(Name("t", "web"), (), Destination("in-cluster", "shop")), (Revision("", "a" * 40),))
WEB, CONFIG = ObjectKey("apps", "Deployment", "shop", "web"), ObjectKey("", "ConfigMap", "shop", "c")
JOB = ObjectKey("batch", "Job", "shop", "m")
GOOD = {WEB: Health(HealthStatus.HEALTHY)}
ILL = {WEB: Health(HealthStatus.DEGRADED, "no image")}
SLOW = {WEB: Health(HealthStatus.PROGRESSING, "0 of 1 available")}


def did(action, key=CONFIG, error="", reason=""):
    return StepResult(action, key, reason, error=error)


DEFERRED = did(Action.DEFER, reason="the cluster does not serve x yet")
KINDS = Awaited(kinds=frozenset({("example.com", "Widget", "v1")}))


@pytest.mark.parametrize(
    ("course", "state", "message", "retry"),
    [
        pytest.param(Course(health=GOOD), SyncState.SUCCEEDED, "nothing to change, all healthy", None, id="nothing to do"),
        pytest.param(Course((did(Action.CREATE),), health=GOOD), SyncState.SUCCEEDED, "1 object changed, all healthy", None, id="one"),
        pytest.param(Course((did(Action.RUN, JOB),)), SyncState.SUCCEEDED, "1 hook run, all healthy", None, id="a hook"),
        pytest.param(Course((did(Action.RUN, JOB), did(Action.RUN, JOB), did(Action.UPDATE), did(Action.DELETE))),
                     SyncState.SUCCEEDED, "2 objects changed, 2 hooks run, all healthy", None, id="objects and hooks"),
        pytest.param(Course((did(Action.CREATE, error="refused"),), unreached=2), SyncState.FAILED, "refused; 2 objects not applied", None,
                     id="refused"),
        pytest.param(Course((did(Action.CREATE, error="refused"), did(Action.CREATE, error="too"))), SyncState.FAILED,
                     "refused (and 1 more)", None, id="two refused"),
        pytest.param(Course(health=ILL, unreached=1), SyncState.FAILED, "shop/Deployment/web: no image; 1 object not applied", None,
                     id="ill"),
        pytest.param(Course((did(Action.CREATE, error="refused"),), is_preempted=True), SyncState.FAILED, "refused", None,
                     id="refused, and a newer commit waits"),
        pytest.param(Course(health=SLOW, is_preempted=True), SyncState.SUPERSEDED, "a newer commit took its place", None,
                     id="a newer commit waits"),
        pytest.param(Course((DEFERRED,), is_preempted=True), SyncState.SUPERSEDED, "a newer commit took its place", None,
                     id="deferred, and a newer commit waits"),
        pytest.param(Course(unreached=3, is_preempted=True), SyncState.SUPERSEDED, "a newer commit took its place", None,
                     id="nothing applied, since a newer commit waits"),
        pytest.param(Course(health=GOOD, is_preempted=True), SyncState.SUCCEEDED, "nothing to change, all healthy", None,
                     id="all done before the newer commit"),
        pytest.param(Course((DEFERRED,), awaited=KINDS), SyncState.WAITING, "shop/ConfigMap/c: the cluster does not serve x yet", 60.0,
                     id="deferred until an event"),
        pytest.param(Course((DEFERRED,)), SyncState.WAITING, "shop/ConfigMap/c: the cluster does not serve x yet", 5.0, id="deferred"),
        pytest.param(Course((DEFERRED,), health=ILL), SyncState.WAITING,
                     "shop/ConfigMap/c: the cluster does not serve x yet; meanwhile shop/Deployment/web: no image", 5.0,
                     id="deferred, and what may be why"),
        pytest.param(Course(health=GOOD, holds=(Hold("empty-render", "it renders to nothing", ()),)), SyncState.HELD,
                     "held: it renders to nothing", None, id="held"),
    ],
)  # fmt: skip
def test_what_a_sync_has_come_to(course, state, message, retry):
    found = report(TARGET, course)
    assert (found.state, found.message, found.retry_seconds) == (state, message, retry)
    assert found.awaited == (course.awaited if state is SyncState.WAITING else Awaited())


@pytest.mark.parametrize(
    ("error", "state", "retry", "awaited"),
    [
        pytest.param(Stalled("no"), SyncState.FAILED, None, Awaited(), id="a person must help"),
        pytest.param(Waiting("later", retry_seconds=7, awaited=KINDS), SyncState.WAITING, 7, KINDS, id="not yet"),
        pytest.param(Transient("gone"), SyncState.WAITING, 5.0, Awaited(), id="the world failed"),
        pytest.param(Transient("busy", retry_seconds=30), SyncState.WAITING, 30, Awaited(), id="the world said when"),
        pytest.param(Superseded("newer"), SyncState.SUPERSEDED, None, Awaited(), id="overtaken"),
    ],
)
def test_what_a_sync_has_come_to_that_an_error_ended(error, state, retry, awaited):
    found = failed(TARGET, error, (did(Action.CREATE),))
    assert (found.state, found.message, found.retry_seconds, found.awaited) == (state, str(error), retry, awaited)
    assert len(found.steps) == 1
