"""No guard is only believed in: each is taken out once, and a test that is named for it fails."""

import ast
import asyncio
import os
import sys

import pytest

from tests.guards.guard import ROOT, Guard
from tests.guards.table import GUARDS

FAILED = 1
"""How pytest ends when tests failed; anything else means that they did not run."""

SECONDS = 120.0

IDS = [guard.name for guard in GUARDS]


def test_every_guard_has_a_name_of_its_own():
    assert len(set(IDS)) == len(IDS)


@pytest.mark.parametrize("guard", GUARDS, ids=IDS)
def test_a_guard_stands_where_the_table_says_and_so_do_its_tests(guard: Guard):
    compile(guard.taken_out(), guard.module, "exec")
    for test in guard.tests:
        path, _, name = test.partition("::")
        functions = {node.name for node in ast.walk(ast.parse((ROOT / "tests" / path).read_text())) if hasattr(node, "name")}
        assert name.partition("[")[0] in functions


@pytest.mark.long
@pytest.mark.timeout(SECONDS + 10)
@pytest.mark.parametrize("guard", GUARDS, ids=IDS)
async def test_without_a_guard_its_tests_fail(guard: Guard):
    tests = [f"tests/{test}" for test in guard.tests]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.guards.without",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "-x",
        "-m",
        "not cluster",
    ]
    environment = {**os.environ, "TRUEUP_WITHOUT": guard.name}
    process = await asyncio.create_subprocess_exec(
        *command, *tests, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == FAILED, output.decode()[-2000:]
