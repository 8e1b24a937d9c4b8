"""Confinement of a process of its own, at each level, and what it can still touch; the children themselves: test_child.py."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.render import landlock, seccomp
from reconciler.render.confine import Confinement

TRIAL = """
import json, os, socket, sys
from pathlib import Path
from reconciler.render import confine, landlock, mounts, seccomp
tree, scratch, top, outside, level, calls = sys.argv[1:]
grants = confine.Grants(tree, scratch, ("/bin/cat",), top)
try:
    confine.enforce(grants, confine.Confinement(level, "none", calls))
except OSError as error:
    print(json.dumps({"refused": str(error)})); sys.exit()

def can(deed):
    try:
        deed()
    except (OSError, ValueError) as error:
        return type(error).__name__
    return True

def run(path):
    import subprocess
    done = subprocess.run(["/bin/cat", path], capture_output=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise OSError(done.stderr)

print(json.dumps({
    "read the tree": can(lambda: Path(tree, "file").read_text()),
    "list the tree": can(lambda: os.listdir(tree)),
    "write to the tree": can(lambda: Path(tree, "file").write_text("x")),
    "delete in the tree": can(lambda: Path(tree, "file").unlink()),
    "read outside": can(lambda: Path(outside).read_text()),
    "read outside by a link": can(lambda: Path(tree, "link").read_text()),
    "read outside by a program": can(lambda: run(outside)),
    "read passwords": can(lambda: Path("/etc/passwd").read_text()),
    "read processes": can(lambda: Path("/proc/self/environ").read_text()),
    "read a token": can(lambda: os.listdir("/var/run")),
    "write to scratch": can(lambda: Path(scratch, "x").write_text("x")),
    "link out of the tree": can(lambda: Path(scratch, "hard").hardlink_to(Path(tree, "file"))),
    "run a program": can(lambda: run(f"{tree}/file")),
    "import late": can(lambda: __import__("xmlrpc.client")),
    "make a socket": can(lambda: socket.socket(socket.AF_UNIX).close()),
    "make a namespace": bool(mounts.LIBC.unshare(mounts.NEWUSER) == 0),
}))
"""

ALLOWED = {"read the tree", "list the tree", "write to scratch", "run a program", "import late"}
"""What a renderer needs."""

LOOSE = {"link out of the tree"}
"""A mount namespace refuses it as another file system, Landlock as a gain of rights; without either it is possible."""


@pytest.fixture
def confined(tmp_path):
    """Answers what a process confined in a way could do; True, or why not."""
    for name in ("tree", "scratch", "top", "state"):
        (tmp_path / name).mkdir()
    (tmp_path / "tree/file").write_text("of the tree")
    (tmp_path / "state/secret").write_text("canary")
    (tmp_path / "tree/link").symlink_to("../state/secret")

    def run(level: str, calls: str = "none") -> dict[str, object]:
        places = [str(tmp_path / name) for name in ("tree", "scratch", "top", "state/secret")]
        argv = [sys.executable, "-c", TRIAL, *places, level, calls]
        done = subprocess.run(argv, capture_output=True, check=False, timeout=30, env={"PYTHONPATH": os.pathsep.join(sys.path)})
        assert done.returncode == 0, done.stderr.decode()
        found: dict[str, object] = json.loads(done.stdout)
        return found

    return run


def possible(found: dict[str, object]) -> set[str]:
    return {name for name, result in found.items() if result is True}


NEEDS_LANDLOCK = pytest.mark.skipif(not landlock.version(), reason="this kernel has no Landlock")
NEEDS_FILTER = pytest.mark.skipif(not seccomp.refused(), reason="the numbers of system calls are not known here")


@NEEDS_LANDLOCK
@NEEDS_FILTER
def test_everything_together_leaves_what_a_renderer_needs(confined):
    assert possible(confined(f"landlock/{landlock.version()}", "seccomp")) == ALLOWED


@NEEDS_LANDLOCK
@pytest.mark.parametrize("abi", range(1, landlock.version() + 1))
def test_every_version_of_landlock_hides_the_same_files(confined, abi):
    found = possible(confined(f"landlock/{abi}"))
    assert found - {"make a socket", "make a namespace"} == ALLOWED


def test_a_mount_namespace_hides_the_same_files(confined):
    found = confined("mounts")
    if "refused" in found:
        pytest.skip(f"not permitted here: {found['refused']}")
    assert possible(found) - {"make a socket", "make a namespace"} == ALLOWED


@NEEDS_FILTER
def test_the_filter_alone_leaves_files_and_takes_sockets_and_namespaces(confined):
    found = possible(confined("none", "seccomp"))
    assert not found & {"make a socket", "make a namespace"}
    assert "read outside" in found


def test_without_any_nothing_is_hidden(confined):
    """So that the tests above are seen to test something."""
    found = possible(confined("none"))
    assert {"read outside", "read outside by a link", "read outside by a program", "read processes", "make a socket"} <= found


@pytest.mark.parametrize("abi", range(1, 8))
def test_no_more_rights_are_asked_for_than_a_version_knows(abi):
    count = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16, 6: 16, 7: 16}[abi]
    assert landlock.every_right(abi) == 2**count - 1


@pytest.mark.parametrize("machine", sorted(seccomp.ARCHITECTURES))
def test_every_call_has_a_number_of_its_own(machine, monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: machine)
    numbers = seccomp.refused()
    assert len(set(numbers.values())) == len(numbers) == 26


def test_an_unknown_architecture_has_no_filter(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert seccomp.refused() == {}
    assert seccomp.restrict() is False


@pytest.mark.parametrize(
    "found", [Confinement(), Confinement("landlock/7", "namespace", "seccomp"), Confinement("mounts")], ids=str
)
def test_what_is_in_force_is_said_and_understood(found):
    assert Confinement.parse(str(found)) == found


@pytest.mark.parametrize("text", ["", "files=none", "files=none network=none calls=none more=x", "ready"])
def test_what_is_no_confinement_is_refused(text):
    with pytest.raises(ValueError, match=r"confinement|update sequence"):
        Confinement.parse(text)


def test_the_state_directory_beside_our_own_code_is_not_granted():
    """A checkout is in the path of modules, and `.trueup` in it."""
    from reconciler.render.confine import Grants  # noqa: PLC0415 - only here

    rights = Grants("/tree", "/scratch").rights()
    top = Path(__file__).parents[3]
    assert not [path for path in rights if (top / ".trueup").is_relative_to(path)]
    assert not [path for path in rights if Path("/var/run/secrets/kubernetes.io/serviceaccount").is_relative_to(path)]
