"""What a child is given, seen from outside while it works: within, there is nothing to see it by. How children end: test_renderer.py."""

import asyncio
import contextlib
import os
import socket
from pathlib import Path

import pytest

from reconciler.errors import RenderFailed
from reconciler.model.declared import Name
from reconciler.render import renderer as module
from reconciler.render.renderer import Renderer
from reconciler.render.result import RenderRequest
from reconciler.settings import ReconcilerSettings

SETTINGS = ReconcilerSettings(render_memory=256, render_timeout=10)


@pytest.fixture
def working(plant, fake_kubectl, monkeypatch):
    """A child whose Kustomize does not end: its directory in /proc, and that of the program it started."""

    @contextlib.asynccontextmanager
    async def child():
        tree = plant({"d/kustomization.yaml": "resources: []"})
        path = fake_kubectl('echo $$ > "$HOME/pid"; exec /bin/sleep 9')
        monkeypatch.setattr(module, "binary", lambda: path)
        async with Renderer(SETTINGS) as renderer:
            task = asyncio.create_task(renderer.render(tree.root, [RenderRequest(Name("t", "d"), "d")]))
            while not (found := [*Path(renderer._socket).parent.rglob("pid")]) or not found[0].read_text().strip():  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.02)
            program = Path("/proc", found[0].read_text().strip())
            parent = (program / "stat").read_text().rpartition(")")[2].split()[1]
            yield Path("/proc", parent), program
            task.cancel()
            await asyncio.wait({task})

    return child


async def test_it_has_no_other_files_than_its_connection(working):
    with Path("/etc/hostname").open() as kept, socket.socket() as other:
        os.set_inheritable(kept.fileno(), True)
        os.set_inheritable(other.fileno(), True)
        async with working() as (child, _):
            files = [str(entry.readlink()) for entry in (child / "fd").iterdir()]
    assert not [file for file in files if "hostname" in file]
    assert len([file for file in files if file.startswith("socket:")]) == 1


async def test_it_has_no_environment(working, monkeypatch):
    monkeypatch.setenv("TRUEUP_WEBHOOK_KEYS", "canary")
    async with working() as (child, program):
        of_child, of_program = ((place / "environ").read_bytes().decode() for place in (child, program))
    assert {pair.partition("=")[0] for pair in of_child.split("\0") if pair} <= {"PYTHONPATH", "LC_CTYPE"}
    assert "canary" not in of_program


async def test_it_has_limits(working):
    async with working() as (child, _):
        limits = (child / "limits").read_text().splitlines()
    table = {line[:26].strip(): line[26:47].strip() for line in limits}
    assert table["Max address space"] == str(256 * 1024 * 1024)
    assert table["Max file size"] == str(50 * 1024 * 1024)
    assert table["Max core file size"] == "0"
    assert table["Max open files"] == "512"
    assert 11 <= int(table["Max cpu time"]) <= 14


async def test_it_gains_no_rights(working):
    async with working() as places:
        statuses = [(place / "status").read_text() for place in places]
    assert all("NoNewPrivs:\t1" in status for status in statuses)


async def test_it_has_a_process_group_of_its_own(working):
    async with working() as (child, _):
        group = (child / "stat").read_text().rpartition(")")[2].split()[2]
        assert group == child.name
        assert int(group) != os.getpgrp()


async def test_it_has_no_network_where_the_kernel_allows(working):
    async with working() as (child, program):
        lines = [(place / "net/dev").read_text().splitlines()[2:] for place in (child, program)]
    interfaces = {line.split(":")[0].strip() for found in lines for line in found}
    if len(interfaces) > 1:
        pytest.skip("this kernel does not let an ordinary process leave its network")
    assert interfaces == {"lo"}


async def test_it_has_its_tree_and_its_own_directory_and_no_other_file(plant, fake_kubectl, monkeypatch, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state/secret").write_text("canary\n")
    tree = plant({"d/kustomization.yaml": "resources: []", "d/mine": "of the tree\n"})
    tries = {
        "tree": f"/bin/cat {tree.root}/d/mine",
        "beside": f"/bin/cat {tmp_path}/state/secret",
        "beside listed": f"/bin/ls {tmp_path}/state",
        "written in the tree": f"echo canary > {tree.root}/d/new && echo canary",
        "passwords": "/bin/cat /etc/passwd",
        "another process": f"/bin/cat /proc/{os.getpid()}/environ && echo canary",
        "its own process": "/bin/cat /proc/self/environ && echo canary",
        "kernel": "/bin/cat /sys/kernel/uevent_seqnum && echo canary",
        "kill": f"kill -CONT {os.getpid()} && echo canary",
        "scratch": 'echo fine > "$HOME/x" && /bin/cat "$HOME/x"',
    }
    script = "\n".join(f"echo '{name}: |-'; ({attempt}) 2>/dev/null | /usr/bin/sed 's/^/  /'" for name, attempt in tries.items())
    path = fake_kubectl(f'echo "kind: A"; {script}')
    monkeypatch.setattr(module, "binary", lambda: path)
    async with Renderer(SETTINGS) as renderer:
        (answer,) = await renderer.render(tree.root, [RenderRequest(Name("t", "d"), "d")])
        if not renderer.confinement.files.startswith("landlock"):
            pytest.skip("this kernel has no Landlock")
    said = answer.documents[0].document
    assert {name: said[name] for name in tries if said[name]} == {"tree": "of the tree", "scratch": "fine"}
    assert not (tree.root / "d/new").exists()


async def test_a_child_that_gets_less_than_was_found_renders_nothing(plant, tmp_path, monkeypatch):
    """A fork server that believes in a version of Landlock that no kernel has."""
    (tmp_path / "sitecustomize.py").write_text(
        "import reconciler.render.confine as module\n"
        "module.attempt = lambda grants, **_: module.Confinement('landlock/7', 'none', 'none')\n"
        "module.landlock.CREATE_RULESET = 100_000\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    async with Renderer(SETTINGS) as renderer:
        (answer,) = await renderer.render(plant({"d/a.yaml": "map:a"}).root, [RenderRequest(Name("t", "d"), "d")])
    assert type(answer) is RenderFailed
    assert "the renderer died" in str(answer)


NO_LANDLOCK = "import reconciler.render.landlock as module; module.CREATE_RULESET = 100_000\n"
"""A system call that no kernel has."""

NO_NAMESPACE = "import reconciler.render.mounts as mounts; mounts.leave = lambda _: False\n"


@pytest.mark.parametrize(
    ("without", "files"),
    [
        pytest.param(NO_LANDLOCK, {"mounts", "none"}, id="no Landlock"),
        pytest.param(NO_LANDLOCK + NO_NAMESPACE, {"none"}, id="neither"),
    ],
)
async def test_on_lesser_kernels_it_renders_and_says_so(plant, tmp_path, monkeypatch, without, files):
    (tmp_path / "sitecustomize.py").write_text(without)
    monkeypatch.syspath_prepend(str(tmp_path))
    tree = plant(
        {
            "a/a.yaml": "map:a",
            "b/kustomization.yaml": "resources: [../c]",
            "c/kustomization.yaml": "resources: [c.yaml]",
            "c/c.yaml": "map:c",
        }
    )
    async with Renderer(ReconcilerSettings()) as renderer:
        found = await renderer.render(tree.root, [RenderRequest(Name("t", path), path) for path in "ab"])
        assert renderer.confinement.files in files
    assert [answer.documents[0].document["metadata"]["name"] for answer in found] == ["a", "c"]
