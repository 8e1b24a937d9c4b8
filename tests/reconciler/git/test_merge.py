"""What a merge would make, with real git: the target's own changes, conflicts, histories of every length, and nothing that is pushed."""

import pytest

from reconciler.errors import SourceRefused
from reconciler.git.merge import DEPTHS, merge

MAIN, PULL = "refs/heads/main", "refs/pull/7/head"
TREE = {"a/a.yaml": "1\n", "b/b.yaml": "1\n"}


async def pull(remote, files, *, start):
    """A pull request with one commit."""
    await remote.set_ref("refs/heads/topic", start)
    commit = await remote.commit(files, branch="topic")
    await remote.set_ref(PULL, commit)
    return commit


async def test_the_result_has_what_both_changed(mirror, remote):
    start = await remote.commit(TREE)
    head = await pull(remote, {"a/a.yaml": "2\n"}, start=start)
    base = await remote.commit({"b/b.yaml": "3\n", "c.yaml": "4\n"})
    found = await merge(mirror, MAIN, PULL)
    assert (found.base, found.head, found.why_none) == (base, head, "")
    assert await mirror.changed(base, found.commit) == {"a/a.yaml"}, "what the target changed since is not of the pull request"
    assert await mirror.has(found.commit)
    assert (await merge(mirror, MAIN, PULL)).commit == found.commit


@pytest.mark.parametrize(
    ("base", "head", "result"),
    [
        pytest.param(None, {"a/a.yaml": "2\n"}, "head", id="the target stood still"),
        pytest.param({"b/b.yaml": "2\n"}, None, "base", id="it is merged already"),
    ],
)
async def test_where_one_leads_to_the_other_no_commit_is_made(mirror, remote, base, head, result):
    start = await remote.commit(TREE)
    await (pull(remote, head, start=start) if head else remote.set_ref(PULL, start))
    if base:
        await remote.commit(base)
    found = await merge(mirror, MAIN, PULL)
    assert found.commit == getattr(found, result)


async def test_a_conflict_names_its_files(mirror, remote):
    start = await remote.commit({**TREE, **{f"c/{n}.yaml": "1\n" for n in range(6)}})
    await pull(remote, {"a/a.yaml": "2\n", "b/b.yaml": None, **{f"c/{n}.yaml": "2\n" for n in range(6)}}, start=start)
    await remote.commit({"a/a.yaml": "3\n", "b/b.yaml": "3\n", **{f"c/{n}.yaml": "3\n" for n in range(6)}})
    found = await merge(mirror, MAIN, PULL)
    assert found.commit == ""
    assert found.why_none == "conflicts in a/a.yaml, b/b.yaml, c/0.yaml, c/1.yaml, c/2.yaml and 3 more"


@pytest.mark.long
@pytest.mark.parametrize("commits", [DEPTHS[0] - 2, DEPTHS[0] + 10, DEPTHS[1] + 10])
async def test_they_may_have_parted_long_ago(mirror, remote, commits):
    start = await remote.commit(TREE)
    await pull(remote, {"a/a.yaml": "2\n"}, start=start)
    await remote.grow(MAIN, commits)
    base = await remote.commit({"b/b.yaml": "3\n"})
    found = await merge(mirror, MAIN, PULL)
    assert found.base == base
    assert await mirror.changed(base, found.commit) == {"a/a.yaml"}


async def test_what_has_nothing_in_common_is_refused(mirror, remote):
    await remote.commit(TREE)
    await remote.set_ref(PULL, await remote.commit({"x": "1"}, branch="stranger"))
    with pytest.raises(SourceRefused, match=r"refs/pull/7/head and refs/heads/main have no commit in common"):
        await merge(mirror, MAIN, PULL)


@pytest.mark.parametrize("ref", ["--upload-pack=touch /tmp/x", "refs/heads/../x", "main", "refs/heads/*"])
async def test_a_ref_is_one_ref(mirror, remote, ref):
    await remote.commit(TREE)
    with pytest.raises(SourceRefused, match="is no ref"):
        await merge(mirror, MAIN, ref)


async def test_drivers_and_attributes_of_the_tree_do_nothing(mirror, remote):
    start = await remote.commit({**TREE, ".gitattributes": "*.yaml merge=evil\n"})
    await pull(remote, {"a/a.yaml": "2\n"}, start=start)
    await remote.commit({"a/a.yaml": "3\n"})
    assert (await merge(mirror, MAIN, PULL)).conflicts == ("a/a.yaml",)


async def test_a_sync_goes_on_with_a_mirror_that_merged(mirror, remote):
    start = await remote.commit(TREE)
    await pull(remote, {"a/a.yaml": "2\n"}, start=start)
    await remote.commit({"b/b.yaml": "3\n"})
    await merge(mirror, MAIN, PULL)
    newest = await remote.commit({"a/a.yaml": "5\n"})
    assert await mirror.fetch(MAIN) == newest
    await mirror.ensure(start)
    assert await mirror.changed(start, newest) == {"a/a.yaml", "b/b.yaml"}
    assert (await merge(mirror, MAIN, PULL)).conflicts == ("a/a.yaml",)
