"""A real Kubernetes control plane of tests/envtest: etcd, kube-apiserver, kube-controller-manager; no kubelet.

One for all processes of a test run costs five seconds; each process starts its own here, since only a few tests need it.
"""

import base64
import contextlib
import json
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.servers.ports import free_port

HERE = Path(__file__).parents[1] / "envtest"
READY_SECONDS = 90.0
COMPACTED = b"compact_rev_key"  # https://github.com/kubernetes/apiserver, `pkg/storage/etcd3/compact.go`
KINDS = (
    "deployment", "replicaset", "namespace", "garbage-collector", "statefulset", "job", "ttl-after-finished", "endpointslice",
    "resourcequota",
)  # fmt: skip
CONTROLLERS = ",".join(f"{kind}-controller" for kind in KINDS)


class ControlPlane:
    """Started by `start`, ended by `stop`."""

    def __init__(self, directory: Path, binaries: Path, *, is_audited: bool = True) -> None:
        """Audited: `requests` can tell what was asked; each request takes twice as long."""
        self.directory = directory
        self._is_audited = is_audited
        self._binaries = binaries
        self._processes: list[subprocess.Popen[bytes]] = []
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.kubeconfig = directory / "kubeconfig"
        self._audit = directory / "audit.log"
        self._store = f"http://127.0.0.1:{free_port()}"

    def start(self) -> None:
        """Start everything, and wait until the API server is ready."""
        peer, kcm, store = free_port(), free_port(), self._store
        self._write_files()
        self._run("etcd", "--data-dir", "data", "--listen-client-urls", store, "--advertise-client-urls", store,
                  "--listen-peer-urls", f"http://127.0.0.1:{peer}", "--unsafe-no-fsync")  # fmt: skip
        audit = ("--audit-policy-file", "audit.yaml", "--audit-log-path", str(self._audit)) if self._is_audited else ()
        self._run(
            "kube-apiserver", "--etcd-servers", store, "--cert-dir", "certs", "--secure-port", str(self.port),
            "--bind-address", "127.0.0.1", "--token-auth-file", "tokens.csv", "--authorization-mode", "RBAC",
            "--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file", "sa.key",
            "--service-account-signing-key-file", "sa.key", "--service-cluster-ip-range", "10.0.0.0/16",
            "--disable-admission-plugins", "ServiceAccount", *audit,
        )  # fmt: skip
        self._wait()
        self._run("kube-controller-manager", "--kubeconfig", "kubeconfig", "--leader-elect=false", "--secure-port", str(kcm),
                  "--service-account-private-key-file", "sa.key", "--cert-dir", "certs", f"--controllers={CONTROLLERS}",
                  "--kube-api-qps=1000", "--kube-api-burst=2000")  # by default it makes 20 requests a second  # fmt: skip

    def stop(self) -> None:
        """End in reverse order; the API server hangs without its store, so it is killed after a moment."""
        for process in reversed(self._processes):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    async def forget(self) -> None:
        """Compact the store up to now, through etcd's own gateway: what reaches further back gets 410.

        The API server learns of it from the key in which servers tell each other how far they have compacted; its caches follow
        within 15 seconds. https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/
        """
        key = base64.b64encode(COMPACTED).decode()
        async with aiohttp.ClientSession(self._store, raise_for_status=True) as session:
            async with session.post("/v3/kv/range", json={"key": key}) as answer:
                revision = (await answer.json(content_type=None))["header"]["revision"]
            await session.post("/v3/kv/compaction", json={"revision": revision, "physical": True})
            await session.post("/v3/kv/put", json={"key": key, "value": base64.b64encode(revision.encode()).decode()})

    def requests(self, agent: str) -> list[tuple[str, str, str]]:
        """Verb, resource and name of every finished request of a user agent that begins so; watches not counted."""
        asked = [(entry["verb"], entry.get("objectRef", {})) for entry in self._entries(agent)]
        return [(verb, about.get("resource", ""), about.get("name", "")) for verb, about in asked]

    def status_writes(self, agent: str) -> list[tuple[str, str]]:
        """Resource and name of every write of a status by a user agent that begins so."""
        asked = [entry["objectRef"] for entry in self._entries(agent) if entry["verb"] in ("patch", "update")]
        return [(about["resource"], about["name"]) for about in asked if about.get("subresource") == "status"]

    def _entries(self, agent: str) -> Iterator[dict[str, Any]]:
        """Every finished request of a user agent, as the API server wrote it down; watches left out."""
        for line in self._audit.read_text().splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                entry = json.loads(line)
                if entry.get("userAgent", "").startswith(agent) and entry["verb"] != "watch":
                    yield entry

    def _run(self, program: str, *arguments: str) -> None:
        log = (self.directory / f"{program}.log").open("wb")
        argv = [self._binaries / program, *arguments]
        self._processes.append(subprocess.Popen(argv, cwd=self.directory, stdout=log, stderr=log, start_new_session=True))
        log.close()

    def _write_files(self) -> None:
        subprocess.run(
            ["openssl", "genrsa", "-out", self.directory / "sa.key", "2048"], check=True, capture_output=True, timeout=60
        )
        (self.directory / "tokens.csv").write_text('TOKEN,admin,admin,"system:masters"\n')
        (self.directory / "audit.yaml").write_text(
            "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]\n"
        )
        self.kubeconfig.write_text(
            "apiVersion: v1\nkind: Config\n"
            f"clusters: [{{name: real, cluster: {{server: '{self.url}', insecure-skip-tls-verify: true}}}}]\n"
            "users: [{name: admin, user: {token: TOKEN}}]\n"
            "contexts: [{name: real, context: {cluster: real, user: admin}}]\ncurrent-context: real\n"
        )

    def _wait(self) -> None:
        context = ssl._create_unverified_context()
        request = urllib.request.Request(f"{self.url}/readyz", headers={"Authorization": "Bearer TOKEN"})
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            with (
                contextlib.suppress(urllib.error.URLError, OSError),
                urllib.request.urlopen(request, timeout=2, context=context) as response,
            ):
                if response.status == 200:
                    return
            time.sleep(0.2)
        raise AssertionError(
            f"the API server is not ready after {READY_SECONDS:g} s: {(self.directory / 'kube-apiserver.log').read_text()[-800:]}"
        )


def find_binaries() -> Path | None:
    """Where the programs are; None while they are not built."""
    shown = subprocess.run(
        [sys.executable, HERE / "build.py", "--print"], capture_output=True, text=True, check=False, timeout=60
    )
    return Path(shown.stdout.strip()) if shown.returncode == 0 else None


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    if (binaries := find_binaries()) is None:
        pytest.fail("the control plane is not built; build it with: make test-cluster")
    plane = ControlPlane(tmp_path_factory.mktemp("control-plane"), binaries)
    plane.start()
    yield plane
    plane.stop()
