"""A working directory in the place of a repository: as it is, and nothing of it is changed or kept."""

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from reconciler.errors import SourceRefused
from reconciler.git.mirror import Mirrors
from reconciler.git.snapshot import snapshot
from reconciler.model.declared import Forge, Name, Repository
from reconciler.settings import ReconcilerSettings
from tests.reconciler.git.test_whole import link, modules
from tests.servers.git_http import GivenSecrets, Remote, repository_at

SHOP = Repository(Name("trueup", "shop"), "https://git.example/acme/shop.git", "x", Forge.GENERIC, "")


@pytest.fixture
async def mirrors(tmp_path):
    found = Mirrors(ReconcilerSettings(state=tmp_path / "state"), GivenSecrets())
    yield found
    await found.close()


@pytest.fixture
def checkout(tmp_path):
    """A checkout with a commit, a change that is staged, one that is not, an ignored file, and hooks and filters that would be seen."""
    work = tmp_path / "work"
    files = {"a.yaml": "committed", "b.yaml": "committed", ".gitignore": "*.log\n", ".gitattributes": "*.yaml filter=shout\n"}
    for name, text in files.items():
        (work / name).parent.mkdir(exist_ok=True)
        (work / name).write_text(text)
    ran = tmp_path / "ran"
    git(work, "init", "-q")
    git(work, "add", "-A")
    git(work, "commit", "-qm", "first")
    git(work, "config", "filter.shout.clean", f"tee {ran}")
    (work / "a.yaml").write_text("staged")
    git(work, "-c", "filter.shout.clean=cat", "add", "a.yaml")
    (work / "b.yaml").write_text("changed")
    (work / "sub").mkdir()
    (work / "sub" / "new.yaml").write_text("new")
    (work / "debug.log").write_text("x")
    (work / "link.yaml").symlink_to("/etc/passwd")
    return work, ran


def git(work, *arguments):
    environment = {"PATH": os.environ["PATH"], "HOME": str(work.parent)} | {
        f"GIT_{who}_{what}": "a@x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    return subprocess.run(["git", *arguments], cwd=work, env=environment, check=True, capture_output=True, text=True).stdout


def everything(root: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file() and not file.is_symlink()
    }


async def test_a_directory_is_taken_as_it_is_and_nothing_is_left(mirrors, checkout, tmp_path):
    work, ran = checkout
    before = everything(work)
    async with snapshot(SHOP, work, mirrors) as (stand_in, commit):
        mirror = mirrors.of(stand_in)
        names = ["a.yaml", "b.yaml", "sub/new.yaml", "debug.log", "link.yaml"]
        found = await mirror.files(commit, names, limit_bytes=100)
        assert await mirror.has(commit)
    link = found.pop("link.yaml")
    assert found == {"a.yaml": b"staged", "b.yaml": b"changed", "sub/new.yaml": b"new"}
    assert "is a link" in str(link), "which is exported as one, and not followed"
    assert (stand_in.name, stand_in.credentials, stand_in.verify) == (SHOP.name, None, None)
    assert everything(work) == before, "its own index too"
    assert not ran.exists(), "what its configuration names was not run"
    assert list((tmp_path / "state" / "mirrors").iterdir()) == []


@pytest.mark.parametrize("where", ["nowhere", "file"])
async def test_what_is_no_directory_is_refused(mirrors, tmp_path, where):
    (tmp_path / "file").write_text("x")
    with pytest.raises(SourceRefused, match=f"trueup/shop: .*{where} is no directory"):
        async with snapshot(SHOP, tmp_path / where, mirrors):
            raise AssertionError


async def test_submodules_that_are_checked_out_are_read_from_where_the_repository_has_them(tmp_path, git_server):
    shop, lib = Remote(git_server), Remote(git_server, "acme/lib")
    linked = await lib.commit({"l.yaml": "lib"})
    await link(shop, {"vendor/lib": linked}, {"a.yaml": "1", ".gitmodules": modules(vendor__lib="../lib.git")})
    await asyncio.to_thread(git, tmp_path, "clone", "-q", "--recurse-submodules", shop.url, "work")
    (tmp_path / "work" / "a.yaml").write_text("changed")
    mirrors = Mirrors(ReconcilerSettings(state=tmp_path / "state", git_protocols=("http", "file")), GivenSecrets())
    async with snapshot(repository_at(shop.url, submodules=True), tmp_path / "work", mirrors) as (stand_in, commit):
        mirror = mirrors.of(stand_in)
        await mirror.ensure(commit)
        found = await mirror.files(commit, ["a.yaml", "vendor/lib/l.yaml"], limit_bytes=100)
    assert found == {"a.yaml": b"changed", "vendor/lib/l.yaml": b"lib"}
