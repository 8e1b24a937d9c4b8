"""What explains that an object's content changed: only a newer entry of somebody else over content."""

import pytest

from reconciler.plan.unexplained import is_unexplained
from tests.reconciler.plan.made import entry, key, live, ours

WEB = key("Deployment", group="apps")
REPLICAS = {"f:spec": {"f:replicas": {}}}
LABEL = {"f:metadata": {"f:labels": {"f:a": {}}}}
STATUS = {"f:status": {"f:replicas": {}}}
LATER = "2026-03-01T10:00:05Z"

CASES = {
    # name: (entries before, entries after, generations moved by, is it unexplained?)
    "nothing else changed": ([], [], 1, True),
    "our own entry is newer": ([], [entry("trueup", REPLICAS, operation="Apply", time=LATER)], 1, True),
    "somebody changed a label, and a policy changed the content": ([], [entry("kubectl-label", LABEL, time=LATER)], 1, True),
    "the status moved": ([], [entry("kcm", STATUS, subresource="status", time=LATER)], 1, True),
    "a status in the main resource": ([], [entry("kcm", STATUS, time=LATER)], 1, True),
    "somebody changed content": ([], [entry("kubectl-edit", REPLICAS, time=LATER)], 1, False),
    "somebody changed the same content again": (
        [entry("kubectl-edit", REPLICAS)], [entry("kubectl-edit", REPLICAS, time=LATER)], 1, False,
    ),
    "somebody's older entry stays": ([entry("kubectl-edit", REPLICAS)], [entry("kubectl-edit", REPLICAS)], 1, True),
    "an autoscaler scaled": ([], [entry("kcm", REPLICAS, subresource="scale", time=LATER)], 1, False),
    "an Update under our name": ([], [entry("trueup", REPLICAS, time=LATER)], 1, False),
    "an entry vanished": ([entry("kubectl-edit", REPLICAS)], [], 1, True),
    "the generation stayed": ([], [], 0, False),
    "a kind without generations": ([], [], -1, False),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "moved", "expected"), CASES.values(), ids=CASES.keys())
def test_what_explains_a_change(before, after, moved, expected):
    was = live(WEB, ours(), *before, generation=1)
    now = live(WEB, ours(), *after, generation=1 + moved)
    assert is_unexplained(was, now, "trueup") is expected


def test_an_object_that_was_made_anew_is_another_story():
    assert not is_unexplained(live(WEB, ours(), uid="a"), live(WEB, ours(), uid="b", generation=2), "trueup")
