"""The index of what is owned takes in what it is told: by the answers to our own writes, and by watches."""

import asyncio
from typing import Any

import pytest

from reconciler.errors import ClusterUnavailable
from reconciler.health.declared import Rulebook
from reconciler.kube.client import Listing, WatchEvent
from reconciler.kube.owned import OwnedIndex
from reconciler.model.declared import Instance, Name
from reconciler.model.objects import Kind, LiveMetadata, ObjectKey
from reconciler.model.outcome import HealthStatus
from reconciler.plan.marks import APPLIED, INSTANCE, MASKED, OWNER

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


def test_a_list_from_the_past_takes_nothing_away(index):
    saw(index, deployment(5))
    index._remove_missing(DEPLOYMENT, set(), before=4)
    assert KEY in index.owned
    index._remove_missing(DEPLOYMENT, set(), before=5)
    assert index.owned == {}


def test_the_end_of_an_older_object_is_not_the_end_of_a_newer_one(index):
    saw(index, deployment(5))
    older = deployment(9)
    older["metadata"]["uid"] = "u0"
    index._handle(WatchEvent("DELETED", older), DEPLOYMENT)
    index._handle(WatchEvent("DELETED", deployment(4)), DEPLOYMENT)
    assert KEY in index.owned
    index._handle(WatchEvent("DELETED", deployment(6)), DEPLOYMENT)
    assert index.owned == {}


def test_what_changed_hands_is_no_longer_among_what_its_first_owner_has(index):
    saw(index, deployment(5))
    moved = deployment(6)
    moved["metadata"]["annotations"][OWNER] = f"trueup/api:{KEY.identity}"
    index._take(moved, DEPLOYMENT)
    assert (set(index.owned_by(Name("trueup", "web"))), set(index.owned_by(Name("trueup", "api")))) == (set(), {KEY})


def test_what_carries_our_label_without_being_ours_is_a_stray(index):
    clone = deployment(5)
    clone["metadata"]["name"] = "clone"
    index._take(clone, DEPLOYMENT)
    assert (index.owned, {key.name for key in index.strays}) == ({}, {"clone"})


class Hesitant:
    """A server whose list is not there yet."""

    def __init__(self):
        self.there = asyncio.Event()

    async def list(self, *_, **__):
        await self.there.wait()
        return Listing((deployment(5),), "5")

    def watch(self, *_, **__):
        raise ClusterUnavailable("no watch in this test")


async def test_what_is_owned_is_known_only_when_every_kind_was_listed():
    client = Hesitant()
    index = OwnedIndex(client, Instance("trueup"), Rulebook())
    following = asyncio.create_task(index.follow([DEPLOYMENT]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (index.is_synced, following.done()) == (False, False)
    client.there.set()
    await following
    assert (index.is_synced, set(index.owned)) == (True, {KEY})
    await index.close()


def test_a_verdict_tells_no_value_that_its_object_says_is_masked(index):
    failed = {
        "observedGeneration": 1,
        "conditions": [
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "no image hunter2"}
        ],
        "replicas": 1,
    }
    seen = deployment(5, status=failed, replicas=1)
    index._take(seen, DEPLOYMENT)
    assert "hunter2" in index.health(KEY).reason
    seen = deployment(6, status=failed, replicas=1)
    seen["metadata"]["annotations"][MASKED] = "spec.image"
    seen["spec"]["image"] = "hunter2"
    index._take(seen, DEPLOYMENT)
    assert "no image ***" in index.health(KEY).reason
