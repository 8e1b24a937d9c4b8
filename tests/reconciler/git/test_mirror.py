"""What a mirror says of a remote, with real git over HTTP: branches that move, vanish and come back, tags, damage, old servers."""

import asyncio
import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.errors import SourceRefused, SourceUnavailable
from reconciler.model.declared import Name, SecretRef
from tests.servers.git_http import MirrorMaker, repository_at

MAIN = "refs/heads/main"


async def test_heads_lists_branches_and_follows_annotated_tags(mirror, remote):
    commit = await remote.commit({"a.yaml": "1"})
    await remote.set_ref("refs/heads/release/1", commit)
    await remote.set_ref("refs/tags/light", commit)
    tag = await remote.tag("v1", commit)
    heads = await mirror.heads()
    assert set(heads) == {MAIN, "refs/heads/release/1", "refs/tags/light", "refs/tags/v1"}
    assert set(heads.values()) == {commit}
    assert tag != commit


async def test_other_refs_are_looked_for_by_name(mirror, remote):
    commit = await remote.commit({"a": "1"})
    pull = await remote.commit({"a": "2"}, branch="other")
    await remote.set_ref("refs/pull/7/head", pull)
    await remote.delete_ref("refs/heads/other")
    heads = await mirror.heads(["refs/pull/7/head", "refs/pull/8/head", MAIN, "refs/heads/gone"])
    assert heads == {MAIN: commit, "refs/pull/7/head": pull}


async def test_only_what_is_followed_is_asked_for(mirror, remote, git_server):
    commit = await remote.commit({"a": "1"})
    for ref in (
        "refs/heads/main2",
        "refs/heads/v1",
        "refs/tags/v1",
        "refs/tags/main",
        "refs/tags/shop-v1.2.0",
        "refs/tags/v1.2.0",
    ):
        await remote.set_ref(ref, commit)
    annotated = await remote.tag("v1.3.0", commit)
    bodies = []

    async def listen(request):
        if request.method == "POST":
            bodies.append(await request.read())

    git_server.instead = listen
    assert set(await mirror.heads(["main", "v1", "gone", "f" * 40])) == {MAIN, "refs/tags/main", "refs/heads/v1", "refs/tags/v1"}
    tags = await mirror.heads(["semver:^1"])
    assert {"refs/tags/v1.2.0", "refs/tags/v1.3.0"} <= set(tags)
    assert not [ref for ref in tags if not ref.startswith("refs/tags/")]
    assert tags["refs/tags/v1.3.0"] == commit != annotated
    assert await mirror.heads(["semver:shop-v:*"]) == {"refs/tags/shop-v1.2.0": commit}
    assert await mirror.heads(["f" * 40]) == {}
    assert [body.count(b"ref-prefix ") for body in bodies] == [6, 1, 1, 1]
    assert b"ref-prefix refs/heads/main\n" in bodies[0]


async def test_a_server_of_the_older_protocol_is_asked_for_everything(mirror, remote, git_server):
    commit = await remote.commit({"a": "1"})
    await remote.set_ref("refs/pull/7/head", commit)
    await remote.tag("v1.3.0", commit)
    git_server.speaks_v2 = False
    assert await mirror.heads(["main", "refs/pull/7/head", "refs/pull/8/head"]) == {MAIN: commit, "refs/pull/7/head": commit}
    assert await mirror.heads(["semver:*"]) == {"refs/tags/v1.3.0": commit}


async def test_a_repository_of_sha256_is_read_as_any_other(worker, mirror, remote, git_server):
    path = git_server.path(remote.name)
    path.mkdir(parents=True)
    await remote.git("init", "--quiet", "--bare", "--object-format=sha256", "--initial-branch=main")
    await remote.git("config", "uploadpack.allowAnySHA1InWant", "true")
    old = await remote.commit({"a": "1", "b/c.yaml": "2"})
    new = await remote.commit({"a": "2"})
    assert len(old) == 64
    await mirror.ensure(old)
    assert (await mirror.heads(["main"]))[MAIN] == new
    assert await mirror.fetch(MAIN) == new
    assert await mirror.changed(old, new) == {"a"}
    assert len(await mirror.tree(new, "b")) == 64
    assert await mirror.trees(new, ["b"]) == {"b": await mirror.tree(new, "b")}
    with pytest.raises(SourceRefused):
        await mirror.ensure("1" * 40)
    assert await worker(repository_at(remote.url)).has(new)


async def test_a_repository_that_becomes_one_of_sha256_is_followed(mirror, remote, git_server):
    old = await remote.commit({"a": "1"})
    assert await mirror.fetch(MAIN) == old
    shutil.rmtree(git_server.path(remote.name))
    git_server.path(remote.name).mkdir()
    await remote.git("init", "--quiet", "--bare", "--object-format=sha256", "--initial-branch=main")
    new = await remote.commit({"a": "1"})
    assert (len(old), len(new)) == (40, 64)
    assert await mirror.fetch(MAIN) == new
    assert not await mirror.has(old)


async def test_an_empty_repository_has_no_heads(mirror, remote):
    await remote.commit({"a": "1"})
    await remote.delete_ref(MAIN)
    assert await mirror.heads() == {}


async def test_fetch_says_where_a_ref_is_and_has_its_files(mirror, remote):
    commit = await remote.commit({"apps/web/a.yaml": "1", "b.yaml": "2"})
    assert await mirror.fetch(MAIN) == commit
    assert await mirror.has(commit)
    assert await mirror.tree(commit, "apps/web") != await mirror.tree(commit)
    assert await mirror.tree(commit, "apps/absent") is None
    trees = await mirror.trees(
        commit, ["", "apps/web", "apps/absent", "../apps", "apps\nweb", "absent/web", "b.yaml", "b.yaml/x", "apps/web/a.yaml/x"]
    )
    assert trees == {"": await mirror.tree(commit), "apps/web": await mirror.tree(commit, "apps/web")}


async def test_a_commit_says_when_it_was_made(mirror, remote):
    before = datetime.now(UTC) - timedelta(seconds=2)
    commit = await remote.commit({"a": "1"})
    await mirror.fetch(MAIN)
    assert before < await mirror.committed_at(commit) <= datetime.now(UTC)
    assert await mirror.committed_at("0" * 40) is None


@pytest.mark.parametrize(
    ("seconds", "year"),
    [(0, 1970), (4102444800, 2100), (99999999999, 5138), (999999999999999, None)],
    ids=["the beginning of time", "the future", "far away", "no time of any calendar"],
)
async def test_a_commit_may_claim_any_time(mirror, remote, seconds, year):
    commit = await remote.commit({"a": "1"})
    await mirror.fetch(MAIN)
    kept = await mirror.read_git("cat-file", "commit", commit)
    claimed = re.sub(rb"(committer .*> )[0-9]+", rb"\g<1>%d" % seconds, kept)
    made = (await mirror.read_git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=claimed)).decode().strip()
    found = await mirror.committed_at(made)
    assert (found.year if found else None) == year


async def test_only_one_commit_is_fetched(mirror, remote):
    old = await remote.commit({"a": "1"})
    new = await remote.commit({"a": "2"})
    await mirror.fetch(MAIN)
    assert await mirror.has(new)
    assert not await mirror.has(old)


async def test_an_exact_commit_is_fetched_once(mirror, remote, git_server):
    old = await remote.commit({"a": "1"})
    await remote.commit({"a": "2"})
    await mirror.ensure(old)
    assert await mirror.has(old)
    count = len(git_server.requests)
    await mirror.ensure(old)
    assert len(git_server.requests) == count


async def test_what_another_worker_fetched_is_not_fetched_again(worker, remote, git_server):
    commit = await remote.commit({"a": "1"})
    await worker(repository_at(remote.url)).fetch(MAIN)
    count = len(git_server.requests)
    await worker(repository_at(remote.url)).ensure(commit)
    assert len(git_server.requests) == count


async def test_a_force_push_is_followed_and_the_old_commit_stays_readable(mirror, remote):
    first = await remote.commit({"a": "1"})
    second = await remote.commit({"a": "2", "b": "2"})
    assert await mirror.fetch(MAIN) == second
    await remote.set_ref(MAIN, first)
    assert await mirror.fetch(MAIN) == first
    assert await mirror.changed(second, first) == {"a", "b"}


async def test_a_deleted_branch_is_refused_by_name_and_found_again_when_it_is_back(mirror, remote):
    commit = await remote.commit({"a": "1"})
    await mirror.fetch(MAIN)
    await remote.delete_ref(MAIN)
    with pytest.raises(SourceRefused, match=r"cannot fetch refs/heads/main of .*has no such branch or tag"):
        await mirror.fetch(MAIN)
    await remote.set_ref(MAIN, commit)
    assert await mirror.fetch(MAIN) == commit


async def test_a_branch_may_become_a_directory_of_branches(mirror, remote):
    commit = await remote.commit({"a": "1"}, branch="team")
    assert await mirror.fetch("refs/heads/team") == commit
    await remote.delete_ref("refs/heads/team")
    await remote.set_ref("refs/heads/team/web", commit)
    assert await mirror.fetch("refs/heads/team/web") == commit


async def test_a_branch_and_a_tag_of_one_name_are_two(mirror, remote):
    tagged = await remote.commit({"a": "1"}, branch="v1")
    branch = await remote.commit({"a": "2"}, branch="v1")
    await remote.tag("v1", tagged)
    assert await mirror.fetch("refs/tags/v1") == tagged
    assert await mirror.fetch("refs/heads/v1") == branch


async def test_a_tag_of_a_file_is_refused(mirror, remote):
    await remote.commit({"a": "1"})
    blob = await remote.git("hash-object", "-w", "--stdin", stdin=b"x")
    await remote.set_ref("refs/tags/file", blob)
    with pytest.raises(SourceRefused, match="leads to no commit"):
        await mirror.fetch("refs/tags/file")


@pytest.mark.parametrize(
    "ref",
    [
        "main",
        "refs/heads/*",
        "refs/heads/a:refs/heads/b",
        "refs/heads/a..b",
        "refs/heads/^a",
        "refs/heads/a\nb",
        "--upload-pack=x",
    ],
)
async def test_what_is_no_ref_never_reaches_git(mirror, ref):
    with pytest.raises(SourceRefused, match="is no ref"):
        await mirror.fetch(ref)


@pytest.mark.parametrize("commit", ["main", "abc", "--upload-pack=x", "A" * 40, ""])
async def test_what_is_no_commit_never_reaches_git(mirror, commit):
    with pytest.raises(SourceRefused, match="is no commit"):
        await mirror.ensure(commit)


async def test_a_commit_that_the_remote_does_not_have_is_refused(mirror, remote):
    await remote.commit({"a": "1"})
    with pytest.raises(SourceRefused, match="does not have this commit"):
        await mirror.ensure("1" * 40)


async def test_an_old_server_gives_a_commit_by_way_of_its_refs(mirror, remote, git_server):
    git_server.speaks_v2 = False
    old = await remote.commit({"a": "1"})
    await remote.git("config", "uploadpack.allowAnySHA1InWant", "false")
    await remote.commit({"a": "2"})
    await mirror.ensure(old)
    assert await mirror.has(old)
    with pytest.raises(SourceRefused, match="gives out only what its branches and tags are at"):
        await mirror.ensure("1" * 40)


async def test_a_rename_is_both_its_paths_and_names_may_hold_anything(mirror, remote):
    old = await remote.commit({"apps/a.yaml": "same\n" * 50, "k": "1"})
    new = await remote.commit({"apps/a.yaml": None, "apps/b\nc ä.yaml": "same\n" * 50})
    await mirror.ensure(old)
    await mirror.ensure(new)
    assert await mirror.changed(old, new) == {"apps/a.yaml", "apps/b\nc ä.yaml"}


@pytest.mark.long
async def test_ten_thousand_refs_are_listed_and_one_is_fetched(mirror, remote):
    commit = await remote.commit({"a": "1"})
    lines = "".join(f"create refs/heads/b{number:05} {commit}\n" for number in range(10_000))
    await remote.git("update-ref", "--stdin", stdin=lines.encode())
    await remote.git("pack-refs", "--all")
    assert len(await mirror.heads()) == 10_001
    assert await mirror.fetch("refs/heads/b09999") == commit
    assert await mirror.tree(commit, "a")


async def test_two_workers_fetch_into_one_mirror_at_once(worker, remote):
    commits = [await remote.commit({"a": str(number)}, branch=f"b{number}") for number in range(6)]
    mirrors = [worker(repository_at(remote.url)) for _ in range(2)]
    found = await asyncio.gather(*(mirrors[n % 2].fetch(f"refs/heads/b{n}") for n in range(6)))
    assert found == commits


@pytest.mark.parametrize(
    ("mine", "theirs", "is_shared"),
    [
        (None, None, True),
        (SecretRef("trueup", "git"), SecretRef("trueup", "git"), True),
        (SecretRef("trueup", "git"), None, False),
        (SecretRef("trueup", "git"), SecretRef("other", "git"), False),
        (SecretRef("trueup", "git"), SecretRef("trueup", "other"), False),
    ],
    ids=["both-open", "one-secret", "one-is-open", "another-namespace", "another-secret"],
)
async def test_repositories_share_a_mirror_only_when_one_secret_opens_both(worker, remote, mine, theirs, is_shared):
    commit = await remote.commit({"a": "1"})
    given = {"git": {"password": b"x"}, "other": {"password": b"y"}}
    first = worker(repository_at(remote.url, credentials=mine), given)
    await first.ensure(commit)
    other = replace(repository_at(remote.url, credentials=theirs), name=Name("other", "shop"))
    assert await worker(other, given).has(commit) is is_shared


async def test_a_broken_mirror_is_thrown_away_and_made_again(worker, remote):
    commit = await remote.commit({"apps/a.yaml": "1"})
    mirror = worker(repository_at(remote.url))
    await mirror.fetch(MAIN)
    for file in (mirror.directory.path / "objects").rglob("*"):
        if file.is_file():
            file.chmod(0o600)
            file.write_bytes(b"damage")
    for _ in range(2):
        with pytest.raises(SourceUnavailable, match="cannot read the mirror"):
            await mirror.tree(commit, "apps")
    await mirror.ensure(commit)
    assert await mirror.tree(commit, "apps")


@pytest.mark.parametrize("damage", ["config", "HEAD", "objects"])
async def test_a_mirror_without_its_parts_is_made_again(worker, remote, damage):
    commit = await remote.commit({"a": "1"})
    mirror = worker(repository_at(remote.url))
    await mirror.fetch(MAIN)
    part = mirror.directory.path / damage
    if part.is_dir():
        part.rename(part.with_name("gone"))
    else:
        part.write_text("[nonsense")
    for _ in range(3):
        try:
            assert await mirror.fetch(MAIN) == commit
        except SourceUnavailable:
            continue
        break
    assert await worker(repository_at(remote.url)).fetch(MAIN) == commit


async def test_a_mirror_that_grew_is_packed_and_keeps_what_is_in_use(mirror, remote, monkeypatch):
    monkeypatch.setattr("reconciler.git.directory.UNTIDY_LOOSE", -1)
    monkeypatch.setattr("reconciler.git.directory.KEEP_COMMITS", 2)
    commits = [await remote.commit({"a": str(number)}) for number in range(5)]
    for commit in commits:
        await mirror.ensure(commit)
    assert await mirror.fetch(MAIN) == commits[-1]
    await mirror.heads()
    kept = list((mirror.directory.path / "packed-refs").read_text().split())
    assert sum(1 for word in kept if word.startswith("refs/trueup/commits/")) == 2
    assert await mirror.fetch(MAIN) == commits[-1]


async def test_a_path_on_disk_is_a_remote_where_settings_list_it(tmp_path, remote):
    commit = await remote.commit({"a": "1"})
    path = remote.server.path(remote.name)
    for number, url in enumerate((str(path), f"file://{path}")):
        mirror = MirrorMaker(tmp_path / str(number), git_protocols=("file",))(repository_at(url))
        assert await mirror.fetch(MAIN) == commit
    with pytest.raises(SourceRefused, match="TRUEUP_GIT_PROTOCOLS does not list"):
        await MirrorMaker(tmp_path / "https", git_protocols=("https",))(repository_at(str(path))).fetch(MAIN)


async def test_ssh_without_a_key_is_refused_plainly(worker):
    with pytest.raises(SourceRefused, match="ssh needs a private key; name a Secret with identity"):
        await worker(repository_at("git@github.com:acme/shop.git")).heads()
