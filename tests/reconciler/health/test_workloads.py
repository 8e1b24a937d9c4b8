"""What a Job or Pod came to, whether or not it is being deleted; its health while it lives is in the samples of `test_rules`."""

import pytest

from reconciler.health.workloads import end_of
from reconciler.model.outcome import HealthStatus


def made(api_version, kind, *, going=False, **status):
    metadata = {"name": "x"} | ({"deletionTimestamp": "2026-01-01T00:00:00Z"} if going else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": {}, "status": status}


def job(*conditions, going=False):
    told = [{"type": kind, "status": "True", "reason": "BackoffLimitExceeded"} for kind in conditions]
    return made("batch/v1", "Job", going=going, conditions=told)


@pytest.mark.parametrize(
    ("document", "status"),
    [
        pytest.param(job(), None, id="a Job that runs"),
        pytest.param(job("SuccessCriteriaMet"), None, id="a Job that is about to be complete"),
        pytest.param(job("FailureTarget"), None, id="a Job that is about to fail"),
        pytest.param(job("SuccessCriteriaMet", "Complete"), HealthStatus.HEALTHY, id="a Job that is complete"),
        pytest.param(job("Failed"), HealthStatus.DEGRADED, id="a Job that has failed"),
        pytest.param(job("Complete", going=True), HealthStatus.HEALTHY, id="a Job that is complete, and going"),
        pytest.param(job("Failed", going=True), HealthStatus.DEGRADED, id="a Job that has failed, and is going"),
        pytest.param(made("v1", "Pod", phase="Running"), None, id="a Pod that runs"),
        pytest.param(made("v1", "Pod", phase="Succeeded"), HealthStatus.HEALTHY, id="a Pod that has succeeded"),
        pytest.param(made("v1", "Pod", phase="Failed"), HealthStatus.DEGRADED, id="a Pod that has failed"),
        pytest.param(made("apps/v1", "Deployment", availableReplicas=1), None, id="what has no end"),
        pytest.param({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "x"}}, None, id="metadata alone"),
    ],
)
def test_what_it_came_to(document, status):
    found = end_of(document)
    assert (found.status if found else None) is status
