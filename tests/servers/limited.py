"""Runs hostile input in a process of its own: little memory, little time, and a crash that ends nothing else."""

import resource
import subprocess
import sys
import time
from dataclasses import dataclass

MEMORY_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Ended:
    """How the process ended."""

    code: int
    said: str
    seconds: float


def run_limited(code: str, *arguments: str, timeout_seconds: float = 30) -> Ended:
    """Run Python code with 512 MiB of memory; `said` is what it printed on both streams."""
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES)),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout_seconds, check=False,
    )  # fmt: skip
    return Ended(done.returncode, done.stdout.decode(errors="replace"), time.monotonic() - begun)
