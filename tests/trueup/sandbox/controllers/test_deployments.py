import pytest

from trueup.sandbox.controllers.deployments import plan_scale


def deployment(replicas, surge="25%", unavailable="25%", kind="RollingUpdate"):
    strategy = {"type": kind} | (
        {"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}} if kind == "RollingUpdate" else {}
    )
    return {"spec": {"replicas": replicas, "strategy": strategy}}


def replica_set(replicas, available):
    return {"spec": {"replicas": replicas}, "status": {"replicas": replicas, "availableReplicas": available}}


@pytest.mark.parametrize(
    ("wanted", "new", "old", "plan"),
    [
        pytest.param(deployment(3), replica_set(0, 0), [], [3], id="the first"),
        pytest.param(
            deployment(4), replica_set(0, 0), [replica_set(4, 4)], [1, 3], id="one more than wanted, one less available"
        ),
        pytest.param(deployment(4), replica_set(1, 0), [replica_set(4, 4)], [1, 3], id="waits for the new one"),
        pytest.param(deployment(4), replica_set(1, 1), [replica_set(4, 4)], [1, 2], id="takes the next"),
        pytest.param(deployment(4), replica_set(4, 4), [replica_set(1, 1)], [4, 0], id="takes the last"),
        pytest.param(deployment(2, 0, 1), replica_set(0, 0), [replica_set(2, 2)], [0, 1], id="without surge"),
        pytest.param(deployment(1, 1, 0), replica_set(1, 0), [replica_set(1, 1)], [1, 1], id="never less than wanted"),
        pytest.param(
            deployment(4), replica_set(1, 0), [replica_set(2, 2), replica_set(2, 0)], [1, 2, 1], id="not ready goes first"
        ),
        pytest.param(
            deployment(2, kind="Recreate"), replica_set(0, 0), [replica_set(2, 2)], [0, 0], id="all at once, first the old"
        ),
        pytest.param(deployment(2, kind="Recreate"), replica_set(0, 0), [replica_set(0, 0)], [2, 0], id="then the new"),
    ],
)
def test_plan_scale(wanted, new, old, plan):
    assert plan_scale(wanted, new, old) == plan
