"""Submodules in their places, with real git over HTTP: what is read of a commit, what a change of one changes, and what is refused."""

import asyncio
import contextlib
import re

import pytest

from reconciler.errors import SourceRefused, SourceUnavailable
from reconciler.git import command, submodules, whole
from reconciler.git.export import export
from reconciler.model.declared import SecretRef
from reconciler.settings import CredentialSettings
from tests.servers import git_ssh
from tests.servers.git_http import MirrorMaker, Remote, repository_at
from trueup.sandbox.githttp import GitServer

MAIN = "refs/heads/main"


def modules(**urls):
    """A file that says where submodules are, by their paths; `__` stands for a slash."""
    places = {name.replace("__", "/"): url for name, url in urls.items()}
    return "".join(f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n' for path, url in places.items())


async def link(remote, links, files, *, symlinks=()):
    """A commit with files, links to commits of submodules at paths, and links to paths by the paths of these."""
    await remote.commit(files)
    entries = [f"160000 {commit}\t{path}\n" for path, commit in links.items()]
    for path, target in dict(symlinks).items():
        blob = await remote.git("hash-object", "-w", "--stdin", stdin=target.encode())
        entries.append(f"120000 {blob}\t{path}\n")
    lines = "".join(entries).encode()
    index = {"GIT_INDEX_FILE": str(remote.server.path(remote.name) / "scratch-index")}
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    bare = remote.server.path(remote.name)

    async def git(*arguments, stdin=b""):
        return await remote.server.git(bare, *who, *arguments, stdin=stdin, env=index)

    await git("read-tree", MAIN)
    await git("update-index", "--index-info", stdin=lines)
    made = await git("commit-tree", await git("write-tree"), "-p", MAIN, "-m", "linked")
    await remote.set_ref(MAIN, made)
    return made


@pytest.fixture
def lib(git_server):
    return Remote(git_server, "acme/lib")


@pytest.fixture
def whole_mirror(worker, remote):
    return worker(repository_at(remote.url, submodules=True))


async def refused(mirror, commit):
    """Why its only gap is one."""
    (why,) = (await mirror.ensure(commit)).values()
    return why


async def taken_out(mirror, commit, root, path=""):
    await mirror.ensure(commit)
    root.mkdir()
    await export(mirror, commit, path, root)
    return {str(file.relative_to(root)): file.read_text() for file in root.rglob("*") if file.is_file()}


async def test_submodules_are_in_their_places_with_those_within_them(tmp_path, whole_mirror, remote, lib, git_server):
    deep = Remote(git_server, "other/deep")
    deepest = await deep.commit({"d.yaml": "deep"})
    within = await link(lib, {"more/deep": deepest}, {"l.yaml": "lib", ".gitmodules": modules(more__deep="../../other/deep.git")})
    commit = await link(remote, {"vendor/lib": within}, {"a.yaml": "1", ".gitmodules": modules(vendor__lib="../lib.git")})
    assert await whole_mirror.fetch(MAIN) == commit
    found = await taken_out(whole_mirror, commit, tmp_path / "root")
    assert {name: text for name, text in found.items() if name.endswith(".yaml")} == {
        "a.yaml": "1", "vendor/lib/l.yaml": "lib", "vendor/lib/more/deep/d.yaml": "deep"
    }  # fmt: skip
    assert (await taken_out(whole_mirror, commit, tmp_path / "one", "vendor/lib/more"))["vendor/lib/more/deep/d.yaml"] == "deep"
    files = await whole_mirror.files(commit, ["vendor/lib/l.yaml"], limit_bytes=1000)
    assert files == {"vendor/lib/l.yaml": b"lib"}


async def test_what_changes_in_a_submodule_changes_its_files_and_no_others(worker, whole_mirror, remote, lib):
    linked = {".gitmodules": modules(vendor__lib="../lib.git"), "a.yaml": "1"}
    old = await link(remote, {"vendor/lib": await lib.commit({"x/l.yaml": "1", "y/l.yaml": "1"})}, linked)
    new = await link(remote, {"vendor/lib": await lib.commit({"x/l.yaml": "2"})}, {})
    for commit in (old, new):
        await whole_mirror.ensure(commit)
    assert await whole_mirror.changed(old, new) == {"vendor/lib/x/l.yaml"}
    trees = [await whole_mirror.trees(commit, ["vendor/lib/x", "vendor/lib/y"]) for commit in (old, new)]
    assert trees[0]["vendor/lib/x"] != trees[1]["vendor/lib/x"]
    assert trees[0]["vendor/lib/y"] == trees[1]["vendor/lib/y"]

    plain = worker(repository_at(remote.url))
    await plain.ensure(new)
    assert await plain.changed(old, new) == {"vendor/lib"}
    assert await plain.trees(new, ["vendor/lib/x"]) == {}


async def test_what_was_fetched_once_is_not_fetched_again(worker, whole_mirror, remote, lib, git_server):
    first = await lib.commit({"l.yaml": "1"})
    old = await link(remote, {"lib": first}, {".gitmodules": modules(lib="../lib.git")})
    await whole_mirror.ensure(old)
    new = await link(remote, {"lib": first}, {"b.yaml": "1"})
    seen = len(git_server.requests)
    await whole_mirror.ensure(new)
    assert not [request for request in git_server.requests[seen:] if "acme/lib" in request]
    other = worker(repository_at(remote.url, submodules=True))
    seen = len(git_server.requests)
    await other.ensure(new)
    assert len(git_server.requests) == seen


async def test_many_may_want_one_commit_at_once(worker, remote, lib):
    commit = await link(remote, {"lib": await lib.commit({"l.yaml": "1"})}, {".gitmodules": modules(lib="../lib.git")})
    mirrors = [worker(repository_at(remote.url, submodules=True)) for _ in range(6)]
    await asyncio.gather(*(mirror.ensure(commit) for mirror in mirrors))
    assert [set(await mirror.files(commit, ["lib/l.yaml"], limit_bytes=9)) for mirror in mirrors] == [{"lib/l.yaml"}] * 6


async def test_a_commit_without_submodules_is_itself(tmp_path, whole_mirror, remote):
    commit = await remote.commit({"a.yaml": "1"})
    assert await taken_out(whole_mirror, commit, tmp_path / "root") == {"a.yaml": "1"}
    assert await whole_mirror.tree(commit) == await remote.git("rev-parse", f"{commit}^{{tree}}")


async def test_a_mirror_that_was_thrown_away_is_made_whole_again(tmp_path, whole_mirror, remote, lib):
    linked = {".gitmodules": modules(lib="../lib.git")}
    commit = await link(remote, {"lib": await lib.commit({"l.yaml": "1"})}, linked)
    await whole_mirror.ensure(commit)
    await whole_mirror.directory.throw_away(whole_mirror.directory.identity)
    with contextlib.suppress(SourceUnavailable):  # by a file system that gives out the same number again, it is missed by a read
        await whole_mirror.tree(commit, "lib")
    assert "lib/l.yaml" in await taken_out(whole_mirror, commit, tmp_path / "root")


async def test_a_submodule_of_another_algorithm_leaves_the_mirror_as_it_is(whole_mirror, remote, lib, git_server):
    path = git_server.path(lib.name)
    path.mkdir(parents=True)
    await lib.git("init", "--quiet", "--bare", "--object-format=sha256", "--initial-branch=main")
    await lib.git("config", "uploadpack.allowAnySHA1InWant", "true")
    await lib.commit({"l.yaml": "1"})
    commit = await link(remote, {"lib": "1" * 40}, {".gitmodules": modules(lib="../lib.git")})
    await whole_mirror.fetch(MAIN)
    identity = whole_mirror.directory.identity
    assert "another algorithm" in await refused(whole_mirror, commit)
    assert whole_mirror.directory.identity == identity
    assert await whole_mirror.has(commit)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        pytest.param(None, "has submodules at lib, and no file .gitmodules", id="no file"),
        pytest.param(modules(other="../lib.git"), "says nothing of the submodule at 'lib'", id="another path"),
        pytest.param(
            modules(lib="https://elsewhere.example/acme/lib.git"), "'lib' at lib: .* is elsewhere than", id="another host"
        ),
        pytest.param(
            modules(lib="../absent.git"), "'lib' at lib: .*no such repository.*check its url in .gitmodules", id="no repository"
        ),
        pytest.param(modules(lib="../lib.git"), "does not have this commit|no such", id="no such commit"),
        pytest.param("x" * (whole.MODULES_BYTES + 1), "is longer than 256 KiB", id="too long"),
    ],
)
async def test_what_cannot_be_put_in_place_is_said(whole_mirror, remote, lib, said, why):
    await lib.commit({"l.yaml": "1"})
    files = {"a.yaml": "1"} | ({".gitmodules": said} if said is not None else {})
    commit = await link(remote, {"lib": "1" * 40}, files)
    said = await refused(whole_mirror, commit)
    assert re.search(why, said), said
    assert said.startswith(f"trueup/shop: commit {commit[:12]}")
    assert said.count("trueup/shop") == 1


@pytest.mark.long
async def test_a_login_goes_to_the_submodules_of_its_host_and_a_template_no_further_than_it_reaches(tmp_path):
    template = {"secret": "git", "namespaces": ["trueup"]}
    async with GitServer(tmp_path / "served", login="ada:hunter2") as server:
        shop, lib, other = (Remote(server, name) for name in ("acme/shop", "acme/lib", "other/lib"))
        linked = await lib.commit({"l.yaml": "1"})
        commit = await link(shop, {"lib": linked}, {".gitmodules": modules(lib="../lib.git")})
        far = await link(
            shop,
            {"far": await other.commit({"far.yaml": "1"})},
            {".gitmodules": modules(lib="../lib.git", far="../../other/lib.git")},
        )
        secrets = {"git": {"username": b"ada", "password": b"hunter2"}, "more": {"password": b"x"}}
        own = MirrorMaker(tmp_path / "own")(
            repository_at(shop.url, submodules=True, credentials=SecretRef("trueup", "git")), secrets
        )
        await own.ensure(commit)

        settings = {f"{server.url('acme').removesuffix('.git')}": CredentialSettings(**template)}
        by_template = MirrorMaker(tmp_path / "template", credentials=settings)(repository_at(shop.url, submodules=True), secrets)
        await by_template.ensure(commit)
        assert "asks for credentials" in await refused(by_template, far)

        settings[server.url("other").removesuffix(".git")] = CredentialSettings(secret="more", namespaces=["trueup"])
        two = MirrorMaker(tmp_path / "two", credentials=settings)(repository_at(shop.url, submodules=True), secrets)
        assert "is opened by another Secret" in await refused(two, far)


@pytest.mark.long
async def test_there_is_an_end_to_submodules_within_submodules(whole_mirror, remote, git_server, monkeypatch):
    linked, below = await Remote(git_server, "acme/r0").commit({"x.yaml": "0"}), "r0"
    for depth in range(1, whole.DEEPEST + 1):
        repository = Remote(git_server, f"acme/r{depth}")
        linked = await link(repository, {"s": linked}, {".gitmodules": modules(s=f"../{below}.git")})
        below = f"r{depth}"
    commit = await link(remote, {"s": linked}, {".gitmodules": modules(s=f"../{below}.git")})
    assert "is one too many" in await refused(whole_mirror, commit)
    monkeypatch.setattr(whole, "DEEPEST", whole.DEEPEST + 1)
    await whole_mirror.ensure(commit)
    monkeypatch.setattr(whole, "MOST", 2)
    more = await link(remote, {}, {"b": "1"})
    assert "is one too many" in await refused(whole_mirror, more)


@pytest.mark.parametrize("guard", [True, False], ids=["guarded", "not guarded"])
async def test_another_host_is_asked_only_without_the_guard(tmp_path, whole_mirror, remote, monkeypatch, guard):
    if not guard:
        monkeypatch.setattr(submodules, "_whom", lambda _: ("", "", None, ""))
    async with GitServer(tmp_path / "elsewhere") as elsewhere:
        linked = await Remote(elsewhere, "acme/lib").commit({"l.yaml": "1"})
        commit = await link(remote, {"lib": linked}, {".gitmodules": modules(lib=elsewhere.url("acme/lib"))})
        if guard:
            assert "is elsewhere than" in await refused(whole_mirror, commit)
        else:
            await whole_mirror.ensure(commit)
        assert bool(elsewhere.requests) is not guard


async def two_of_which_one_is_refused(remote, lib):
    linked = {"lib": await lib.commit({"l.yaml": "1"}), "other": "1" * 40}
    return await link(remote, linked, {"a.yaml": "1", ".gitmodules": modules(lib="../lib.git", other="../other.git")})


async def test_a_gap_is_filled_when_it_can_be_and_what_is_beside_it_is_there(tmp_path, whole_mirror, remote, lib, git_server):
    commit = await two_of_which_one_is_refused(remote, lib)
    assert list(await whole_mirror.ensure(commit)) == ["other"]
    found = await taken_out(whole_mirror, commit, tmp_path / "root")
    assert set(found) == {"a.yaml", ".gitmodules", "lib/l.yaml"}
    other = Remote(git_server, "acme/other")
    new = await link(remote, {"other": await other.commit({"o.yaml": "1"})}, {})
    assert await whole_mirror.ensure(new) == {}
    assert await whole_mirror.changed(commit, new) == {"other", "other/o.yaml"}


async def test_who_is_refused_more_by_now_takes_nothing_away(whole_mirror, remote, lib):
    commit = await two_of_which_one_is_refused(remote, lib)
    await whole_mirror.ensure(commit)

    async def refuse(*_):
        raise SourceRefused("trueup/shop: no more")

    gaps = await whole.make_whole(whole_mirror, commit, refuse)
    assert list(gaps) == ["other"]
    assert "no more" in gaps["other"]
    assert await whole_mirror.files(commit, ["lib/l.yaml"], limit_bytes=9) == {"lib/l.yaml": b"1"}


async def test_who_is_slower_takes_nothing_away(whole_mirror, remote, lib):
    commit = await two_of_which_one_is_refused(remote, lib)
    await whole_mirror.fetch(MAIN)
    asked = []

    async def refuse(url, _):
        asked.append(url)
        if len(asked) == 1:
            await whole_mirror.ensure(commit)
        raise SourceRefused("trueup/shop: not for me")

    assert list(await whole.make_whole(whole_mirror, commit, refuse)) == ["other"]
    assert len(asked) == 4
    assert await whole_mirror.files(commit, ["lib/l.yaml"], limit_bytes=9) == {"lib/l.yaml": b"1"}


async def test_submodules_that_are_too_much_for_the_mirror_are_no_gap(whole_mirror, remote, lib):
    commit = await two_of_which_one_is_refused(remote, lib)
    await whole_mirror.fetch(MAIN)

    async def overflow(*_):
        await whole_mirror.directory.throw_away(whole_mirror.directory.identity)
        raise SourceRefused("trueup/shop: too large")

    with pytest.raises(SourceRefused, match="too large"):
        await whole.make_whole(whole_mirror, commit, overflow)


async def test_a_link_in_the_place_of_the_file_is_refused_though_git_does_not(whole_mirror, remote, monkeypatch):
    monkeypatch.setattr(command, "OPTIONS", command.OPTIONS | {"fetch.fsckObjects": "false", "transfer.fsckObjects": "false"})
    commit = await remote.commit_entries([("120000", ".gitmodules", "elsewhere"), ("160000", "lib", "1" * 40)])
    assert "is a link; make it a file" in await refused(whole_mirror, commit)


async def test_for_a_commit_of_strangers_no_submodule_is_fetched(whole_mirror, remote, lib, git_server):
    known = await link(remote, {"lib": await lib.commit({"l.yaml": "1"})}, {".gitmodules": modules(lib="../lib.git")})
    await whole_mirror.ensure(known)
    theirs = await link(remote, {}, {"a.yaml": "stolen: lib/l.yaml"})
    new = await link(remote, {"lib": await lib.commit({"l.yaml": "2"})}, {})
    seen = len([request for request in git_server.requests if "acme/lib" in request])
    for commit in (theirs, new):
        with pytest.raises(SourceRefused, match="'lib' at lib: is not fetched for a commit of people who may not write"):
            await whole_mirror.ensure(commit, is_trusted=False)
    assert len([request for request in git_server.requests if "acme/lib" in request]) == seen
    assert await whole_mirror.changed(known, new) == {"a.yaml", "lib"}
    await whole_mirror.ensure(known, is_trusted=False)
    await whole_mirror.ensure(new)
    assert await whole_mirror.changed(known, new) == {"a.yaml", "lib/l.yaml"}


async def test_by_ssh_the_same_connection_serves(tmp_path, lib, remote, git_server):
    commit = await link(remote, {"lib": await lib.commit({"l.yaml": "1"})}, {".gitmodules": modules(lib="../lib.git")})
    async with git_ssh.SshGit(git_server.path("acme/shop").parent.parent) as ssh:
        maker = MirrorMaker(tmp_path / "state")
        repository = repository_at(ssh.url(), submodules=True, credentials=SecretRef("trueup", "git"))
        mirror = maker(repository, git_ssh.secret(ssh.port))
        await mirror.ensure(commit)
        assert "lib/l.yaml" in await taken_out(mirror, commit, tmp_path / "root")
        assert ssh.connections == 1
        await maker.close()
