"""Builds the control plane that the tests run on: etcd, kube-apiserver and kube-controller-manager, from Go modules.

`go.mod` beside this file names the versions and `go.sum` pins every byte, so the binaries are looked for, in this order, in

    1. the directory named by KUBEBUILDER_ASSETS, where somebody brought their own;
    2. <user's cache>/trueup/envtest/<hash of go.sum>, where an earlier run of this script left them;

and built into the second when they are in neither. Standard library only, so that it runs before anything is installed:

    python tests/envtest/build.py             find or build, then print the directory
    python tests/envtest/build.py --print     print the directory, build nothing; exit code 1 when it is not there yet

Exit codes: 0 there, 1 the build failed (or `--print` found nothing), 3 Go is missing.
"""

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager")
GO_AT_LEAST = (1, 26)  # the `go` line of k8s.io/kubernetes 1.37
GO_IS_MISSING = 3  # exit code

BUILD_TIMEOUT_SECONDS = 45 * 60  # 11 minutes were measured on two idle cores with nothing cached

_KUBERNETES_FLAGS = "-s -w " + " ".join(
    f"-X k8s.io/component-base/version.{name}={value}"
    for name, value in {"gitVersion": "v1.37.2", "gitMajor": "1", "gitMinor": "37"}.items()
)
# etcd first: it is the quickest, and a broken proxy shows within seconds.
PACKAGES = {
    "etcd": ("go.etcd.io/etcd/server/v3", "-s -w"),
    "kube-apiserver": ("k8s.io/kubernetes/cmd/kube-apiserver", _KUBERNETES_FLAGS),
    "kube-controller-manager": ("k8s.io/kubernetes/cmd/kube-controller-manager", _KUBERNETES_FLAGS),
}


class BuildError(Exception):
    """The binaries cannot be built; the message says what is missing and what to do."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def directory() -> Path:
    """Where the binaries are, or where they would be built. KUBEBUILDER_ASSETS wins, complete or not."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    return Path(assets) if assets else cache_directory()


def cache_directory() -> Path:
    """The place of this go.sum in the user's cache, so that a fresh clone finds what an older one built."""
    cache = os.environ.get("XDG_CACHE_HOME")
    digest = hashlib.sha256((HERE / "go.sum").read_bytes()).hexdigest()
    return (Path(cache) if cache else Path.home() / ".cache") / "trueup" / "envtest" / digest[:16]


def find() -> Path | None:
    """The directory that holds all three programs, or None."""
    found = directory()
    return found if all(os.access(found / program, os.X_OK) for program in PROGRAMS) else None


def build() -> Path:
    """Build what is missing into the cache and return its directory. Raises BuildError."""
    target = cache_directory()
    target.parent.mkdir(parents=True, exist_ok=True)
    with _only_builder(target.with_suffix(".lock")):
        if (built := find()) is not None:  # somebody else was faster
            return built
        go = _go()
        scratch = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=target.parent))
        try:
            for number, program in enumerate(PACKAGES, start=1):
                _say(f"envtest: building {program} ({number} of {len(PACKAGES)})")
                _go_build(go, program, scratch)
            scratch.chmod(0o755)
            shutil.rmtree(target, ignore_errors=True)  # what an interrupted copy left behind
            scratch.rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return target


def _go() -> str:
    """Path of a Go that is new enough. An older one with GOTOOLCHAIN=auto fetches the right one by itself, here already."""
    wanted = ".".join(map(str, GO_AT_LEAST))
    missing = f"Go {wanted} or newer is missing; install it from https://go.dev/dl/, or point KUBEBUILDER_ASSETS at a directory"
    missing += f" with {', '.join(PROGRAMS)}"
    go = shutil.which("go")
    if go is None:
        raise BuildError(missing, GO_IS_MISSING)
    said = subprocess.run([go, "env", "GOVERSION"], cwd=HERE, capture_output=True, text=True, timeout=300, check=False)
    version = re.match(r"go(\d+)\.(\d+)", said.stdout)
    if version is None or tuple(map(int, version.groups())) < GO_AT_LEAST:
        raise BuildError(f"{missing} ({go} is {said.stdout.strip() or said.stderr.strip()})", GO_IS_MISSING)
    return go


def _go_build(go: str, program: str, into: Path) -> None:
    package, flags = PACKAGES[program]
    started = time.monotonic()
    command = [go, "build", "-trimpath", "-ldflags", flags, "-o", str(into / program), package]
    # CGO off: no C compiler needed, and the binary runs on any libc.
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    try:
        subprocess.run(command, cwd=HERE, env=environment, timeout=BUILD_TIMEOUT_SECONDS, check=True)
    except subprocess.SubprocessError as error:
        raise BuildError(f"envtest: {program} was not built: {error}; what Go said stands above") from error
    _say(f"envtest: {program} built in {time.monotonic() - started:.0f} s")


@contextmanager
def _only_builder(lock: Path) -> Iterator[None]:
    """Hold the lock file; the kernel lets go of it when this process ends, however it ends."""
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("envtest: another process is building; waiting for it")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Find or build, and print the directory."""
    parser = argparse.ArgumentParser(description="Find or build the control plane that the tests run on.")
    parser.add_argument("--print", action="store_true", help="print the directory only, build nothing")
    only_print = parser.parse_args().print
    try:
        found = find()
        if found is None and not only_print:
            _say(f"envtest: no binaries in {directory()}; building them takes about 10 minutes, once")
            if os.environ.get("KUBEBUILDER_ASSETS"):
                raise BuildError("KUBEBUILDER_ASSETS is set but not complete; complete it or unset it")
            found = build()
    except BuildError as error:
        _say(str(error))
        return error.exit_code
    print(found or directory())
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
