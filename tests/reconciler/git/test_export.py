"""What an export writes, and what it refuses to: hostile trees from a real repository, over HTTP."""

import tarfile

import pytest

from reconciler.errors import PathMissing, SourceRefused, TrueupError
from reconciler.git import export as room
from reconciler.git.export import export

MAIN = "refs/heads/main"


@pytest.fixture
def root(tmp_path):
    directory = tmp_path / "out"
    directory.mkdir()
    return directory


def written(root):
    return {str(file.relative_to(root)) for file in root.rglob("*") if not file.is_dir() or file.is_symlink()}


async def test_only_the_path_is_written_and_nothing_is_left_beside_it(mirror, remote, root, tmp_path):
    commit = await remote.commit({"apps/web/a.yaml": "1", "apps/web/deep/b.yaml": "2", "apps/api/c.yaml": "3"})
    await mirror.ensure(commit)
    await export(mirror, commit, "apps/web", root)
    assert written(root) == {"apps/web/a.yaml", "apps/web/deep/b.yaml"}
    assert not list(tmp_path.glob("*.tar"))


async def test_an_absent_path_is_told_apart(mirror, remote, root):
    commit = await remote.commit({"apps/web/a.yaml": "1"})
    await mirror.ensure(commit)
    with pytest.raises(PathMissing, match=r"has no path 'apps/api'; check spec"):
        await export(mirror, commit, "apps/api", root)


async def test_attributes_of_the_repository_neither_hide_nor_rewrite(mirror, remote, root):
    attributes = "*.yaml export-ignore\n* text eol=crlf\n*.id ident\n*.sub export-subst\n"
    files = {".gitattributes": attributes, "a.yaml": "a\nb\n", "x.id": "$Id$\n", "y.sub": "$Format:%H$\n"}
    commit = await remote.commit(files)
    await mirror.ensure(commit)
    await export(mirror, commit, "", root)
    assert {name: (root / name).read_bytes().decode() for name in files} == files


async def test_names_may_hold_anything(mirror, remote, root):
    names = {"a\nb.yaml", "-rf", "ä ö.yaml", "a" * 200 + "/" + "b" * 200, ":(glob)*", "back\\slash"}
    commit = await remote.commit(dict.fromkeys(names, "1"))
    await mirror.ensure(commit)
    await export(mirror, commit, "", root)
    assert written(root) == names
    assert await mirror.tree(commit, ":(glob)*")


async def test_submodules_are_left_out(mirror, remote, root):
    commit = await remote.commit_entries([("100644", "a.yaml", "1"), ("160000", "sub", "1" * 40)])
    await mirror.ensure(commit)
    await export(mirror, commit, "", root)
    assert written(root) == {"a.yaml"}


async def test_a_link_within_the_repository_brings_along_what_it_leads_to(mirror, remote, root):
    shared = await remote.commit({"deep/shared.yaml": "shared"}, branch="parts")
    deep = await remote.git("rev-parse", f"{shared}:deep")
    link = await remote.commit_entries([("120000", "a.yaml", "../common/shared.yaml")], branch="link")
    web = await remote.git("rev-parse", f"{link}^{{tree}}")
    commit = await remote.commit_entries([("40000", "common", deep), ("40000", "web", web)])
    await mirror.ensure(commit)
    await export(mirror, commit, "web", root)
    assert (root / "web" / "a.yaml").read_text() == "shared"


@pytest.mark.parametrize(
    "links",
    [
        [("120000", "a.yaml", "/etc/passwd")],
        [("120000", "a.yaml", "../../etc/passwd")],
        [("120000", "a.yaml", "x/../../y")],
        [("120000", "a.yaml", "b/../../../out.tar"), ("120000", "b", "tree/x")],
        [("120000", "a.yaml", "a.yaml")],
    ],
    ids=["absolute", "up", "up-after-down", "by-way-of-another", "circle"],
)
async def test_a_link_that_leaves_cannot_be_read_and_bothers_nobody_else(mirror, remote, root, links):
    inner = await remote.commit({"x/keep": "1"}, branch="inner")
    tree = await remote.git("rev-parse", f"{inner}^{{tree}}")
    commit = await remote.commit_entries([*links, ("40000", "tree", tree)])
    await mirror.ensure(commit)
    await export(mirror, commit, "", root)
    assert (root / "tree" / "x" / "keep").read_text() == "1"
    with pytest.raises(OSError, match="symbolic links"):
        (root / "a.yaml").read_bytes()
    for path in root.rglob("*"):
        assert path.parent.resolve().is_relative_to(root.resolve())


async def test_a_link_that_leads_nowhere_is_left_to_whoever_reads_it(mirror, remote, root):
    commit = await remote.commit_entries([("120000", "a.yaml", "absent.yaml"), ("100644", "b.yaml", "1")])
    await mirror.ensure(commit)
    await export(mirror, commit, "a.yaml", root)
    with pytest.raises(FileNotFoundError):
        (root / "a.yaml").read_bytes()


@pytest.mark.parametrize(
    "entries",
    [
        [("100644", "..", "x")],
        [("100644", ".git", "x")],
        [("100644", ".GIT", "x")],
        [("100644", "a/b", "x")],
        [("100644", "../x", "x")],
        [("120000", "a", "sub"), ("100644", "a", "x")],
    ],
    ids=["dot-dot", "git", "git-in-capitals", "slash", "up", "twice"],
)
async def test_trees_that_git_would_not_make_are_refused_at_the_fetch(mirror, remote, entries):
    commit = await remote.commit_entries(entries)
    with pytest.raises(SourceRefused, match="git's own check refuses"):
        await mirror.ensure(commit)


@pytest.mark.parametrize(
    "name", ["../x", "/etc/x", "a/../../x", ".git/config", "a/.GIT/hooks/x", "a//b", ""], ids=lambda name: name or "empty"
)
def test_an_archive_is_not_trusted_with_names(tmp_path, root, name):
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as tar:
        tar.addfile(tarfile.TarInfo(name))
    with pytest.raises(SourceRefused, match="refused the path"):
        room._Export(root, "shop").unpack(archive)
    assert not written(root)


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_an_archive_is_not_trusted_with_kinds(tmp_path, root, kind):
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as tar:
        member = tarfile.TarInfo("a")
        member.type, member.linkname = kind, "/etc/passwd"
        tar.addfile(member)
    with pytest.raises(SourceRefused, match="neither a file nor a link"):
        room._Export(root, "shop").unpack(archive)


def test_no_file_is_written_through_a_link(tmp_path, root):
    outside = tmp_path / "outside"
    outside.mkdir()
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as tar:
        link = tarfile.TarInfo("a")
        link.type, link.linkname = tarfile.SYMTYPE, "b"
        tar.addfile(link)
        tar.addfile(tarfile.TarInfo("a/evil"))
    taken = room._Export(root, "shop")
    taken.unpack(archive)
    with pytest.raises(SourceRefused, match="twice"):
        taken.link()
    assert not list(outside.iterdir())


@pytest.mark.parametrize(("limit", "value"), [("LIMIT_FILES", 3), ("LIMIT_BYTES", 1000)])
async def test_too_much_is_refused(mirror, remote, root, monkeypatch, limit, value):  # noqa: PLR0917 - fixtures and a table
    commit = await remote.commit({f"f{number}": "x" * 500 for number in range(5)})
    await mirror.ensure(commit)
    monkeypatch.setattr(room, limit, value)
    with pytest.raises(TrueupError, match=r"more than|no configuration repository"):
        await export(mirror, commit, "", root)


async def test_an_archive_past_the_limit_never_fills_the_disk(mirror, remote, root):
    commit = await remote.commit({"big": "x" * 3_000_000})
    await mirror.ensure(commit)
    with pytest.raises(SourceRefused, match="more than 1 MiB; this is no configuration repository"):
        await mirror.archive(commit, (), root / "a.tar", limit_bytes=1 << 20)
    assert (root / "a.tar").stat().st_size <= 1 << 20
