"""What a rendering child may still touch once it has its order: one tree, a directory of its own, and what its programs need.

Landlock where the kernel has it, else a mount namespace where one is permitted, else no more than limits; beside either a network
namespace and a filter of system calls. What is in force is tried when the fork server starts, said in the log and by `trueup doctor`,
and a child that does not get what was found then ends before its first request.
"""

import functools
import os
import resource
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.process import lower
from reconciler.render import landlock, mounts, seccomp

PACKAGE = str(Path(__file__).parents[1])
"""Our own modules; not the directory above, which may hold the state directory."""

SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/usr/share/zoneinfo")
"""The dynamic loader, and what it loads."""

SHELL = ("/bin", "/usr/bin")
"""What a program needs besides that is a script, such as a version manager's."""

DEVICES = ("/dev/null", "/dev/urandom")

MOST_FILES = 512
"""Open at once, in each process."""

ROOT_SUFFIX = ".root"
"""Of the empty directory, beside the socket, where a mount namespace is put together."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """What the kernel enforces on renderers, beside limits of memory, time and output."""

    files: str = "none"
    """`landlock/7` with the version of its interface, `mounts` or `none`."""
    network: str = "none"
    """`namespace`, `filter` (no sockets can be made) or `none`."""
    calls: str = "none"
    """`seccomp` or `none`: whether system calls are filtered."""

    def __str__(self) -> str:
        return f"files={self.files} network={self.network} calls={self.calls}"

    @classmethod
    def parse(cls, text: str) -> "Confinement":
        """What `str` made.

        Raises:
            ValueError: when it is something else.
        """
        pairs = dict(part.split("=", 1) for part in text.split())
        if pairs.keys() != {"files", "network", "calls"}:
            raise ValueError(f"{text!r} is no confinement")
        return cls(**pairs)


@dataclass(frozen=True, slots=True)
class Grants:
    """What one child may touch."""

    tree: str
    scratch: str
    """Its own directory, the only one that it may write to."""
    programs: tuple[str, ...] = ()
    """What it may start."""
    top: str = ""
    """An empty directory, for a mount namespace."""

    def rights(self) -> Mapping[str, int]:
        """As Landlock has them."""
        scripts = SHELL if any(_is_script(program) for program in self.programs) else ()
        real = tuple(os.path.realpath(program) for program in self.programs)
        return (
            landlock.all_of((*_python(), self.tree), landlock.READ)
            | landlock.all_of((*SYSTEM, *scripts, *self.programs, *real), landlock.RUN)
            | landlock.all_of(DEVICES, landlock.READ_FILE | landlock.WRITE_FILE)
            | {self.scratch: landlock.every_right(landlock.version())}
        )


def enforce(grants: Grants, found: Confinement) -> None:
    """Confine this process as it was found to be possible; for good, and for all that it starts.

    Raises:
        OSError: when less is possible now.
    """
    lower(resource.RLIMIT_NOFILE, MOST_FILES)
    landlock.forgo_privileges()
    if found.files.startswith("landlock"):
        landlock.restrict(grants.rights(), int(found.files.partition("/")[2]))
    elif found.files == "mounts":
        _hide(grants)
    if found.calls == "seccomp" and not seccomp.restrict():
        raise OSError("the filter of system calls was not taken")


def attempt(grants: Grants, *, has_namespace: bool) -> Confinement:
    """Confine this process as far as the kernel lets it, and say how far that is; for a process that ends then."""
    files = _confined_files(grants)
    has_filter = _filtered()
    network = "namespace" if has_namespace else "filter" if has_filter else "none"
    return Confinement(files, network, "seccomp" if has_filter else "none")


def _confined_files(grants: Grants) -> str:
    abi = landlock.version()
    if abi:
        try:
            landlock.restrict(grants.rights(), abi)
        except OSError:
            pass
        else:
            return f"landlock/{abi}" if _is_blind() else "none"
    try:
        _hide(grants)
    except (OSError, KeyError):
        return "none"
    return "mounts" if _is_blind() else "none"


def _is_blind() -> bool:
    """Whether what every process may read elsewhere cannot be read."""
    for place in ("/proc/self/status", "/etc/passwd"):
        try:
            with Path(place).open("rb"):
                return False
        except OSError:
            continue
    return True


def _filtered() -> bool:
    try:
        return seccomp.restrict() and seccomp.is_refused()
    except OSError:
        return False


def _hide(grants: Grants) -> None:
    writable = {path for path, rights in grants.rights().items() if rights & landlock.WRITE_FILE}
    readable: Sequence[str] = sorted(grants.rights().keys() - writable)  # a directory before what is in it
    mounts.restrict(Path(grants.top), readable, sorted(writable))


@functools.cache
def _python() -> tuple[str, ...]:
    """What a renderer may import late: the library, packages, and ourselves."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return (*dict.fromkeys(os.path.realpath(sysconfig.get_path(name)) for name in names), PACKAGE)


def _is_script(program: str) -> bool:
    try:
        with Path(program).open("rb") as stream:
            return stream.read(2) == b"#!"
    except OSError:
        return False
