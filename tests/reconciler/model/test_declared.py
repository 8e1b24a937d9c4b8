"""What people declare, after parsing: names, who follows which ref, and rules about fields that are left to others."""

from dataclasses import replace

import pytest

from reconciler.model.declared import (
    Allowance,
    Application,
    Declarations,
    Destination,
    Forge,
    GitSource,
    Instance,
    Name,
    Repository,
    RepositoryType,
)
from reconciler.model.policy import DeletionPolicy, SyncPolicy

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


REPOSITORY = Repository(SHOP, "https://git.example/shop.git", "git.example/shop", Forge.GITHUB, "")


@pytest.mark.parametrize(
    ("namespace", "globs", "is_allowed"),
    [
        ("trueup", (), True),
        ("team-a", (), False),
        ("team-a", ("team-*",), True),
        ("other", ("team-*", "o*"), True),
        ("other", ("team-*",), False),
    ],
)
def test_a_repository_is_for_applications_of_its_namespace_and_of_those_that_it_allows(namespace, globs, is_allowed):
    assert replace(REPOSITORY, allowed_namespaces=globs).allows(namespace) is is_allowed


@pytest.mark.parametrize(
    ("submodules", "lfs", "added"),
    [(False, False, ""), (True, False, "submodules;"), (False, True, "lfs;"), (True, True, "submodules;lfs;")],
)
def test_what_is_put_into_the_commits_of_a_repository_has_a_name(submodules, lfs, added):
    assert replace(REPOSITORY, submodules=submodules, lfs=lfs).added == added


@pytest.mark.parametrize(
    ("revision", "types"),
    [
        ("main", (RepositoryType.GIT,)),
        ("refs/charts/web/1.x", (RepositoryType.HELM, RepositoryType.OCI)),
        ("refs/oci/1.x", (RepositoryType.OCI,)),
    ],
)
def test_a_source_needs_a_repository_that_has_such_a_thing(revision, types):
    assert GitSource(SHOP, revision, "").needs == types


@pytest.mark.parametrize(
    ("path", "ref", "is_rendered"), [("web", "", True), ("", "", True), ("", "values", False), ("web", "values", True)]
)
def test_a_source_that_is_only_referred_to_is_not_rendered(path, ref, is_rendered):
    assert GitSource(SHOP, "main", path, ref=ref).is_rendered is is_rendered


@pytest.mark.parametrize(
    ("namespace", "allowed", "may_wait"),
    [("trueup", (), True), ("team", None, True), ("team", ("team",), True), ("team", ("shop",), False)],
)
def test_an_application_waits_for_those_of_namespaces_that_it_may_touch(namespace, allowed, may_wait):
    one = replace(application("web", (SHOP, "main")), allowance=Allowance(namespaces=allowed))
    assert one.may_wait_for(Name(namespace, "db")) is may_wait


@pytest.mark.parametrize(
    ("policy", "generation", "goes_along", "is_resource"),
    [
        (DeletionPolicy.PRUNE, 0, True, False),
        (DeletionPolicy.PRUNE, 3, False, True),
        (DeletionPolicy.ORPHAN, 0, False, False),
    ],
    ids=["a file that says so", "a custom resource, by its finalizer", "a file"],
)
def test_objects_say_themselves_that_they_go_with_an_application_of_a_file(policy, generation, goes_along, is_resource):
    one = replace(application("web", (SHOP, "main")), sync=SyncPolicy(deletion=policy), generation=generation)
    assert (one.goes_along, one.is_resource) == (goes_along, is_resource)
