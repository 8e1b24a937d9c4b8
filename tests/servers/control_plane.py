"""A real Kubernetes control plane for tests: etcd, kube-apiserver and, unless told otherwise, kube-controller-manager.

    with ControlPlane(root) as cluster:            # or `async with`
        cluster.url, cluster.token, cluster.ca, cluster.kubeconfig

All who enter with the same `root` share one control plane, across processes: the first one starts a *guard*
(`control_plane_guard.py`), the guard ends when the last one has left or died. So the workers of one pytest-xdist run start one
only, and nothing is left behind by a run that was killed. Tests keep apart by namespaces (`cluster.namespace()`).

There is no kubelet and no scheduler. What a kubelet would report is written by `ready_pods`, `finish_rollout` or, for the length
of a block, `kubelet`.

Everything is kept under `root`: kubeconfig, audit log, etcd's data and the logs of the three programs.
"""

import asyncio
import fcntl
import http.client
import json
import os
import secrets
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Self
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.envtest import build
from tests.servers import control_plane_guard

START_TIMEOUT_SECONDS = 90.0  # about 5 s on an idle machine, more when all cores are taken
REQUEST_TIMEOUT_SECONDS = 20.0
ROLLOUT_TIMEOUT_SECONDS = 30.0
KUBELET_PERIOD_SECONDS = 0.1

MERGE_PATCH = "application/merge-patch+json"


class ControlPlaneError(Exception):
    """The control plane did not start, refused a request or did not get where it was sent; says what to look at."""


class Request(NamedTuple):
    """One line of the audit log: a request that the API server has answered, or a watch that it has opened."""

    verb: str  # get, list, watch, create, update, patch, delete, deletecollection, or the HTTP verb outside of resources
    resource: str  # plural, e.g. "deployments"; empty outside of resources
    name: str
    namespace: str
    group: str
    subresource: str
    code: int
    dry_run: bool
    user_agent: str
    uri: str  # path and query


class ControlPlane:
    """A share in the control plane below `root`. Start and stop may block for seconds; `async with` does both in a thread.

    Args:
        root: directory of this control plane. A second ControlPlane with the same root joins the first one.
        controllers: run kube-controller-manager too (deployments, garbage collection, namespace termination, ...).
        binaries: directory of the three programs; `tests/envtest/build.py` prints it.
    """

    url: str
    token: str
    ca: Path
    kubeconfig: Path
    audit_log: Path

    def __init__(self, root: Path, *, binaries: Path, controllers: bool = True) -> None:
        self.root = root
        self.controllers = controllers
        self._binaries = binaries
        self._share: IO[str] | None = None

    def __enter__(self) -> Self:
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "start.lock").open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            self._share = (self.root / control_plane_guard.SHARES).open("w")
            fcntl.flock(self._share, fcntl.LOCK_SH)  # waits for a guard that is about to end
            try:
                state = self._state() or self._start_guard()
            except BaseException:
                self._share.close()
                raise
        self.url = state["url"]
        self.token = state["token"]
        self.ca = Path(state["ca"])
        self.kubeconfig = Path(state["kubeconfig"])
        self.audit_log = Path(state["audit_log"])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._share is not None:
            fcntl.flock(self._share, fcntl.LOCK_UN)  # said aloud: a forked child may hold a copy of the descriptor
            self._share.close()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.__exit__(kind, error, trace)

    # What the API server was asked

    def requests(self, user_agent: str = "", *, namespace: str = "", since: int = 0, watches: bool = False) -> list[Request]:
        """Every request whose user agent begins with `user_agent`, in the order of the answers; `namespace` narrows further.

        Openings of watches are left out unless asked for. `since` is a `mark()` taken earlier. Nothing the controllers or the API
        server do on their own is in the log.
        """
        self._write_audit_barrier()
        with self.audit_log.open("rb") as log:
            log.seek(since)
            entries = [json.loads(line) for line in log.read().splitlines() if line.endswith(b"}")]
        asked = [_request(entry) for entry in entries if _counts(entry)]
        return [
            request
            for request in asked
            if request.user_agent.startswith(user_agent)
            and namespace in {"", request.namespace}
            and (watches or request.verb != "watch")
            and _BARRIER not in request.uri
        ]

    def mark(self) -> int:
        """A position in the audit log, for `requests(since=...)`."""
        self._write_audit_barrier()
        return self.audit_log.stat().st_size

    def _write_audit_barrier(self) -> None:
        """Wait until the log holds a request made after all the others: the line is written a moment after the answer."""
        barrier = f"{_BARRIER}{secrets.token_hex(8)}"
        offset = self.audit_log.stat().st_size
        self.call("GET", f"/version?{barrier}")
        for _ in _until("the audit log to be written", 5.0):
            with self.audit_log.open("rb") as log:
                log.seek(offset)
                if barrier.encode() in log.read():
                    return

    # What a kubelet would do

    def ready_pods(self, namespace: str = "", selector: str = "") -> int:
        """Report every pending pod as running and ready, a Job's pod as succeeded. Returns how many were changed."""
        where = f"/namespaces/{namespace}" if namespace else ""
        pods = self.call("GET", f"/api/v1{where}/pods?{urlencode({'labelSelector': selector})}")["items"]
        waiting = [pod for pod in pods if pod["status"].get("phase") == "Pending" and "deletionTimestamp" not in pod["metadata"]]
        for pod in waiting:
            meta = pod["metadata"]
            path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/status"
            self.call("PATCH", path, {"status": _status_of_started_pod(pod)}, missing_ok=True)
        return len(waiting)

    def finish_rollout(self, namespace: str, deployment: str) -> None:
        """Bring a Deployment's rollout to its end, step by step as its strategy allows. Raises ControlPlaneError after 30 s."""
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{deployment}"
        for _ in _until(f"the rollout of {namespace}/{deployment}", ROLLOUT_TIMEOUT_SECONDS):
            live = self.call("GET", path)
            if _is_rolled_out(live):
                return
            if self.controllers:
                labels = live["spec"]["selector"]["matchLabels"]
                self.ready_pods(namespace, ",".join(f"{name}={value}" for name, value in labels.items()))
            else:
                self.call("PATCH", f"{path}/status", {"status": _status_of_finished_deployment(live)})

    @contextmanager
    def kubelet(self, namespace: str = "") -> Iterator[None]:
        """Start every pod of the namespace (of all, when empty) a moment after it was created, while the block runs."""
        done = threading.Event()

        def start_pods() -> None:
            while not done.wait(KUBELET_PERIOD_SECONDS):
                self.ready_pods(namespace)

        thread = threading.Thread(target=start_pods, name="kubelet", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join(REQUEST_TIMEOUT_SECONDS)

    # The plainest of clients, for what stands above and for what a test arranges

    @contextmanager
    def namespace(self, prefix: str = "test") -> Iterator[str]:
        """A new namespace; its deletion is asked for at the end, and not waited for."""
        name = f"{prefix}-{secrets.token_hex(4)}"
        self.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        try:
            yield name
        finally:
            self.call("DELETE", f"/api/v1/namespaces/{name}", missing_ok=True)

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, missing_ok: bool = False) -> Any:
        """One request as the cluster's administrator; a PATCH is a merge patch. Returns the parsed answer.

        Raises ControlPlaneError for 4xx and 5xx; with `missing_ok` a 404 or 409 answers None.
        """
        address = urlsplit(self.url)
        tls = ssl.create_default_context(cafile=str(self.ca))
        connection = http.client.HTTPSConnection(
            str(address.hostname), address.port, timeout=REQUEST_TIMEOUT_SECONDS, context=tls
        )
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": MERGE_PATCH if method == "PATCH" else "application/json",
            "User-Agent": "control-plane-fixture",
        }
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = json.loads(answer.read())
        finally:
            connection.close()
        if missing_ok and answer.status in {404, 409}:
            return None
        if answer.status >= 400:
            raise ControlPlaneError(f"{method} {path}: {answer.status} {content.get('message')}")
        return content

    # The guard

    def _state(self) -> dict[str, str] | None:
        try:
            state: dict[str, str] = json.loads((self.root / control_plane_guard.STATE).read_bytes())
        except FileNotFoundError:
            return None
        return state

    def _start_guard(self) -> dict[str, str]:
        command: Sequence[str] = [
            *(sys.executable, control_plane_guard.__file__),
            *("--root", str(self.root), "--binaries", str(self._binaries)),
            *(["--controllers"] if self.controllers else []),
        ]
        with (self.root / "guard.log").open("wb") as log:
            # A session of its own: Ctrl-C ends the tests, the guard then ends the control plane in order.
            guard = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        for _ in _until(f"the control plane, see {self.root}/*.log", START_TIMEOUT_SECONDS):
            if (state := self._state()) is not None:
                guard.returncode = 0  # it outlives this process if need be, so nobody waits for it: no warning either
                return state
            if guard.poll() is not None:
                raise ControlPlaneError(f"the control plane did not start: {(self.root / 'guard.log').read_text()}")
        raise AssertionError  # _until raises


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The control plane of this test run, one for all its xdist workers."""
    binaries = build.find()
    if binaries is None:
        pytest.fail(f"there is no control plane in {build.directory()}; build it with: python tests/envtest/build.py")
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "control-plane"
    with ControlPlane(root, binaries=binaries) as cluster:
        yield cluster


_BARRIER = "audit-barrier="


def _counts(entry: Mapping[str, Any]) -> bool:
    """Of a watch count the opening, which is logged at once; of all else the end."""
    return bool(entry["stage"] == ("ResponseStarted" if entry["verb"] == "watch" else "ResponseComplete"))


def _request(entry: Mapping[str, Any]) -> Request:
    of = entry.get("objectRef", {})
    return Request(
        verb=entry["verb"],
        resource=of.get("resource", ""),
        name=of.get("name", ""),
        namespace=of.get("namespace", ""),
        group=of.get("apiGroup", ""),
        subresource=of.get("subresource", ""),
        code=entry["responseStatus"]["code"],
        dry_run="dryRun" in parse_qs(urlsplit(entry["requestURI"]).query),
        user_agent=entry.get("userAgent", ""),
        uri=entry["requestURI"],
    )


def _until(what: str, seconds: float) -> Iterator[None]:
    """Yield again and again with a short pause between; raise ControlPlaneError when the time is over."""
    deadline = time.monotonic() + seconds
    pause = 0.005
    while time.monotonic() < deadline:
        yield
        time.sleep(pause)
        pause = min(pause * 2, 0.1)
    raise ControlPlaneError(f"waited {seconds:.0f} s for {what}")


def _status_of_started_pod(pod: Mapping[str, Any]) -> dict[str, Any]:
    owners = {owner["kind"] for owner in pod["metadata"].get("ownerReferences", [])}
    if "Job" in owners:
        return {"phase": "Succeeded"}
    conditions = [{"type": kind, "status": "True"} for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")]
    return {"phase": "Running", "conditions": conditions}


def _status_of_finished_deployment(live: Mapping[str, Any]) -> dict[str, Any]:
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), live["spec"]["replicas"])
    conditions = [{"type": kind, "status": "True", "reason": "Test"} for kind in ("Available", "Progressing")]
    return {"observedGeneration": live["metadata"]["generation"], "conditions": conditions, **counts}


def _is_rolled_out(live: Mapping[str, Any]) -> bool:
    wanted, status = live["spec"]["replicas"], live.get("status", {})
    counts = {status.get(name, 0) for name in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")}
    return status.get("observedGeneration") == live["metadata"]["generation"] and counts == {wanted}
