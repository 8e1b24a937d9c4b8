"""The second fetch by SSH, over the worker's own connections; the floor is git with OpenSSH, which connects anew each time."""

import getpass
import os
import shlex
import tempfile
import time
from pathlib import Path

from benchmarks.figure import Figure, p50
from reconciler.git.mirror import Mirror, Mirrors
from reconciler.model.declared import SecretRef
from reconciler.process import Limits, run
from reconciler.settings import ReconcilerSettings
from tests.servers.git_http import GivenSecrets, repository_at
from tests.servers.git_ssh import KEY, SSHD, line_for, openssh, secret
from trueup.sandbox.githttp import GitServer

COUNT = 20
MAIN = "refs/heads/main"


async def measure() -> list[Figure]:
    """Listing refs and fetching, each the second time and later; nothing where there is no sshd."""
    if SSHD is None:
        return []
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory)
        await GitServer(path / "served").commit("acme/shop", {"a.yaml": "a: 1\n"}, message="one")
        async with openssh(path / "sshd") as port:
            url = f"ssh://{getpass.getuser()}@127.0.0.1:{port}{path}/served/acme/shop.git"
            mirrors = Mirrors(ReconcilerSettings(state=path / "state"), GivenSecrets(**secret(port)))
            try:
                return await _measure(mirrors.of(repository_at(url, credentials=SecretRef("trueup", "git"))), path, port)
            finally:
                await mirrors.close()


async def _measure(mirror: Mirror, path: Path, port: int) -> list[Figure]:
    KEY.write_private_key(path / "key")
    (path / "key").chmod(0o600)
    (path / "hosts").write_bytes(line_for("127.0.0.1", port))
    ssh = [
        "ssh",
        "-F",
        "none",
        "-i",
        path / "key",
        "-o",
        f"UserKnownHostsFile={path / 'hosts'}",
        "-o",
        "StrictHostKeyChecking=yes",
    ]
    env = {
        "PATH": os.environ["PATH"],
        "GIT_SSH_COMMAND": shlex.join(map(str, ssh)),
        "GIT_CONFIG_NOSYSTEM": "1",
        "HOME": str(path),
    }
    bare = path / "floor"
    await run(["git", "init", "-q", "--bare", bare], limits=Limits(20.0), env=env)
    url, figures = mirror.repository.url, []
    fetch = ("fetch", "-q", "--depth=1", "--no-tags", "--force", url, f"+{MAIN}:refs/x")
    await mirror.fetch(MAIN)
    for name, ours, arguments in (
        ("second fetch by ssh, p50", lambda: mirror.fetch(MAIN), fetch),
        ("second listing of refs by ssh, p50", mirror.heads, ("ls-remote", "--heads", "--tags", url)),
    ):
        times, floor = [], []
        for _ in range(COUNT):
            began = time.perf_counter()
            await ours()
            times.append(time.perf_counter() - began)
            began = time.perf_counter()
            done = await run(["git", "--git-dir", bare, *arguments], limits=Limits(20.0), env=env)
            floor.append(time.perf_counter() - began)
            assert done.code == 0, done.message
        note = "floor: git with OpenSSH, a connection each time"
        figures.append(Figure(name, p50(times) * 1000, "ms", p50(floor) * 1000, n=COUNT, note=note))
    return figures
