"""Programs that renderers run, within the child: a home of their own, no environment, no network, output by way of a bounded file."""

import contextlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

NOWHERE = "http://127.0.0.1:1"
"""A proxy that is not there, for what should still ask for the network."""

MOST_WORDS = 1500
"""Of what a program said, in characters: Kustomize repeats itself for every base that it came through."""

_NO_MEMORY = re.compile(r"^(fatal error|runtime): .*(memory|stack overflow)|cannot allocate memory", re.MULTILINE)
"""What Go's runtime says when it gets no more; a trace of pages follows."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a program ended."""

    code: int
    output: bytes
    said: str

    def words(self, root: Path) -> str:
        """What went wrong, without paths of the machine."""
        if self.code < 0:
            return f"ended by signal {-self.code}; it ran past its limits of memory, time or output"
        if _NO_MEMORY.search(self.said):
            return "ran out of memory (TRUEUP_RENDER_MEMORY; programs in Go need 768 MiB to begin with)"
        said = self.said.strip().removeprefix("error: ").removeprefix("Error: ")
        return said.replace(f"{root}/", "").replace(str(root), ".")[:MOST_WORDS]


@contextlib.contextmanager
def home_of(name: str) -> Iterator[Path]:
    """A directory for one run, by its real path."""
    with tempfile.TemporaryDirectory(prefix=f"trueup-{name}-") as home:
        yield Path(os.path.realpath(home))


def run(argv: Sequence[str], home: Path, env: Mapping[str, str] | None = None) -> Done:
    """Run a program to its end; the limits of this process bound it."""
    environment = {
        "HOME": str(home), "TMPDIR": str(home), "PATH": "/nonexistent", "KUBECONFIG": "/dev/null",
        "HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE, **(env or {}),
    }  # fmt: skip
    with Path(home, "output").open("w+b") as output:
        done = subprocess.run(argv, stdout=output, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False, env=environment)
        output.seek(0)
        return Done(done.returncode, output.read() if done.returncode == 0 else b"", done.stderr.decode(errors="replace"))
