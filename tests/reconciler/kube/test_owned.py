"""The index of what is owned takes in what it is told: by the answers to our own writes, and by watches."""

from typing import Any

import pytest

from reconciler.health.declared import Rulebook
from reconciler.kube.owned import OwnedIndex
from reconciler.model.declared import Instance
from reconciler.model.objects import Kind, LiveMetadata, ObjectKey
from reconciler.model.outcome import HealthStatus
from reconciler.plan.marks import APPLIED, INSTANCE, OWNER

DEPLOYMENT = Kind("apps", "v1", "Deployment", "deployments", namespaced=True, has_status=True)
KEY = ObjectKey("apps", "Deployment", "shop", "web")
READY = {"observedGeneration": 1, "replicas": 0, "conditions": [{"type": "Available", "status": "True"}]}


def deployment(version: int, *, manager: str = "trueup", replicas: int = 0, **more: Any) -> dict[str, Any]:
    labels = {"f:labels": {f"f:{INSTANCE}": {}}, "f:annotations": {f"f:{OWNER}": {}, f"f:{APPLIED}": {}}}
    entry = {"manager": manager, "operation": "Apply", "apiVersion": "apps/v1", "fieldsV1": {"f:metadata": labels}}
    metadata = {
        "namespace": "shop", "name": "web", "uid": "u1", "resourceVersion": str(version), "generation": 1,
        "labels": {INSTANCE: "trueup"}, "annotations": {OWNER: f"trueup/web:{KEY.identity}", APPLIED: "v1:1"},
        "managedFields": [entry],
    }  # fmt: skip
    return {"metadata": metadata, "spec": {"replicas": replicas}, **more}


@pytest.fixture
def index():
    return OwnedIndex(None, Instance("trueup"), Rulebook())


@pytest.fixture
def told(index):
    found = []
    index.listen(lambda key, live: found.append(("drift", key, live is not None)))
    index.listen_health(lambda key: found.append(("health", key)))
    return found


def saw(index, document):
    index.saw(LiveMetadata.of(document, DEPLOYMENT), DEPLOYMENT)


def test_the_echo_of_our_own_write_is_no_news_but_for_its_health(index, told):
    saw(index, deployment(5))
    assert index.health(KEY) is None
    told.clear()
    index._take(deployment(5, status=READY), DEPLOYMENT)
    assert index.health(KEY).status is HealthStatus.HEALTHY
    index._take(deployment(5, status=READY), DEPLOYMENT)
    assert told == [("health", KEY)]


def test_what_was_written_after_it_is_news(index, told):
    saw(index, deployment(5))
    told.clear()
    index._take(deployment(6, manager="kubectl", status=READY), DEPLOYMENT)
    assert index.owned == {}
    assert ("drift", KEY, False) in told


def test_an_event_from_before_our_write_is_forgotten(index, told):
    saw(index, deployment(5))
    told.clear()
    index._take(deployment(4, manager="kubectl-edit", status=READY), DEPLOYMENT)
    assert told == []
    assert index.owned[KEY].resource_version == "5"
