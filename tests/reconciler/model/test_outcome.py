"""What is decided and what came of it, in the words that people read."""

import itertools

import pytest

from reconciler.model.declared import Name
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import (
    WITHHELD,
    Action,
    Awaited,
    Drift,
    DriftKind,
    FieldDrift,
    Health,
    HealthStatus,
    Plan,
    Revision,
    Step,
    StepResult,
    changed,
    digest_of,
    together,
    waits,
    withheld,
)

WEB, API = ObjectKey("apps", "Deployment", "shop", "web"), ObjectKey("apps", "Deployment", "shop", "api")
REVISION = Revision("refs/heads/main", "a" * 40)


@pytest.mark.parametrize(
    ("revision", "text"),
    [
        (REVISION, f"main@sha1:{'a' * 40}"),
        (Revision("refs/tags/v1", "a" * 40), f"v1@sha1:{'a' * 40}"),
        (Revision("refs/heads/a/b", "b" * 64), f"a/b@sha256:{'b' * 64}"),
        (Revision("", "a" * 40), f"sha1:{'a' * 40}"),
    ],
)
def test_a_revision_is_printed_the_same_everywhere(revision, text):
    assert str(revision) == text


@pytest.mark.parametrize(("better", "worse"), list(itertools.pairwise(HealthStatus)))
def test_the_worst_of_many_wins(better, worse):
    first, second = Health(worse, "first"), Health(worse, "second")
    assert Health.worst([Health(better), first, second, Health(better)]) is first
    assert Health.worst([]).status is HealthStatus.HEALTHY


@pytest.mark.parametrize(
    ("drift", "text"),
    [
        (FieldDrift("spec.replicas"), "spec.replicas"),
        (FieldDrift("spec.replicas", "kubectl"), "spec.replicas by kubectl"),
        (FieldDrift("spec.replicas", "kubectl", desired="3", found="5"), "spec.replicas from 3 to 5 by kubectl"),
        (FieldDrift("spec.replicas", desired="3"), "spec.replicas from 3 to nothing"),
        (FieldDrift("spec.paused", found="true"), "spec.paused from nothing to true"),
        (Drift(WEB, DriftKind.MISSING), "shop/Deployment/web is missing"),
        (
            Drift(WEB, DriftKind.CHANGED, (FieldDrift("a", "kubectl"), FieldDrift("b", desired="secret"))),
            "shop/Deployment/web: changed: a by kubectl, b",
        ),
    ],
)
def test_drift_in_words(drift, text):
    assert str(drift) == text


def test_an_approval_is_bound_to_the_set_whatever_its_order():
    assert digest_of([WEB, API]) == digest_of([API, WEB])
    assert len({digest_of(keys) for keys in ([], [WEB], [API], [WEB, API])}) == 4


def plan(*actions):
    deletions = tuple(Step(action, ObjectKey("", "ConfigMap", "shop", str(n)), "") for n, action in enumerate(actions))
    stages = ((Step(Action.CREATE, WEB, ""),), (Step(Action.KEEP, API, ""),))
    return Plan(Name("trueup", "web"), REVISION, stages, deletions, hooks=(Step(Action.RUN, API, ""),))


def test_a_plan_has_its_steps_in_order():
    assert [step.action for step in plan(Action.DELETE).steps] == [Action.RUN, Action.CREATE, Action.KEEP, Action.DELETE]


def test_what_is_held_has_a_digest_and_nothing_has_none():
    assert (plan(Action.DELETE).held, plan(Action.DELETE).held_digest) == ((), "")
    held = plan(Action.HOLD, Action.DELETE, Action.HOLD)
    assert [key.name for key in held.held] == ["0", "2"]
    assert held.held_digest == digest_of(held.held)


@pytest.mark.parametrize(
    ("actions", "count"),
    [
        ([], 0),
        (list(Action), 4),
        ([Action.CREATE, Action.UPDATE, Action.DELETE], 3),
        ([Action.SKIP, Action.HOLD, Action.DEFER], 0),
    ],
)
def test_only_what_was_done_is_a_change(actions, count):
    assert changed([StepResult(action, WEB, "") for action in actions]) == count
    assert changed([StepResult(action, WEB, "", error="denied") for action in actions]) == 0


def test_what_several_wait_for_is_waited_for_together():
    first, second = Awaited(applications=frozenset({Name("a", "b")})), Awaited(objects=frozenset({WEB}))
    assert together([first, second]) == Awaited(first.applications, frozenset(), second.objects)
    assert (bool(together([])), bool(first), bool(Awaited(kinds=frozenset({("", "Pod", "v1")})))) == (False, True, True)


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, ""),
        (1, "; 1 deletion waits: the cluster does not tell all that it serves"),
        (2, "; 2 deletions wait: the cluster does not tell all that it serves"),
    ],
)
def test_deletions_that_wait_are_counted(count, words):
    waiting = [Step(Action.SKIP, WEB, f"{WITHHELD} of apps", None) for _ in range(count)]
    assert (
        waits(withheld([*waiting, Step(Action.SKIP, WEB, "kept", None), Step(Action.DELETE, WEB, f"{WITHHELD} x", None)]))
        == words
    )
