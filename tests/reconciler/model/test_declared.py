"""What people declare, after parsing: names, who follows which ref, and rules about fields that are left to others."""

import pytest

from reconciler.model.declared import Application, Declarations, Destination, GitSource, Instance, Name

SHOP, DOCS = Name("trueup", "shop"), Name("trueup", "docs")


@pytest.mark.parametrize(
    ("text", "name"), [("web", Name("trueup", "web")), ("team/web", Name("team", "web")), ("a/b/web", Name("a/b", "web"))]
)
def test_names(text, name):
    assert Name.parse(text) == name
    assert Name.parse(str(name)) == name
    assert Name.parse("web", default_namespace="other") == Name("other", "web")


@pytest.mark.parametrize(("id_", "manager"), [("trueup", "trueup"), ("blue", "trueup-blue")])
def test_two_instances_have_two_field_managers(id_, manager):
    assert Instance(id_).manager == manager


def application(name, *sources, after=()):
    found = tuple(GitSource(repository, revision, name) for repository, revision in sources)
    return Application(
        Name("trueup", name), found, Destination("in-cluster", ""), depends_on=tuple(Name("trueup", n) for n in after)
    )


DECLARED = Declarations(
    applications={
        one.name: one
        for one in (
            application("web", (SHOP, "main"), after=["db"]),
            application("api", (SHOP, "main"), (DOCS, "v1")),
            application("db", (SHOP, "refs/tags/v1"), after=["base"]),
            application("base", (DOCS, "a/b")),
        )
    }
)


@pytest.mark.parametrize(
    ("repository", "ref", "names"),
    [
        pytest.param(SHOP, "refs/heads/main", ["api", "web"], id="by name, in order"),
        pytest.param(SHOP, "refs/tags/v1", ["db"], id="a tag by its full name"),
        pytest.param(SHOP, "refs/heads/v1", [], id="a branch of the tag's name"),
        pytest.param(DOCS, "refs/tags/v1", ["api"], id="a second source"),
        pytest.param(DOCS, "refs/heads/a/b", ["base"], id="a branch with a slash"),
        pytest.param(DOCS, "refs/heads/main", [], id="of another repository"),
    ],
)
def test_who_follows_a_ref(repository, ref, names):
    assert [one.name.name for one in DECLARED.following(repository, ref).values()] == names


def test_whom_others_depend_on():
    assert {name.name for name in DECLARED.awaited} == {"db", "base"}
    assert Declarations().awaited == frozenset()
