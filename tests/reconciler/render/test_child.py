"""What a child is given, seen from inside: a kubectl that tells what it finds. How children end: test_renderer.py."""

import os
import socket
from pathlib import Path

import pytest

from reconciler.model.declared import Name
from reconciler.render import renderer as module
from reconciler.render.renderer import Renderer
from reconciler.render.result import RenderRequest
from reconciler.settings import ReconcilerSettings


@pytest.fixture
def inside(plant, fake_kubectl, monkeypatch):
    """Runs shell text where Kustomize would run, and answers what it printed; `$PPID` is the child."""

    async def run(script: str) -> str:
        tree = plant({"d/kustomization.yaml": "resources: []"})
        path = fake_kubectl(f'echo "kind: A"; echo "said: |-"; ({script}) 2>&1 | /usr/bin/sed "s/^/  /"')
        monkeypatch.setattr(module, "binary", lambda: path)
        async with Renderer(ReconcilerSettings(render_memory=256, render_timeout=10)) as renderer:
            (answer,) = await renderer.render(tree.root, [RenderRequest(Name("t", "d"), "d")])
            return str(answer.documents[0].document["said"])

    return run


async def test_it_has_no_other_files_than_its_connection(inside):
    with Path("/etc/hostname").open() as kept, socket.socket() as other:
        os.set_inheritable(kept.fileno(), True)
        os.set_inheritable(other.fileno(), True)
        open_files = await inside("/bin/ls -l /proc/$PPID/fd")
    assert "hostname" not in open_files
    assert open_files.count("socket:") == 1


async def test_it_has_no_environment(inside, monkeypatch):
    monkeypatch.setenv("TRUEUP_WEBHOOK_KEYS", "canary")
    environment = await inside("/usr/bin/tr '\\0' '\\n' < /proc/$PPID/environ")
    assert {line.partition("=")[0] for line in environment.splitlines()} <= {"PYTHONPATH", "LC_CTYPE"}


async def test_it_has_limits(inside):
    limits = (await inside("/bin/cat /proc/self/limits")).splitlines()
    table = {line[:26].strip(): line[26:47].strip() for line in limits}
    assert table["Max address space"] == str(256 * 1024 * 1024)
    assert table["Max file size"] == str(50 * 1024 * 1024)
    assert table["Max core file size"] == "0"
    assert 11 <= int(table["Max cpu time"]) <= 14


async def test_it_has_a_process_group_of_its_own(inside):
    group, pid = (await inside("/usr/bin/cut -d' ' -f5 /proc/$PPID/stat; echo $PPID")).split()
    assert group == pid
    assert int(group) != os.getpgrp()


async def test_it_has_no_network_where_the_kernel_allows(inside):
    interfaces = [line.split(":")[0].strip() for line in (await inside("/bin/cat /proc/net/dev")).splitlines()[2:]]
    if len(interfaces) > 1:
        pytest.skip("this kernel does not let an ordinary process leave its network")
    assert interfaces == ["lo"]
