"""Builds the programs that renderers are held against, from Go modules: helm and sops, each with its own go.mod and go.sum.

    python tests/tools/build.py               find or build them all (two minutes each on two cores, once)
    python tests/tools/build.py helm          only this one; prints its path

They are looked for on PATH first, and built into <user's cache>/trueup/tools/<hash of go.sum>. Exit codes: 0 there, 1 the build failed,
3 Go is missing. Standard library only.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGES = {"helm": "helm.sh/helm/v4/cmd/helm", "sops": "github.com/getsops/sops/v3/cmd/sops"}
TIMEOUT_SECONDS = 20 * 60
GO_IS_MISSING = 3


def find(program: str) -> str | None:
    """Where a program is; None when it was not built yet."""
    if program not in PACKAGES:
        return shutil.which(program)
    built = _place(program)
    return str(built) if os.access(built, os.X_OK) else shutil.which(program)


def build(program: str) -> str:
    """Build a program, unless it is there.

    Raises:
        subprocess.SubprocessError: when Go fails, or takes too long.
        FileNotFoundError: when there is no Go.
    """
    target = _place(program)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if found := find(program):
            return found
        if shutil.which("go") is None:
            raise FileNotFoundError("go")
        sys.stderr.write(f"tools: building {program}; it takes some minutes, once\n")
        new = target.with_suffix(".new")
        command = ["go", "build", "-trimpath", "-ldflags", "-s -w", "-o", str(new), PACKAGES[program]]
        environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
        subprocess.run(command, cwd=HERE / program, env=environment, timeout=TIMEOUT_SECONDS, check=True)
        new.rename(target)
    return str(target)


def _place(program: str) -> Path:
    cache = os.environ.get("XDG_CACHE_HOME")
    digest = hashlib.sha256((HERE / program / "go.sum").read_bytes()).hexdigest()
    return (Path(cache) if cache else Path.home() / ".cache") / "trueup" / "tools" / digest[:16] / program


def main() -> int:
    """Find or build, and print where."""
    for program in sys.argv[1:] or PACKAGES:
        try:
            sys.stdout.write(f"{build(program)}\n")
        except FileNotFoundError:
            sys.stderr.write(f"tools: {program} needs Go 1.26 or newer to be built, or put it on PATH\n")
            return GO_IS_MISSING
        except subprocess.SubprocessError as error:
            sys.stderr.write(f"tools: {program} was not built: {error}; what Go said stands above\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
