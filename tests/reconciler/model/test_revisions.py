"""What a declared revision means among the refs that there are."""

import pytest

from reconciler.model.revisions import TagRange, is_commit, is_range, may_mean, names_of, resolve

REFS = (
    "refs/heads/main", "refs/heads/v1", "refs/tags/v1", "refs/tags/v1.2.0", "refs/tags/v1.3.0", "refs/tags/1.4.0-rc.1",
    "refs/tags/v2.0.0", "refs/tags/shop-v1.9.0", "refs/tags/shop-1.10.0", "refs/pull/7/head", "refs/heads/v9.9.9",
)  # fmt: skip


@pytest.mark.parametrize(
    ("revision", "ref"),
    [
        ("main", "refs/heads/main"),
        ("v1", "refs/heads/v1"),
        ("refs/tags/v1", "refs/tags/v1"),
        ("v2.0.0", "refs/tags/v2.0.0"),
        ("refs/pull/7/head", "refs/pull/7/head"),
        ("gone", None),
        ("a" * 40, None),
        ("semver:>=1.2 <2", "refs/tags/v1.3.0"),
        ("semver:*", "refs/tags/v2.0.0"),
        ("semver:>=1.4.0-0 <2", "refs/tags/1.4.0-rc.1"),
        ("semver:shop-:^1", "refs/tags/shop-1.10.0"),
        ("semver:shop-v:^1", "refs/tags/shop-v1.9.0"),
        ("semver:>3", None),
    ],
)
def test_what_a_revision_means(revision, ref):
    assert resolve(revision, REFS) == ref
    assert resolve(revision, dict.fromkeys(REFS, "a")) == ref
    assert ref is None or may_mean(revision, ref)
    asked = names_of(revision)
    assert ref is None or any(ref == name or (name.endswith("*") and ref.startswith(name[:-1])) for name in asked)


@pytest.mark.parametrize(
    ("revision", "ref"),
    [
        ("semver:^1", "refs/heads/v1.2.0"),
        ("semver:^1", "refs/tags/v2.0.0"),
        ("semver:shop-:^1", "refs/tags/v1.2.0"),
        ("v1", "refs/tags/v10"),
    ],
)
def test_what_it_never_means(revision, ref):
    assert not may_mean(revision, ref)


def test_the_kinds_of_revisions():
    assert [is_range("semver:*"), is_range("main"), is_commit("a" * 40), is_commit("b" * 64), is_commit("c" * 41)] == [
        True, False, True, True, False,
    ]  # fmt: skip
    assert TagRange.parse("main") is None
    with pytest.raises(ValueError, match="no range"):
        TagRange.parse("semver:main")
