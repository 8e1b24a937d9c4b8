"""Programs that behave, and programs that do not: all of them end, and nothing of them remains."""

import asyncio
import contextlib
import os
import sys
import time
from pathlib import Path

import pytest

from reconciler.process import Deadline, Limits, OutputTooLarge, run
from tests.servers.patience import until

ENV = {"PATH": os.environ["PATH"]}


def sh(script, **limits):
    return run(["sh", "-c", script], limits=Limits(**({"timeout_seconds": 10.0} | limits)), env=ENV)


def is_running(pid):
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def eventually_gone(pid):
    for _ in range(100):
        if not is_running(pid):
            return True
        await asyncio.sleep(0.02)
    return False


async def test_streams_and_code_come_back():
    done = await run(["sh", "-c", "cat; echo err >&2; exit 3"], limits=Limits(10), env=ENV, stdin=b"in")
    assert (done.code, done.stdout, done.stderr, done.message) == (3, b"in", b"err\n", "err")


async def test_the_environment_is_exactly_the_given_one():
    done = await run(["/usr/bin/env"], limits=Limits(10), env={"A": "1"})
    assert done.stdout == b"A=1\n"


async def test_much_input_and_output_do_not_block_each_other():
    data = os.urandom(3_000_000)
    assert (await run(["cat"], limits=Limits(20), env=ENV, stdin=data)).stdout == data


async def test_input_that_nobody_reads_is_no_error():
    assert (await run(["true"], limits=Limits(10), env=ENV, stdin=b"x" * 1_000_000)).code == 0


async def test_a_program_that_does_not_end_is_killed_with_its_children(tmp_path):
    started = time.monotonic()
    with pytest.raises(Deadline, match=r"sh did not end within 0\.3 s"):
        await sh(f"sleep 60 & echo $! > {tmp_path}/pid; wait", timeout_seconds=0.3)
    assert time.monotonic() - started < 3
    assert await eventually_gone(int((tmp_path / "pid").read_text()))


async def test_children_that_outlive_a_good_end_are_killed(tmp_path):
    await sh(f"sleep 60 >/dev/null 2>&1 & echo $! > {tmp_path}/pid")
    assert await eventually_gone(int((tmp_path / "pid").read_text()))


async def test_a_program_that_prints_without_end_is_killed():
    with pytest.raises(OutputTooLarge, match="sh printed more than 64 KiB"):
        await sh("while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done", output_bytes=64 * 1024)


async def test_cancelling_kills_it(tmp_path):
    task = asyncio.create_task(sh(f"echo $$ > {tmp_path}/pid; sleep 60"))
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await eventually_gone(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("turns", range(12))
async def test_cancelling_while_it_starts_neither_hangs_nor_leaves_it_running(tmp_path, turns):
    task = asyncio.create_task(sh(f"echo $$ > {tmp_path}/pid; sleep 60"))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=10)
    assert done, "it hangs"
    if (tmp_path / "pid").exists() and (pid := (tmp_path / "pid").read_text()):
        assert await eventually_gone(int(pid))


@pytest.mark.parametrize("turns", range(12))
async def test_cancelling_twice_while_it_starts_leaves_nothing_running(tmp_path, turns):
    task = asyncio.create_task(sh(f"sleep 60; {tmp_path}/never"))
    for _ in range(turns):
        await asyncio.sleep(0)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    await asyncio.wait({task}, timeout=10)
    assert await until(lambda: not processes_with(str(tmp_path)))


def processes_with(argument):
    """Programs that run with an argument that contains this."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found += [line.parent.name] if argument in line.read_text() else []
    return found


async def test_a_descendant_that_left_the_group_does_not_hold_us_up():
    started = time.monotonic()
    with pytest.raises(Deadline):
        await sh("setsid sleep 6 & wait", timeout_seconds=0.2)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("limits", "script"),
    [
        ({"memory_bytes": 64 << 20}, "sleep 0.2; python3 -c 'x = bytearray(200 << 20)'"),
        ({"file_bytes": 1000}, "sleep 0.2; head -c 5000 /dev/zero > big"),
        ({"cpu_seconds": 1}, "sleep 0.2; while :; do :; done"),
    ],
    ids=["memory", "file", "cpu"],
)
async def test_the_kernel_enforces_limits(tmp_path, limits, script):
    done = await run(["sh", "-c", script], limits=Limits(10, **limits), env=ENV, cwd=tmp_path)
    assert done.code != 0
    assert not (tmp_path / "big").exists() or (tmp_path / "big").stat().st_size <= 1000


async def test_a_missing_program_says_so():
    with pytest.raises(FileNotFoundError):
        await run(["no-such-program"], limits=Limits(1), env=ENV)


LOWERED = """
import asyncio, resource
from reconciler.process import Limits, run
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
done = asyncio.run(run(["sh", "-c", "sleep 0.2; ulimit -H -f"], limits=Limits(10, file_bytes=1 << 30), env={"PATH": "/usr/bin:/bin"}))
print(done.code, done.stdout.decode().strip())
"""


async def test_a_lower_limit_of_the_machine_stays():
    done = await run([sys.executable, "-c", LOWERED], limits=Limits(20), env=ENV, cwd=Path(__file__).parents[2])
    assert (done.stdout, done.stderr) == (b"0 9\n", b""), "in blocks of 512 bytes"
