"""What is asked of a cluster about an unhealthy object, on the sandbox; what is made of the answers is tested with its samples."""

from collections import Counter

import aiohttp
import pytest

from reconciler.kube.client import connect
from reconciler.kube.config import Access
from reconciler.kube.discovery import discover
from reconciler.kube.explain import explain
from reconciler.model.declared import Instance
from reconciler.model.objects import Kinds, ObjectKey
from reconciler.plan.marks import MASKED
from reconciler.settings import ReconcilerSettings
from trueup.sandbox.cluster import SandboxCluster

WEB = ObjectKey("apps", "Deployment", "default", "web")
TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:2"}]}}
SPEC = {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE}
PULLING = {
    "phase": "Pending",
    "containerStatuses": [
        {"name": "web", "image": "web:2", "imageID": "", "ready": False, "restartCount": 0,
         "state": {"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "web:2"'}}}
    ],
}  # fmt: skip


class Sandbox:
    """A sandbox on which nothing happens by itself."""

    def __init__(self, cluster, client, kinds, session):
        self.cluster, self.client, self.kinds, self._session = cluster, client, kinds, session

    async def create(self, path, document, owner=None):
        if owner:
            reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"]}
            document["metadata"]["ownerReferences"] = [{**reference, "uid": owner["metadata"]["uid"], "controller": True}]
        return await self._send("POST", path, document, "application/json")

    async def status(self, path, status):
        return await self._send("PATCH", f"{path}/status", {"status": status}, "application/merge-patch+json")

    async def _send(self, method, path, document, content):
        headers = {"Authorization": f"Bearer {self.cluster.token}", "Content-Type": content, "User-Agent": "person"}
        async with self._session.request(method, f"{self.cluster.url}{path}", json=document, headers=headers) as response:
            answer = await response.json()
            assert response.status < 300, answer
            return answer

    async def warn(self, about, reason, message):
        event = {
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": f"{about['metadata']['name']}.{reason.lower()}"},
            "involvedObject": {"kind": about["kind"], "name": about["metadata"]["name"], "namespace": "default",
                               "uid": about["metadata"]["uid"]},
            "type": "Warning", "reason": reason, "message": message, "lastTimestamp": "2026-11-01T10:00:00Z",
        }  # fmt: skip
        await self.create("/api/v1/namespaces/default/events", event)


@pytest.fixture
async def sandbox(tmp_path):
    async with SandboxCluster(rollout_seconds=None) as cluster, aiohttp.ClientSession() as session:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(cluster.kubeconfig)
        settings = ReconcilerSettings(KUBECONFIG=kubeconfig)
        async with connect(Access.of(settings), Instance(), settings) as client:
            yield Sandbox(cluster, client, await discover(client), session)


async def deployment(sandbox, status):
    """A Deployment, its ReplicaSet and a pod with this status."""
    apps, core = "/apis/apps/v1/namespaces/default", "/api/v1/namespaces/default"
    web = await sandbox.create(
        f"{apps}/deployments", {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": SPEC}
    )
    replicas = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": "web-7d9", "labels": {"app": "web"}},
        "spec": SPEC,
    }
    replica_set = await sandbox.create(f"{apps}/replicasets", replicas, web)
    pod = await sandbox.create(
        f"{core}/pods", {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-7d9-x", "labels": {"app": "web"}},
                         "spec": TEMPLATE["spec"]}, replica_set
    )  # fmt: skip
    await sandbox.status(f"{core}/pods/web-7d9-x", status)
    return web, replica_set, pod


async def test_a_deployment_is_followed_to_its_pod_and_the_pods_events(sandbox):
    _, _, pod = await deployment(sandbox, PULLING)
    await sandbox.warn(pod, "Failed", 'Failed to pull image "web:2": pull access denied')
    before = Counter(sandbox.cluster.counts())
    told = await explain(sandbox.client, sandbox.kinds, WEB)
    assert told == (
        'pod web-7d9-x: container web: ImagePullBackOff: Back-off pulling image "web:2"; '
        'Failed: Failed to pull image "web:2": pull access denied'
    )
    asked = Counter(sandbox.cluster.counts()) - before
    assert asked.total() == 6, "the object, its ReplicaSets, their pods, and the events of each of the three"


async def test_the_events_of_what_stands_between_are_read_when_no_pod_tells(sandbox):
    _, replica_set, _ = await deployment(sandbox, {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]})
    await sandbox.warn(replica_set, "FailedCreate", "exceeded quota: compute")
    assert await explain(sandbox.client, sandbox.kinds, WEB) == "ReplicaSet web-7d9: FailedCreate: exceeded quota: compute"


async def test_of_what_makes_no_pods_only_its_own_events_are_read(sandbox):
    path = "/api/v1/namespaces/default/services"
    spec = {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 80}]}
    service = await sandbox.create(path, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec})
    await sandbox.warn(service, "SyncLoadBalancerFailed", "quota exceeded")
    before = Counter(sandbox.cluster.counts())
    key = ObjectKey("", "Service", "default", "web")
    assert await explain(sandbox.client, sandbox.kinds, key) == "SyncLoadBalancerFailed: quota exceeded"
    assert (Counter(sandbox.cluster.counts()) - before).total() == 2


async def test_no_value_is_told_that_the_object_says_is_masked(sandbox):
    metadata = {"name": "web", "annotations": {MASKED: "spec.externalName"}}
    spec = {"type": "ExternalName", "externalName": "hunter2.example.com"}
    service = await sandbox.create(
        "/api/v1/namespaces/default/services", {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
    )
    await sandbox.warn(service, "Failed", "no such host hunter2.example.com")
    assert await explain(sandbox.client, sandbox.kinds, ObjectKey("", "Service", "default", "web")) == "Failed: no such host ***"


async def test_what_is_gone_is_told(sandbox):
    assert await explain(sandbox.client, sandbox.kinds, WEB) == "it is gone"


async def test_a_kind_that_is_not_served_has_no_reason(sandbox):
    assert await explain(sandbox.client, Kinds(()), WEB) == ""


async def test_a_cluster_that_does_not_answer_gives_no_reason(sandbox):
    await deployment(sandbox, PULLING)
    await sandbox.cluster.__aexit__(None, None, None)
    assert await explain(sandbox.client, sandbox.kinds, WEB) == ""
