"""Files of other sources: what is read of which commit, what it makes a render depend on, and what is no such file."""

from dataclasses import replace

import pytest

from reconciler.errors import TrueupError
from reconciler.git.mirror import Mirrors
from reconciler.model.declared import Application, Destination, GitSource, Name
from reconciler.model.outcome import Revision
from reconciler.model.rendering import HelmOptions, RenderOptions
from reconciler.settings import ReconcilerSettings
from reconciler.sync.borrowed import FILE_BYTES, Borrowed, Lender
from tests.servers.git_http import GivenSecrets, repository_at
from trueup.sandbox.githttp import GitServer

CONFIG, CHARTS = Name("trueup", "config"), Name("trueup", "charts")


@pytest.fixture
async def config(tmp_path):
    """A repository of values; its mirror and its only commit."""
    path = tmp_path
    async with GitServer(path / "git") as git:
        files = {"prod.yaml": "a: 1\n", "env/stage.yaml": "a: 2\n", "large.yaml": "x" * (FILE_BYTES + 1), "latin": "a"}
        await git.commit("acme/config", files, message="all")
        bare = git.path("acme/config")
        blob = await git.git(bare, "hash-object", "-w", "--stdin", stdin=b"../../etc/passwd")
        latin = await git.git(bare, "hash-object", "-w", "--stdin", stdin=b"\xff\xfe")
        entries = f"120000 blob {blob}\tlink.yaml\n100644 blob {latin}\tlatin\n"
        tree = await git.git(bare, "ls-tree", "main")
        kept = "\n".join(line for line in tree.splitlines() if not line.endswith("latin"))
        whole = await git.git(bare, "mktree", stdin=f"{kept}\n{entries}".encode())
        commit = await git.git(bare, "commit-tree", "-m", "x", whole, env={"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@x",
                               "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@x"})  # fmt: skip
        await git.git(bare, "update-ref", "refs/heads/main", commit)
        settings = ReconcilerSettings(state=path / "state", git_protocols=("http",))
        mirrors = Mirrors(settings, GivenSecrets())
        yield mirrors.of(replace(repository_at(git.url("acme/config")), name=CONFIG)), commit
        await mirrors.close()


async def borrow(config, *paths):
    mirror, commit = config
    sources = (GitSource(CHARTS, "main", "chart"), GitSource(CONFIG, "main", "", ref="values"))
    application = Application(Name("trueup", "web"), sources, Destination("c", "n"))
    revisions = (Revision("", "0" * 40), Revision("", commit))
    options = RenderOptions(helm=HelmOptions(values_files=paths))
    (found,) = await Lender({CONFIG: mirror}).lend([(application, revisions, options)])
    return found


async def test_what_is_named_is_read_and_counts(config):
    found = await borrow(config, "$values/prod.yaml", "own.yaml", "$values/env/../env/stage.yaml", "$values/absent.yaml")
    assert found == Borrowed(
        (("$values/prod.yaml", "a: 1\n"), ("$values/env/../env/stage.yaml", "a: 2\n")),
        {CONFIG: frozenset({"prod.yaml", "env/stage.yaml"})},
        {CONFIG: frozenset({"absent.yaml"})},
    )


async def test_many_files_are_read_by_two_commands(config, monkeypatch):
    mirror, _ = config
    await mirror.ensure(config[1])
    calls = []
    attempt = mirror.git.attempt

    class Counting:
        async def attempt(self, directory, *arguments, call):
            calls.append(arguments[0])
            return await attempt(directory, *arguments, call=call)

    monkeypatch.setattr(mirror, "git", Counting())
    await borrow(config, "$values/prod.yaml", "$values/env/stage.yaml")
    assert calls == ["ls-tree", "cat-file"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        pytest.param("$values/../../etc/passwd", "must be a path within the repository trueup/config", id="up"),
        pytest.param("$values/env/../../x", "must be a path within the repository", id="down and up"),
        pytest.param("$values//etc/passwd", "must be a path within the repository", id="absolute"),
        pytest.param("$values/.", "must be a path within the repository", id="the top"),
        pytest.param("$values/a\0b", "must be a path within the repository", id="nul"),
        pytest.param("$other/prod.yaml", "trueup/web: $other/prod.yaml: no source has ref: other", id="another source"),
        pytest.param("$/prod.yaml", "no source has ref: ", id="no source"),
        pytest.param("$values/link.yaml", "link.yaml: is a link; name the file that it leads to in trueup/config", id="link"),
        pytest.param("$values/env", "env: is no file in trueup/config", id="directory"),
        pytest.param("$values/large.yaml", "large.yaml: more than 5 MiB in trueup/config", id="large"),
        pytest.param("$values/latin", "$values/latin: is no text", id="no text"),
    ],
)
async def test_what_is_no_such_file_is_named(config, path, message):
    found = await borrow(config, path)
    assert isinstance(found, TrueupError)
    assert message in str(found)


@pytest.mark.parametrize(
    "path", ["$values/link.yaml/x", "$values/*.yaml", "$values/:(glob)**", "$values/-x", "$values/prod.yaml/"]
)
@pytest.mark.long
async def test_nothing_is_a_pattern_or_an_option(config, path):
    found = await borrow(config, path)
    assert isinstance(found, Borrowed)
    assert {name for name, _ in found.files} <= {"$values/prod.yaml/"}
