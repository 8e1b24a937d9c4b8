"""Which version a range meant: of charts and artifacts from a living server, and of tags."""

import pytest

from reconciler.artifacts.mirror import Stores
from reconciler.model.declared import Application, Destination, Forge, GitSource, Name, Repository, RepositoryType
from reconciler.model.outcome import Revision
from reconciler.settings import ReconcilerSettings
from reconciler.sync.source import Target
from reconciler.sync.versions import versions_of
from tests.servers.git_http import GivenSecrets
from tests.servers.registry import CHART_LAYER, Registry, archive, chart

FILES = archive({"a.yaml": "a: 1\n"})


@pytest.fixture
async def registry():
    async with Registry() as registry:
        registry.add_chart("web", "1.2.0", chart("web", "1.2.0", ""))
        registry.push("acme/web", "v1.3.0", chart("web", "v1.3.0", ""), CHART_LAYER)
        registry.push("acme/app", "1.4.0", FILES)
        registry.digest = registry.push("acme/app", "latest", FILES)
        yield registry


def stores_at(path):
    return Stores(ReconcilerSettings(state=path, git_protocols=("http",)), GivenSecrets())


def repositories(registry):
    rows = [
        ("charts", f"{registry.url}/charts", RepositoryType.HELM),
        ("oci", f"oci://{registry.host}/acme", RepositoryType.OCI),
        ("app", f"oci://{registry.host}/acme/app", RepositoryType.OCI),
        ("git", "https://git.example/acme/shop.git", RepositoryType.GIT),
    ]
    return {
        Name("trueup", name): Repository(Name("trueup", name), url, "x", Forge.GENERIC, "", type=kind) for name, url, kind in rows
    }


def target(*sources):
    """Each source: repository, revision, ref, commit."""
    declared = tuple(GitSource(Name("trueup", name), revision, "") for name, revision, _, _ in sources)
    revisions = tuple(Revision(ref, commit) for _, _, ref, commit in sources)
    return Target(Application(Name("trueup", "web"), declared, Destination("c", "n")), revisions)


@pytest.mark.parametrize(
    ("name", "ref", "version"),
    [
        ("charts", "refs/charts/web/^1", "1.2.0"),
        ("oci", "refs/charts/web/*", "v1.3.0"),
        ("app", "refs/oci/semver/^1", "1.4.0"),
        ("app", "refs/oci/tag/latest", "DIGEST"),
    ],
    ids=["chart", "chart of a registry", "artifact by range", "artifact by tag"],
)
async def test_what_a_range_meant_is_known_after_a_restart_too(tmp_path, registry, name, ref, version):
    declared = repositories(registry)
    stores = stores_at(tmp_path)
    commit = await stores.of(declared[Name("trueup", name)]).fetch(ref)
    wanted = (registry.digest if version == "DIGEST" else version,)
    for one in (stores, stores_at(tmp_path)):
        for followed in (ref, ""):
            assert await versions_of(target((name, ref, followed, commit)), one, declared) == wanted


async def test_a_version_that_is_no_text_to_show_is_left_out(tmp_path, registry):
    odd = archive({"Chart.yaml": 'apiVersion: v2\nname: odd\nversion: "1.0.0\\e[2J"\n', "templates/a.yaml": ""}, top="odd")
    registry.push("acme/odd", "1.0.0", odd, CHART_LAYER)
    declared, stores = repositories(registry), stores_at(tmp_path)
    commit = await stores.of(declared[Name("trueup", "oci")]).fetch("refs/charts/odd/*")
    assert await versions_of(target(("oci", "refs/charts/odd/*", "", commit)), stores, declared) == ()


@pytest.mark.parametrize(
    ("revision", "ref", "version"),
    [
        ("semver:^1", "refs/tags/v1.4.0", ("v1.4.0",)),
        ("v1.4.0", "refs/tags/v1.4.0", ()),
        ("main", "refs/heads/main", ()),
        ("semver:^1", "", ()),
    ],
    ids=["range of tags", "tag", "branch", "at a commit"],
)
async def test_of_git_a_range_of_tags_means_a_tag(tmp_path, registry, revision, ref, version):
    assert await versions_of(target(("git", revision, ref, "1" * 40)), stores_at(tmp_path), repositories(registry)) == version


async def test_sources_without_one_have_their_place(tmp_path, registry):
    found = await versions_of(
        target(("git", "main", "refs/heads/main", "1" * 40), ("git", "semver:*", "refs/tags/v2.0.0", "2" * 40)),
        stores_at(tmp_path),
        repositories(registry),
    )
    assert found == ("", "v2.0.0")
