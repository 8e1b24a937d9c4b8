"""Trueup on the real control plane, and people with kubectl beside it, for tests that count requests at its audit log.

The fixture `system` is that of modules that have none of their own; `deadline` is how long their applications wait for health.
"""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.servers.control_plane import ControlPlane
from tests.servers.kubelet import Kubelet
from tests.servers.system import System
from tests.servers.valkey import Valkey

KUBECTL = Path(sys.executable).with_name("kubectl")
TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
SECONDS = 60

Document = Mapping[str, Any]
Job = Mapping[str, Any]


@pytest.fixture
def deadline() -> str:
    """How long the health of an application is waited for."""
    return "10s"


@pytest.fixture
async def system(tmp_path: Path, valkey: Valkey, control_plane: ControlPlane, deadline: str) -> AsyncIterator[System]:
    """One application, `web`, on the real control plane, which is its `plane`."""
    async with System(
        tmp_path, applications={"web": "apps/web"}, redis_url=valkey.url, kubeconfig=control_plane.kubeconfig, timeout=deadline
    ) as system:
        system.plane = control_plane
        yield system


@pytest.fixture
async def kubelet(control_plane: ControlPlane, system: System) -> AsyncIterator[Kubelet]:
    """Whoever ends the pods in the namespace of the system."""
    async with Kubelet(control_plane, system.namespace) as kubelet:
        yield kubelet


def kubectl(system: System, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
    """What kubectl prints, in the namespace of the system."""
    argv = [KUBECTL, "--kubeconfig", system.kubeconfig, "-n", system.namespace, *arguments]
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=SECONDS, input=stdin, env={"HOME": str(system.directory)}
    )
    assert done.returncode == 0 or not check, done.stderr
    return done.stdout


def live(system: System, kind: str, name: str = "web") -> dict[str, Any]:
    """An object as it is."""
    found: dict[str, Any] = json.loads(kubectl(system, "get", kind, name, "-o", "json", "--show-managed-fields"))
    return found


def make(system: System, document: Document, *, manager: str = "kubectl-create") -> None:
    """Somebody's tool makes an object."""
    kubectl(system, "create", f"--field-manager={manager}", "-f", "-", stdin=yaml.safe_dump(document))


def config(name: str = "web", mode: str = "", **data: str) -> Document:
    """A ConfigMap that is applied in a mode."""
    metadata = {"name": name} | ({"annotations": {"trueup.dev/apply": mode}} if mode else {})
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data or {"value": "1"}}


def deployment(replicas: int = 0, **fields: Any) -> Document:
    """A Deployment."""
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec | fields}


def annotated(document: Document, **marks: str) -> Document:
    """The same with annotations of ours."""
    metadata = document["metadata"]
    marks = {f"trueup.dev/{name}": word for name, word in marks.items()}
    return {**document, "metadata": {**metadata, "annotations": {**metadata.get("annotations", {}), **marks}}}


def requests(system: System) -> list[tuple[str, str]]:
    """Verb and name of every request about the application's objects: not those of discovery, watches, records and the lease."""
    agent = f"trueup/0.1 ({system.instance})"
    others = ("namespaces", "leases", "events", "")
    return [
        (verb, name)
        for verb, resource, name in system.plane.requests(agent)
        if resource not in others and verb != "list" and not name.startswith("trueup-")
    ]


async def synced(system: System, *documents: Document | None, **files: str) -> tuple[Job, list[tuple[str, str]]]:
    """Push these objects, and nothing else; the job, and the requests that it cost."""
    before = len(requests(system))
    text = yaml.safe_dump_all([document for document in documents if document])
    job = await system.ended(await system.push({"apps/web/all.yaml": text, **files}))
    return job, requests(system)[before:]


def steps(job: Job) -> list[tuple[str, str, str]]:
    """Action, object and reason of each step of a job's first sync."""
    return [(step["action"], step["object"].rpartition("/")[2], step["reason"]) for step in job["syncs"][0]["steps"]]
