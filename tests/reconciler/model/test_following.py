"""Who follows what."""

import pytest

from reconciler.model.declared import Application, Declarations, Destination, GitSource, Name

SHOP, OTHER = Name("trueup", "shop"), Name("trueup", "other")


def application(name: str, *revisions: str, repository: Name = SHOP) -> Application:
    sources = tuple(GitSource(repository, revision, f"apps/{name}") for revision in revisions)
    return Application(Name("trueup", name), sources, Destination("in-cluster", "shop"))


DECLARED = [
    application("web", "main"), application("api", "refs/heads/main"), application("old", "v1"),
    application("both", "main", "v1"), application("other", "main", repository=OTHER),
]  # fmt: skip


@pytest.mark.parametrize(
    ("ref", "names"),
    [
        pytest.param("refs/heads/main", ["trueup/api", "trueup/both", "trueup/web"], id="a branch, named in short and in full"),
        pytest.param("refs/tags/v1", ["trueup/both", "trueup/old"], id="a tag"),
        pytest.param("refs/heads/next", [], id="nobody"),
    ],
)
def test_who_follows_a_ref_is_told_by_name(ref, names):
    declarations = Declarations({}, {one.name: one for one in DECLARED})
    found = declarations.following(SHOP, ref)
    assert list(found) == names
    assert [str(one.name) for one in found.values()] == names


def test_who_follows_a_ref_is_found_out_once():
    declarations = Declarations({}, {one.name: one for one in DECLARED})
    assert declarations.following(OTHER, "refs/heads/main") is declarations.following(OTHER, "refs/heads/main")
