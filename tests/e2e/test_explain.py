"""Why a sync failed, on a real control plane: its controllers write the conditions and events that the reason is read from."""

import json

import pytest

from tests.servers.real import kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]


DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web:1}]}
"""


async def test_a_quota_is_named(system):
    kubectl(system, "create", "namespace", system.namespace)
    kubectl(system, "create", "quota", "small", "--hard=pods=0")
    # the controller that does this is not part of the test's control plane
    used = json.dumps({"status": {"hard": {"pods": "0"}, "used": {"pods": "0"}}})
    kubectl(system, "patch", "quota", "small", "--subresource=status", "--type=merge", "-p", used)
    job = await system.ended(await system.push({"apps/web/deployment.yaml": DEPLOYMENT}))
    assert job["state"] == "failed"
    assert job["message"].startswith(f"{system.namespace}/Deployment/web: ReplicaSet web-"), job["message"]
    assert "FailedCreate: pods " in job["message"]
    assert "exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0" in job["message"]


async def test_a_pod_that_nobody_starts_is_named(system):
    job = await system.ended(await system.push({"apps/web/deployment.yaml": DEPLOYMENT}))
    assert job["state"] == "failed"
    assert job["message"].startswith(f"{system.namespace}/Deployment/web: pod web-"), job["message"]
    assert job["message"].endswith(": phase Pending")
