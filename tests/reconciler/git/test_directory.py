"""A mirror's directory when workers die: kill -9 in the middle of a fetch, locks left behind, two processes at once."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from reconciler.errors import SourceUnavailable
from reconciler.process import Limits, run
from tests.servers.git_http import Hold, repository_at, running

MAIN = "refs/heads/main"

FETCH = """
import asyncio, sys
from pathlib import Path
from tests.servers.git_http import MirrorMaker, repository_at
mirror = MirrorMaker(Path(sys.argv[1]))(repository_at(sys.argv[2]))
print(asyncio.run(mirror.fetch("refs/heads/main")), flush=True)
"""


def environment():
    return {**os.environ, "PYTHONPATH": str(Path.cwd())}


async def other_process(state, url):
    return await run([sys.executable, "-c", FETCH, state, url], limits=Limits(30), env=environment())


async def test_two_processes_fetch_into_one_mirror(worker, remote):
    commit = await remote.commit({"a": "1"})
    state = worker.settings.state
    done, mine = await asyncio.gather(other_process(state, remote.url), worker(repository_at(remote.url)).fetch(MAIN))
    assert (done.stdout.decode().strip(), mine) == (commit, commit), done.message


async def test_a_worker_killed_in_the_middle_of_a_fetch_is_recovered_from(worker, remote, git_server):
    commit = await remote.commit({"a": "1"})
    git_server.instead = hold = Hold()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FETCH, worker.settings.state, remote.url, env=environment(), start_new_session=True
    )
    await asyncio.wait_for(hold.reached.wait(), 20)
    process.kill()
    await process.wait()
    mirror = worker(repository_at(remote.url))
    async with running(mirror.fetch(MAIN)) as fetching:
        await asyncio.sleep(0.2)
        assert not fetching.done()  # the orphaned git has the lock, and nobody works beside it
        hold.let_go.set()
        assert await asyncio.wait_for(fetching, 10) == commit


async def test_what_a_killed_git_leaves_behind_is_cleaned_up(worker, remote):
    commit = await remote.commit({"a": "1"})
    mirror = worker(repository_at(remote.url))
    await mirror.heads()
    path = mirror.directory.path
    (path / "objects" / "pack").mkdir(exist_ok=True)
    left = [path / "shallow.lock", path / "packed-refs.lock", path / "objects" / "pack" / "tmp_pack_x", path / "refs" / "a.lock"]
    for file in left:
        file.write_text("")
    path.with_suffix(".lock").write_text("busy\n")
    path.with_suffix(".new").mkdir()
    assert await worker(repository_at(remote.url)).fetch(MAIN) == commit
    assert not [file for file in left if file.exists()]
    assert sorted(file.name for file in path.parent.iterdir()) == sorted(["askpass", path.name, f"{path.name}.lock"])


async def test_a_cancelled_fetch_ends_its_git_and_lets_others_go_on(worker, remote, git_server):
    commit = await remote.commit({"a": "1"})
    git_server.instead = hold = Hold()
    mirror = worker(repository_at(remote.url))
    async with running(mirror.fetch(MAIN)):
        await asyncio.wait_for(hold.reached.wait(), 10)
    git_server.instead = None
    hold.let_go.set()
    assert await asyncio.wait_for(worker(repository_at(remote.url)).fetch(MAIN), 10) == commit


async def test_a_lock_that_is_kept_is_given_up_on(worker, remote, monkeypatch):
    await remote.commit({"a": "1"})
    monkeypatch.setattr("reconciler.git.directory.LOCK_SECONDS", 0.1)
    first, second = worker(repository_at(remote.url)), worker(repository_at(remote.url))
    async with first.directory.exclusive():
        with pytest.raises(SourceUnavailable, match="another process keeps it locked"):
            await second.fetch(MAIN)
    assert await second.fetch(MAIN)
