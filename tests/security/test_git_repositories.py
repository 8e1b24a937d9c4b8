"""Hostile repositories: each ends in a clear error, or in nothing but the files of its tree; soon, within bounds, and alone.

After each of them another repository of the same worker is fetched. The rows are the classes of git's own advisories: names that a file
system takes for `.git` (CVE-2014-9390, CVE-2019-1353), submodules (CVE-2018-11235, CVE-2018-17456, CVE-2019-19604, CVE-2025-48384),
attributes and filters (CVE-2021-21300, CVE-2022-23521), bundles (CVE-2025-48385), objects from elsewhere (CVE-2022-39253, CVE-2023-22490).
What stands at addresses, refs and Secrets is in test_git_hosts.py, what servers do in test_git_servers.py. The last tests take the
guards out, and see the attack succeed.
"""

import os

import pytest
from aiohttp import web

from reconciler.errors import SourceRefused, TrueupError
from reconciler.git import export as exporting
from reconciler.git.command import OPTIONS, Call
from reconciler.model.declared import SecretRef
from tests.security.hostile_git import PLAIN, REFUSED, taken_out
from tests.servers.git_http import repository_at
from tests.servers.git_packs import (
    MAIN,
    commit_of,
    object_id,
    one_commit,
    pack,
    packfile,
    saying,
    tree_of,
    written,
)  # fmt: skip
from tests.servers.loopback import answering

pytestmark = pytest.mark.long

REF = SecretRef("trueup", "git")


def blob_of(content=b"a: 1\n"):
    return object_id("blob", content), ("blob", content)


async def tree(remote, *entries, content=b"a: 1\n"):
    """A commit of a tree with these entries, each a mode and a name, all of one content; as a server sends it that checks nothing."""
    blob, stored = blob_of(content)
    listed = tree_of([("100644", PLAIN.encode(), blob), *((mode, name, blob) for mode, name in entries)])
    made = commit_of(object_id("tree", listed))
    identity = object_id("commit", made)
    remote.server.instead = saying(packfile(pack([("commit", made), ("tree", listed), stored]), identity), commit=identity)


async def nested(remote, directory, name, content=b"#!/bin/sh\ntouch ran\n"):
    """A commit of a directory with one executable file."""
    blob, stored = blob_of(content)
    inner = tree_of([("100755", name, blob)])
    entries = [("40000", directory, object_id("tree", inner)), ("100644", b"a.yaml", blob)]
    outer = tree_of(sorted(entries, key=lambda entry: entry[1]))
    return await written(remote, [("commit", commit_of(object_id("tree", outer))), ("tree", outer), ("tree", inner), stored])


NAMES = {
    "git": b".git", "git in capitals": b".GIT", "git with a dot (NTFS)": b".git.", "git with a space (NTFS)": b".git ",
    "git's short name (NTFS)": b"git~1", "git as a stream (NTFS)": b".git::$INDEX_ALLOCATION", "git behind a backslash": b"a\\.git",
    "git with a joiner (HFS)": ".g\u200cit".encode(), "git with a mark (HFS)": "\ufeff.git".encode(), "up": b"..", "here": b".",
    "nothing": b"", "a path": b"a/b", "up and away": b"../../x", "absolute": b"/etc/cron.d/x",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
async def test_names_that_could_leave_the_tree_or_be_git(tmp_path, maker, hostile, neighbour, name):
    await tree(hostile, ("100644", name))
    found = await taken_out(maker, hostile, tmp_path / "root")
    assert isinstance(found, SourceRefused)
    assert REFUSED in str(found)
    await neighbour()


ODD = {
    "an option": b"--upload-pack=touch ran", "another option": b"-rf", "a shell": b"$(touch ran)", "a line break": b"b\nc",
    "an escape": b"b\x1b[2J", "no UTF-8": b"b\xff\xfe", "a device of Windows": b"con", "a carriage return": b"b\r",
    "case": b"A.YAML", "a glob": b"*", "a pathspec": b":(exclude)a.yaml", "a very long name": b"n" * 5000,
}  # fmt: skip


@pytest.mark.parametrize("name", ODD.values(), ids=ODD)
async def test_odd_names_are_files_or_an_error(tmp_path, maker, hostile, neighbour, name):
    await tree(hostile, *sorted([("100644", name)]))
    found = await taken_out(maker, hostile, tmp_path / "root")
    assert isinstance(found, SourceRefused) or found == sorted([PLAIN, os.fsdecode(name)])
    assert not list(tmp_path.rglob("ran"))
    await neighbour()


MODES = ["120000", "160000", "40000", "100666", "100777", "0100644", "777", "20000", "060000", "100644 "]


@pytest.mark.parametrize("mode", MODES)
async def test_modes_that_are_none_and_kinds_that_lie(tmp_path, maker, hostile, neighbour, mode):
    await tree(hostile, (mode, b"b"), content=b"/etc/passwd")
    found = await taken_out(maker, hostile, tmp_path / "root")
    assert isinstance(found, TrueupError) or set(found) <= {PLAIN, "b"}
    link = tmp_path / "root" / "b"
    assert not link.is_symlink() or str(link.readlink()) == "b"
    await neighbour()


MODULES = {
    "url is an option": '[submodule "a"]\n\tpath = a\n\turl = -u./payload\n',
    "url runs a program": '[submodule "a"]\n\tpath = a\n\turl = ext::sh -c touch% ran\n',
    "url has a line break": '[submodule "a"]\n\tpath = a\n\turl = "https://host/%0ahost=evil"\n',
    "path is an option": '[submodule "a"]\n\tpath = -x\n\turl = https://host/a\n',
    "path ends in a carriage return": '[submodule "a"]\n\tpath = "a\r"\n\turl = https://host/a\n',
    "update runs a program": '[submodule "a"]\n\tpath = a\n\turl = https://host/a\n\tupdate = !touch ran\n',
    "name leaves": '[submodule "../../hooks"]\n\tpath = a\n\turl = https://host/a\n',
    "garbage": "[submodule\n\0\xff",
}


@pytest.mark.parametrize("wanted", [False, True], ids=["not asked for", "asked for"])
@pytest.mark.parametrize("text", MODULES.values(), ids=MODULES)
async def test_hostile_submodules_are_never_fetched(tmp_path, maker, hostile, git_server, neighbour, text, wanted):  # noqa: PLR0917 - fixtures and a table
    blob, stored = blob_of(text.encode("latin-1"))
    listed = tree_of([("100644", b".gitmodules", blob), ("160000", b"a", "1" * 40), ("100644", b"a.yaml", blob)])
    await written(hostile, [("commit", commit_of(object_id("tree", listed))), ("tree", listed), stored])
    found = await taken_out(maker, hostile, tmp_path / "root", submodules=wanted)
    assert isinstance(found, SourceRefused) or (found == [".gitmodules", PLAIN] and not wanted)
    assert not isinstance(found, SourceRefused) or "gitmodules" in str(found)
    assert all("acme/hostile" in request for request in git_server.requests)
    assert not list(tmp_path.rglob("ran"))
    await neighbour()


ATTRIBUTES = {
    "a filter": "* filter=evil\n", "a filter of LFS": "* filter=lfs diff=lfs merge=lfs -text\n",
    "another encoding": "* working-tree-encoding=UTF-16\n", "hidden": "* export-ignore\n", "rewritten": "* export-subst ident\n",
    "line ends": "* text eol=crlf\n",
    "a macro": "[attr]evil export-ignore\n* evil\n",
    "a long line": f"* {'a' * 5000}\n", "many": "* a\n" * 200_000,
}  # fmt: skip


@pytest.mark.parametrize("text", ATTRIBUTES.values(), ids=ATTRIBUTES)
async def test_attributes_run_hide_and_rewrite_nothing(tmp_path, maker, hostile, neighbour, text):
    await hostile.commit({".gitattributes": text, PLAIN: "$Id$ $Format:%H$\n"})
    await hostile.git("config", "filter.evil.smudge", "touch ran")
    found = await taken_out(maker, hostile, tmp_path / "root")
    if isinstance(found, SourceRefused):
        assert REFUSED in str(found)
    else:
        assert found == [".gitattributes", PLAIN]
        assert (tmp_path / "root" / PLAIN).read_text() == "$Id$ $Format:%H$\n"
    await neighbour()


@pytest.mark.parametrize(
    ("directory", "name"),
    [(b"hooks", b"post-checkout"), (b".githooks", b"reference-transaction"), (b"objects", b"info"), (b"refs", b"heads")],
)
async def test_what_is_planted_in_a_tree_is_only_a_file(tmp_path, maker, hostile, neighbour, directory, name):  # noqa: PLR0917 - fixtures and a table
    await nested(hostile, directory, name)
    assert await taken_out(maker, hostile, tmp_path / "root") == sorted([f"{directory.decode()}/{name.decode()}", PLAIN])
    assert not list(tmp_path.rglob("ran"))
    await neighbour()


async def bomb(remote, *, width=10, depth=10):
    """Ten directories of ten directories of ten …: a few hundred bytes that are ten thousand million files."""
    identity, stored = blob_of()
    objects, mode = [stored], "100644"
    for _ in range(depth):
        level = tree_of([(mode, b"f%02d" % n, identity) for n in range(width)])
        identity, mode = object_id("tree", level), "40000"
        objects.insert(0, ("tree", level))
    await written(remote, [("commit", commit_of(identity)), *objects])


async def deep(remote):
    identity, stored = blob_of()
    objects, mode, name = [stored], "100644", b"f"
    for _ in range(1500):
        level = tree_of([(mode, name, identity)])
        identity, mode, name = object_id("tree", level), "40000", b"directory"
        objects.append(("tree", level))
    commit = commit_of(identity)
    content = pack([("commit", commit), *objects])
    remote.server.instead = saying(packfile(content, object_id("commit", commit)), commit=object_id("commit", commit))


async def wide(remote):
    identity, stored = blob_of()
    level = tree_of([("100644", b"f%07d" % n, identity) for n in range(300_000)])
    await written(remote, [("commit", commit_of(object_id("tree", level))), ("tree", level), stored])


async def large(remote):
    """400 MB of nothing, in 400 KB."""
    await written(remote, [("commit", commit_of(object_id("tree", tree_of([("100644", b"f", object_id("blob", bytes(400 << 20)))])))),
                           ("tree", tree_of([("100644", b"f", object_id("blob", bytes(400 << 20)))])), ("blob", bytes(400 << 20))])  # fmt: skip


async def long_message(remote):
    listed = tree_of([("100644", b"a.yaml", blob_of()[0])])
    message = b"m" * (30 << 20)
    await written(remote, [("commit", commit_of(object_id("tree", listed), message)), ("tree", listed), blob_of()[1]])


@pytest.mark.parametrize("build", [bomb, deep, wide, large, long_message], ids=lambda build: build.__name__)
async def test_what_is_small_to_send_and_large_to_hold(tmp_path, maker, hostile, neighbour, build):
    await build(hostile)
    found = await taken_out(maker, hostile, tmp_path / "root")
    assert isinstance(found, TrueupError) or build is long_message, found
    size = sum(file.lstat().st_blocks * 512 for file in tmp_path.rglob("*") if file.is_file() and "served" not in file.parts)
    assert size < 600 << 20
    await neighbour()


async def test_a_branch_that_is_at_no_commit(tmp_path, maker, hostile, neighbour):
    for kind, content in (("blob", b"x"), ("tree", tree_of([("100644", b"a.yaml", blob_of()[0])]))):
        await written(hostile, [(kind, content), blob_of()[1]], ref=f"refs/tags/{kind}")
        found = await taken_out(maker, hostile, tmp_path / kind, ref=f"refs/tags/{kind}")
        assert isinstance(found, SourceRefused)
    await neighbour()


async def test_a_tag_of_a_tag_of_a_tag(tmp_path, maker, hostile, neighbour):
    identity = await hostile.commit({PLAIN: "1"})
    for number in range(200):
        kind = "tag" if number else "commit"
        text = f"object {identity}\ntype {kind}\ntag t{number}\ntagger A <a@b.c> 1700000000 +0000\n\nx\n"
        identity = await hostile.git("hash-object", "-t", "tag", "-w", "--stdin", stdin=text.encode())
    await hostile.set_ref("refs/tags/deep", identity)
    assert await taken_out(maker, hostile, tmp_path / "root", ref="refs/tags/deep") == [PLAIN]
    await neighbour()


async def test_replacements_and_grafts_of_the_server_replace_nothing(tmp_path, maker, hostile, neighbour):
    commit = await hostile.commit({PLAIN: "good"})
    other = await hostile.commit({PLAIN: "evil"}, branch="other")
    await hostile.set_ref(f"refs/replace/{commit}", other)
    mirror = maker(repository_at(hostile.url))
    for ref in (f"refs/replace/{commit}", MAIN):
        await mirror.fetch(ref)
    await mirror.git.run(mirror.directory.path, "update-ref", f"refs/replace/{commit}", other, call=Call("replace"))
    assert await taken_out(maker, hostile, tmp_path / "root") == [PLAIN]
    assert (tmp_path / "root" / PLAIN).read_text() == "good"
    await neighbour()


async def test_objects_that_only_another_place_has_are_not_asked_for_there(tmp_path, maker, hostile, neighbour):
    """Partial clones, alternates: what a server leaves out is not fetched by and by from wherever it says."""
    commit, objects = one_commit()
    hostile.server.instead = saying(packfile(pack(objects[:1]), commit), commit=commit)
    found = await taken_out(maker, hostile, tmp_path / "root")
    assert isinstance(found, TrueupError)
    await neighbour()


async def test_a_dumb_server_leads_to_no_other_host(tmp_path, maker, hostile, neighbour):
    commit = await hostile.commit({PLAIN: "1"})
    seen = []

    async def thief(request):
        seen.append(request.path)
        return web.Response(status=404)

    async with answering(thief) as elsewhere:

        async def dumb(request):
            if request.path.endswith("/info/refs"):
                return web.Response(text=f"{commit}\t{MAIN}\n")
            if request.path.endswith("http-alternates"):
                return web.Response(text=f"{elsewhere}/acme/shop.git/objects\n")
            return web.Response(text=MAIN if request.path.endswith("HEAD") else "", status=200 if "HEAD" in request.path else 404)

        hostile.server.instead = dumb
        assert isinstance(await taken_out(maker, hostile, tmp_path / "root"), TrueupError)
    assert seen == []
    await neighbour()


async def test_without_the_check_of_objects_a_hostile_tree_comes_in(tmp_path, maker, hostile, monkeypatch):
    await tree(hostile, ("100644", b".git"))
    monkeypatch.delitem(OPTIONS, "fetch.fsckObjects")
    monkeypatch.delitem(OPTIONS, "transfer.fsckObjects")
    found = await taken_out(maker, hostile, tmp_path / "root")
    assert "refused the path '.git'" in str(found)  # it is in the mirror; what writes files out is the second line of defence


async def test_the_attributes_of_the_mirror_decide_which_files_are_hidden(tmp_path, maker, hostile, monkeypatch):
    await hostile.commit({".gitattributes": "a.yaml -export-ignore\n", PLAIN: "1"})
    monkeypatch.setattr("reconciler.git.directory.ATTRIBUTES", "a.yaml export-ignore\n")
    assert await taken_out(maker, hostile, tmp_path / "root") == [".gitattributes"]


async def test_the_attributes_of_a_commit_are_not_even_looked_for(tmp_path, maker, hostile, monkeypatch):
    await hostile.commit({".gitattributes": "a.yaml export-ignore\n", PLAIN: "1"})
    monkeypatch.setattr("reconciler.git.directory.ATTRIBUTES", "")
    assert await taken_out(maker, hostile, tmp_path / "root") == [".gitattributes", PLAIN]


async def test_without_the_bound_of_files_a_bomb_goes_on(tmp_path, maker, hostile, monkeypatch):
    await bomb(hostile, width=10, depth=3)
    monkeypatch.setattr(exporting, "LIMIT_FILES", 100)
    assert "more than 100 files" in str(await taken_out(maker, hostile, tmp_path / "first"))
    monkeypatch.setattr(exporting, "LIMIT_FILES", 10_000)
    assert len(await taken_out(maker, hostile, tmp_path / "second")) == 1000
