"""The process that keeps one control plane alive: starts its three programs, says so, and stops them when nobody is left.

Not used directly: `ControlPlane` in control_plane.py starts it. Everyone who uses the control plane holds a shared lock on the file
SHARES; this process waits for the exclusive lock, which the kernel grants when the last holder has left or died. There is no count
to go wrong, and `kill -9` of a whole test run leaves nothing behind.

Stopping has an order, kube-controller-manager, kube-apiserver, etcd: without its etcd an API server hangs in its graceful end and
keeps its port.
"""

import argparse
import contextlib
import ctypes
import fcntl
import http.client
import json
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

SHARES = "shares.lock"  # every user holds a shared lock on it
STATE = "state.json"  # there as long as the control plane is ready

READY_TIMEOUT_SECONDS = 80.0
STOP_GRACE_SECONDS = 3.0

CONTROLLERS = (
    "cronjob-controller",
    "clusterrole-aggregation-controller",
    "daemonset-controller",
    "deployment-controller",
    "endpoints-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "persistentvolume-protection-controller",
    "persistentvolumeclaim-protection-controller",
    "replicaset-controller",
    "statefulset-controller",
)

# The tests' own requests only: what the components say to each other would bury them.
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "users": ["controllers", "system:apiserver", "system:anonymous"]},
        {"level": "Metadata"},
    ],
}


def run(root: Path, binaries: Path, *, controllers: bool) -> None:
    """Start the programs, write STATE when they are ready, wait until all shares are gone, stop. Raises TimeoutError."""
    url = f"https://127.0.0.1:{_free_port()}"
    token, controllers_token = secrets.token_hex(16), secrets.token_hex(16)
    _write_files(root, url, token=token, controllers_token=controllers_token)
    with ExitStack() as running:
        running.callback((root / STATE).unlink, missing_ok=True)  # runs last: newcomers wait for the lock meanwhile
        etcd = f"http://127.0.0.1:{_free_port()}"
        running.enter_context(_program(binaries / "etcd", _etcd_arguments(root, etcd), root))
        running.enter_context(_program(binaries / "kube-apiserver", _apiserver_arguments(root, url, etcd), root))
        _wait_until_ready(url, token, root / "certs" / "apiserver.crt")
        if controllers:
            running.enter_context(_program(binaries / "kube-controller-manager", _controller_arguments(root), root))
        _say_ready(root, url, token)
        _wait_until_alone(root)


def _etcd_arguments(root: Path, url: str) -> list[str]:
    peers = f"http://127.0.0.1:{_free_port()}"
    return [
        f"--data-dir={root}/etcd",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls={peers}",
        "--unsafe-no-fsync",
        "--log-level=error",
    ]


def _apiserver_arguments(root: Path, url: str, etcd: str) -> list[str]:
    return [
        f"--etcd-servers={etcd}",
        f"--cert-dir={root}/certs",
        "--bind-address=127.0.0.1",
        f"--secure-port={url.rpartition(':')[2]}",
        f"--token-auth-file={root}/tokens.csv",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={root}/sa.key",
        f"--service-account-signing-key-file={root}/sa.key",
        "--service-cluster-ip-range=10.0.0.0/16",
        "--disable-admission-plugins=ServiceAccount",  # pods without a controller that makes the default account
        f"--audit-policy-file={root}/audit-policy.json",
        f"--audit-log-path={root}/audit.jsonl",
        "--audit-log-mode=blocking",
    ]


def _controller_arguments(root: Path) -> list[str]:
    return [
        f"--kubeconfig={root}/controllers.kubeconfig",
        "--leader-elect=false",
        f"--service-account-private-key-file={root}/sa.key",
        f"--secure-port={_free_port()}",
        "--bind-address=127.0.0.1",
        f"--cert-dir={root}/certs-of-controllers",
        f"--controllers={','.join(CONTROLLERS)}",
    ]


def _write_files(root: Path, url: str, *, token: str, controllers_token: str) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    (root / "sa.key").write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    users = [f'{token},admin,admin,"system:masters"', f'{controllers_token},controllers,controllers,"system:masters"']
    (root / "tokens.csv").write_text("\n".join(users) + "\n")
    (root / "audit-policy.json").write_text(json.dumps(AUDIT_POLICY))
    (root / "audit.jsonl").touch()
    (root / "kubeconfig").write_text(_kubeconfig(root, url, token))
    (root / "controllers.kubeconfig").write_text(_kubeconfig(root, url, controllers_token))


def _kubeconfig(root: Path, url: str, token: str) -> str:
    """A kubeconfig in JSON, which is YAML. The certificate is written by the API server when it starts."""
    cluster = {"server": url, "certificate-authority": f"{root}/certs/apiserver.crt"}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
            "current-context": "test",
        },
        indent=2,
    )


@contextlib.contextmanager
def _program(program: Path, arguments: Sequence[str], root: Path):
    with (root / f"{program.name}.log").open("wb") as log:
        command = [str(program), *arguments]
        process = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=_die_with_parent)  # noqa: PLW1509  no threads here
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _die_with_parent() -> None:
    """Have the kernel kill this process when the guard dies without having stopped it (prctl PR_SET_PDEATHSIG)."""
    pr_set_pdeathsig = 1
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _wait_until_ready(url: str, token: str, certificate: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if (
                _get(url, "/readyz", token, certificate) == 200
                and _get(url, "/api/v1/namespaces/default", token, certificate) == 200
            ):
                return
        time.sleep(0.1)
    raise TimeoutError(f"kube-apiserver was not ready after {READY_TIMEOUT_SECONDS:.0f} s; see {certificate.parent.parent}/*.log")


def _get(url: str, path: str, token: str, certificate: Path) -> int:
    tls = ssl.create_default_context(cafile=str(certificate))
    connection = http.client.HTTPSConnection(url.removeprefix("https://"), timeout=5, context=tls)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        return connection.getresponse().status
    finally:
        connection.close()


def _say_ready(root: Path, url: str, token: str) -> None:
    paths = {"ca": "certs/apiserver.crt", "kubeconfig": "kubeconfig", "audit_log": "audit.jsonl"}
    state = {"url": url, "token": token, **{name: str(root / path) for name, path in paths.items()}}
    unfinished = root / f"{STATE}.new"
    unfinished.write_text(json.dumps(state))
    unfinished.rename(root / STATE)


def _wait_until_alone(root: Path) -> None:
    """Return when nobody holds a share any more. The lock is kept until this process ends."""
    shares = (root / SHARES).open("w")
    fcntl.flock(shares, fcntl.LOCK_EX)
    _kept.append(shares)


_kept: list[object] = []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> None:
    """Entry of the guard process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--binaries", type=Path, required=True)
    parser.add_argument("--controllers", action="store_true")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # stops in order all the same
    run(given.root.resolve(), given.binaries, controllers=given.controllers)


if __name__ == "__main__":
    main()
