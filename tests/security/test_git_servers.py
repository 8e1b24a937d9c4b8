"""Hostile Git servers: whatever they send instead of what was asked for ends in a clear error, soon and within bounds.

After each of them another repository of the same worker is fetched. What repositories hold is in test_git_repositories.py.
"""

import asyncio
import zlib

import pytest
from aiohttp import web

from reconciler.errors import SourceRefused, TrueupError
from reconciler.git.command import OPTIONS, Call, Git
from reconciler.git.failures import MirrorBroken
from reconciler.model.declared import SecretRef
from tests.security.hostile_git import PLAIN, taken_out
from tests.servers.git_http import MirrorMaker, repository_at
from tests.servers.git_packs import (
    MAIN,
    endless,
    one_commit,
    pack,
    packet,
    packfile,
    saying,
)  # fmt: skip

pytestmark = pytest.mark.long

REF = SecretRef("trueup", "git")

COMMIT, OBJECTS = one_commit()
GOOD = pack(OBJECTS)
PROGRESS = packet(b"\2" + b"working \x1b]0;owned\x07\r" * 100)

FETCHES = {
    "nothing": b"",
    "a pack that is cut short": packfile(GOOD[:-30], COMMIT)[:-4],
    "a pack with a wrong sum": packfile(GOOD[:-1] + bytes([GOOD[-1] ^ 1]), COMMIT),
    "fewer objects than it says": packfile(pack(OBJECTS, count=1_000_000), COMMIT),
    "four thousand million objects": packfile(pack(OBJECTS, count=0xFFFFFFFF), COMMIT),
    "more than it says": packfile(pack(OBJECTS, count=1), COMMIT),
    "a blob of an exbibyte": packfile(pack(OBJECTS, sizes=[len(OBJECTS[0][1]), len(OBJECTS[1][1]), 1 << 60]), COMMIT),
    "a commit of an exbibyte": packfile(pack(OBJECTS, sizes=[1 << 60, 1, 1]), COMMIT),
    "another commit": packfile(pack(one_commit(b"b: 2\n")[1]), COMMIT),
    "no pack": packfile(b"<html>", COMMIT),
    "a packet that never comes": b"fff0" + b"x" * 100,
    "a packet of no length": b"zzzz",
    "an error with an escape": packet(b"ERR \x1b[2J\x1b]0;owned\x07 no\n"),
    "an error by the side": packet(b"packfile\n") + packet(b"\3fatal: \x1b[31mno\n") + b"0000",
    "a pack at another address": packet(b"packfile-uris\n") + packet(b"a" * 40 + b" http://169.254.169.254/p\n") + b"0001",
    "what was not asked for": packet(b"wanted-refs\n")
    + packet(f"{COMMIT} refs/heads/../../x\n".encode())
    + b"0001"
    + packfile(GOOD, COMMIT),
    "a shallow that is none": packet(b"shallow-info\n")
    + packet(b"shallow ../../x\n")
    + b"0001"
    + packet(b"packfile\n")
    + b"0000",
}


@pytest.mark.parametrize("fetched", FETCHES.values(), ids=FETCHES)
async def test_a_server_that_sends_something_else(tmp_path, maker, hostile, neighbour, fetched):
    hostile.server.instead = saying(fetched, commit=COMMIT)
    found = await taken_out(maker, hostile, tmp_path / "root")
    assert isinstance(found, TrueupError), found
    assert not isinstance(found, MirrorBroken), found  # it is the server's fault, and no reason to throw the mirror away
    await neighbour()


async def test_the_server_of_these_tests_can_be_fetched_from(tmp_path, maker, hostile):
    hostile.server.instead = saying(packfile(GOOD, COMMIT), commit=COMMIT)
    assert await taken_out(maker, hostile, tmp_path / "root") == [PLAIN]


ENDLESS = {
    "progress": endless(PROGRESS, before=packet(b"packfile\n")),
    "keepalives": endless(packet(b"\1"), before=packet(b"packfile\n"), pause=0.01),
    "a pack": endless(packet(b"\1" + bytes(60000)), before=packet(b"packfile\n") + packet(b"\1" + GOOD[:12])),
    "acknowledgements": endless(packet(b"ACK " + b"1" * 40 + b"\n"), before=packet(b"acknowledgments\n")),
    "shallows": endless(packet(b"shallow " + b"1" * 40 + b"\n"), before=packet(b"shallow-info\n")),
    "a byte now and then": endless(b"0", before=packet(b"packfile\n"), pause=0.5),
    "delimiters": endless(b"0001"),
}


@pytest.mark.parametrize("fetched", ENDLESS.values(), ids=ENDLESS)
async def test_a_server_that_never_ends(tmp_path, hostile, neighbour, fetched):
    maker = MirrorMaker(tmp_path / "state", git_timeout=3.0, mirror_limit=64)
    hostile.server.instead = saying(fetched, commit=COMMIT)
    found = await taken_out(maker, hostile, tmp_path / "root")
    assert isinstance(found, TrueupError), found
    assert sum(file.lstat().st_size for file in (tmp_path / "state").rglob("*") if file.is_file()) < 1 << 20
    await neighbour()


ADVERT = packet(b"# service=git-upload-pack\n") + b"0000"
GREETINGS = {
    "hashes of another kind": ADVERT
    + packet(b"version 2\n")
    + packet(b"object-format=sha256\n")
    + packet(b"fetch=shallow\n")
    + b"0000",
    "a version of the future": ADVERT + packet(b"version 99\n") + b"0000",
    "refs that leave": ADVERT + packet(f"{COMMIT} refs/heads/../../x\0 shallow\n".encode()) + b"0000",
    "a ref with a line break": ADVERT + packet(f"{COMMIT} refs/heads/main\rx\n\0 shallow\n".encode()) + b"0000",
    "an error": ADVERT + packet(b"ERR \x1b[2J no\n"),
    "a bundle elsewhere": ADVERT + packet(b"version 2\n") + packet(b"bundle-uri\n") + packet(b"fetch=shallow\n") + b"0000",
    "no end": ADVERT + packet(b"version 2\n"),
    "a page": b"<html>" + b"x" * 100_000,
}


async def followed(mirror):
    await mirror.heads(["main"])
    await mirror.fetch(MAIN)


@pytest.mark.parametrize("greets", GREETINGS.values(), ids=GREETINGS)
async def test_a_server_that_greets_oddly(tmp_path, maker, hostile, neighbour, greets):
    hostile.server.instead = saying(b"", commit=COMMIT, greets=greets)
    mirror = maker(repository_at(hostile.url))
    with pytest.raises(TrueupError) as caught:
        await followed(mirror)
    assert not any(ord(letter) < 32 for letter in str(caught.value)), repr(str(caught.value))
    assert not isinstance(await taken_out(maker, hostile, tmp_path / "root"), list)
    await neighbour()


@pytest.mark.parametrize("path", ["heads", "fetch"])
async def test_a_page_that_is_a_gibibyte_once_unpacked(tmp_path, hostile, neighbour, path):
    maker = MirrorMaker(tmp_path / "state", git_timeout=5.0)
    bomb_of = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join([*(bomb_of.compress(bytes(1 << 20)) for _ in range(1024)), bomb_of.flush()])

    async def answer(_):
        kind = "application/x-git-upload-pack-advertisement"
        return web.Response(body=packed, headers={"Content-Type": kind, "Content-Encoding": "gzip"})

    hostile.server.instead = answer
    mirror = maker(repository_at(hostile.url))
    with pytest.raises(TrueupError):
        await (mirror.heads(["main"]) if path == "heads" else mirror.fetch(MAIN))
    await neighbour()


async def test_a_password_in_an_address_is_sent_to_nobody(maker, git_server, hostile):
    await hostile.commit({PLAIN: "1"})
    url = hostile.url.replace("http://", "http://ada:canary@")
    for ask in ("fetch", "heads"):
        with pytest.raises((TrueupError, ValueError)) as caught:
            await getattr(maker(repository_at(url)), ask)(*([MAIN] if ask == "fetch" else [["main"]]))
        assert "canary" not in str(caught.value)
    assert git_server.requests == []


async def git_alone(tmp_path, url):
    """Git as it is run, without what stands before it."""
    git, call = Git(("http",)), Call("shop: cannot fetch")
    await git.run(tmp_path / "m", "init", "--quiet", "--bare", tmp_path / "m", call=call)
    return await git.attempt(tmp_path / "m", "ls-remote", "--end-of-options", url, call=call)


async def test_git_itself_refuses_a_password_in_an_address_and_would_not_without_its_guard(
    tmp_path, git_server, hostile, monkeypatch
):
    await hostile.commit({PLAIN: "1"})
    url = hostile.url.replace("http://", "http://ada:canary@")
    assert (await git_alone(tmp_path, url)).code != 0
    assert git_server.requests == []
    monkeypatch.delitem(OPTIONS, "transfer.credentialsInUrl")
    assert (await git_alone(tmp_path, url)).code == 0


@pytest.mark.parametrize(
    ("url", "protocol"), [("http://127.0.0.1:1/a/b.git", "http"), ("/etc", "file"), ("git@host:a/b.git", "ssh")]
)
async def test_git_is_not_run_by_a_protocol_that_nobody_allowed(tmp_path, monkeypatch, url, protocol):
    maker = MirrorMaker(tmp_path / "state", git_protocols=("https",))
    mirror = maker(repository_at(url, credentials=REF), {"git": {"identity": b"x"}})
    async with mirror.directory.exclusive():
        pass

    def run(*_, **__):
        raise AssertionError("git was run")

    monkeypatch.setattr("reconciler.git.command.run", run)
    monkeypatch.setattr("reconciler.git.command.started", run)
    for ask in (mirror.heads(["main"]), mirror.fetch(MAIN)):
        with pytest.raises(SourceRefused, match=f"TRUEUP_GIT_PROTOCOLS does not list: {protocol}"):
            await ask


async def test_without_the_deadline_a_server_keeps_a_worker(tmp_path, hostile):
    hostile.server.instead = saying(endless(packet(b"\1"), before=packet(b"packfile\n"), pause=0.01), commit=COMMIT)
    mirror = MirrorMaker(tmp_path / "state", git_timeout=60.0)(repository_at(hostile.url))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3.0):
            await mirror.fetch(MAIN)
