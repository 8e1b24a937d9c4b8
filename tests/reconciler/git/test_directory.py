"""A mirror's directory when workers die: kill -9 in the middle of a fetch, locks left behind, two processes at once."""

import asyncio
import os
import random
import sys
from pathlib import Path

import pytest

from reconciler.errors import SourceRefused, SourceUnavailable
from reconciler.git.command import Call
from reconciler.process import Limits, run
from tests.servers.git_http import Hold, MirrorMaker, Remote, repository_at, running

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


@pytest.mark.long
async def test_a_repository_over_the_limit_is_refused_and_leaves_nothing_behind(tmp_path, remote, git_server):
    small = await remote.commit({"a": "1"})
    other = Remote(git_server, "acme/large")
    noise = {f"f{n}": random.Random(n).randbytes(3_000_000).hex() for n in range(9)}
    await other.commit(noise)
    maker = MirrorMaker(tmp_path / "state", mirror_limit=16)
    large, mirror = maker(repository_at(other.url)), maker(repository_at(remote.url))
    with pytest.raises(SourceRefused, match=r"cannot fetch .* larger than TRUEUP_MIRROR_LIMIT") as caught:
        await large.fetch(MAIN)
    assert str(caught.value).startswith("trueup/shop: ")
    assert used(tmp_path / "state") < 1_000_000
    assert await mirror.fetch(MAIN) == small


@pytest.mark.long
async def test_many_small_commits_over_the_limit_make_room(tmp_path, remote, monkeypatch):
    monkeypatch.setattr("reconciler.git.directory.KEEP_COMMITS", 2)
    mirror = MirrorMaker(tmp_path / "state", mirror_limit=16)(repository_at(remote.url))
    commits = [await remote.commit({"f": random.Random(n).randbytes(3_000_000).hex()}) for n in range(8)]
    for commit in commits:
        await mirror.ensure(commit)
    assert await mirror.tree(commits[-1], "f")
    assert used(tmp_path / "state") <= 17 << 20


async def dated(remote, second, size):
    """A commit on top of main that was made at some second since 1970, with a file that cannot be packed smaller."""
    content = random.Random(second).randbytes(size).hex()
    stream = (
        f"commit refs/heads/main\ncommitter Ada <ada@example.com> {second} +0000\ndata 1\nx\n"
        f"{await parent(remote)}M 644 inline f\ndata {len(content)}\n{content}\n"
    )
    await remote.git("fast-import", "--quiet", stdin=stream.encode())
    return await remote.git("rev-parse", "refs/heads/main")


async def parent(remote):
    head = await remote.git("for-each-ref", "--format=%(objectname)", "refs/heads/main")
    return f"from {head}\n" if head else ""


async def test_what_was_just_fetched_is_there_however_old_it_is(tmp_path, remote, monkeypatch):
    monkeypatch.setattr("reconciler.git.directory.KEEP_COMMITS", 1)
    await remote.server.create(remote.name)
    old, *newer = [await dated(remote, second, 600_000) for second in (1000, 2000, 3000)]
    mirror = MirrorMaker(tmp_path / "state")(repository_at(remote.url))
    mirror.directory.limit_bytes = 1_600_000
    for commit in (*newer, old):
        await mirror.ensure(commit)
        assert await mirror.tree(commit, "f"), "a rollback goes to what is older than all that is kept"
    refs = await mirror.git.run(mirror.directory.path, "for-each-ref", "refs/trueup/commits", call=Call("refs"))
    assert len(refs.splitlines()) == 2, "it made room"


@pytest.mark.long
async def test_a_mirror_does_not_grow_with_every_push(worker, remote, monkeypatch):
    monkeypatch.setattr("reconciler.git.directory.KEEP_COMMITS", 5)
    monkeypatch.setattr("reconciler.git.directory.UNTIDY_LOOSE", -1)
    mirror = worker(repository_at(remote.url))
    for number in range(30):
        await mirror.ensure(commit := await remote.commit({"a": str(number)}))
    for file in mirror.directory.path.rglob("objects/*/*"):  # what came in the last hour is kept
        os.utime(file, (0, 0))
    await mirror.heads([])
    refs = await mirror.git.run(mirror.directory.path, "for-each-ref", "refs/trueup/commits", call=Call("refs"))
    assert len(refs.splitlines()) == 5
    assert len((mirror.directory.path / "shallow").read_text().splitlines()) <= 5
    await mirror.ensure(commit)  # of commits of one second any may be the newest
    assert await mirror.tree(commit, "a")


async def test_a_mirror_that_nobody_declares_any_more_is_removed_in_time(worker, remote):
    commit = await remote.commit({"a": "1"})
    mirror = worker(repository_at(remote.url))
    await mirror.fetch(MAIN)
    mirrors, path = worker.made[-1], mirror.directory.path
    assert await mirrors.sweep([mirror.repository], unused_seconds=-1) == 0
    assert await mirrors.sweep([]) == 0
    async with worker(repository_at(remote.url)).directory.exclusive():
        assert await mirrors.sweep([], unused_seconds=-1) == 0
    assert path.exists()
    assert await mirrors.sweep([], unused_seconds=-1) == 1
    assert not path.exists()
    assert await mirrors.of(mirror.repository).fetch(MAIN) == commit


def used(directory):
    return sum(file.lstat().st_size for file in directory.rglob("*") if file.is_file())
